"""The result in plain sentences, made from the figures alone."""

from .cells import verdict
from .spread import is_apart


def number(value):
    """Four digits that count."""
    if value is None:
        return "-"
    size = 10 ** max(0, len(str(int(abs(value)))) - 4)
    return f"{round(value / size) * size:,}"


def times(value):
    """A ratio: two decimals where they matter."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def milliseconds(us):
    return digits(us / 1000)


def digits(value):
    """Three digits that count, or one more."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def reference_of(measured):
    """Whom the sentences are about: the first Corecast, or the first that was named."""
    contestants = [entry for entry in measured.entries if entry.is_contestant]
    ours = [entry for entry in contestants if entry.kind == "corecast"]
    return (ours or contestants or [None])[0]


def result(measured, cells):
    """One paragraph."""
    reference = reference_of(measured)
    if reference is None:
        return "No broker could be measured."
    mine = [cells[load.name, reference.label] for load in measured.loads]
    sentences = [
        *speed(reference.label, [cell for cell in mine if not cell.load.is_paced]),
        *delay(reference.label, [cell for cell in mine if cell.load.is_paced]),
        *cost(reference.label, mine),
        *untruth(measured, cells),
    ]
    if not sentences:
        return f"Only **{reference.label}** was measured, so there is nothing to compare."
    return " ".join(sentences)


def speed(label, cells):
    by_verdict = {name: [cell for cell in cells if verdict(cell) == name] for name in ("ahead", "behind", "even")}
    compared = sum(map(len, by_verdict.values()))
    if not compared:
        return
    yield f"Going as fast as the brokers can ({count(compared, 'scenario')}),"
    ahead, behind, even = by_verdict["ahead"], by_verdict["behind"], by_verdict["even"]
    if ahead:
        low = min(ahead, key=lambda cell: cell.ratio.median)
        high = max(ahead, key=lambda cell: cell.ratio.median)
        text = f"**{label}** was ahead of the best other broker in {len(ahead)}"
        text += f": {times(low.ratio.median)} times {low.rival.entry.label}'s rate in `{low.load.name}`"
        if high is not low:
            text += f", up to {times(high.ratio.median)} times {high.rival.entry.label}'s in `{high.load.name}`"
        yield text + "."
    else:
        yield f"**{label}** was ahead of the best other broker in none."
    if behind:
        yield f"It was behind in {len(behind)}: " + ", ".join(against(cell) for cell in behind) + "."
    if even:
        yield f"In {len(even)} no order can be told, the runs overlap or are too few:"
        yield ", ".join(against(cell) for cell in even) + "."


def against(cell):
    return f"`{cell.load.name}` ({times(cell.ratio.median)} times {cell.rival.entry.label})"


def delay(label, cells):
    """p99 at a fixed rate; the rival is whoever was best there, not whoever delivered most."""
    for cell in cells:
        mine = cell.latency["p99_us"]
        if not cell.is_true or mine is None:
            continue
        if not cell.kept_up:
            yield f"At the fixed rate of `{cell.load.name}` {label} did not keep up."
        else:
            yield f"At the fixed rate of `{cell.load.name}` its p99 was {milliseconds(mine.median)} ms{others(cell)}."


def others(cell):
    """What the other brokers did at the same rate."""
    texts = []
    for rival in cell.row:
        theirs = rival.latency["p99_us"]
        if rival is cell or not rival.entry.is_contestant or theirs is None:
            continue
        if not rival.is_true or not rival.kept_up:
            texts.append(f"{rival.entry.label} did not keep up")
        else:
            unsure = "" if is_apart(cell.latency["p99_us"], theirs) else ", though no order can be told"
            texts.append(f"{rival.entry.label}'s {milliseconds(theirs.median)} ms{unsure}")
    return " (" + "; ".join(texts) + ")" if texts else ""


def cost(label, cells):
    """CPU for each message, against the thriftiest other broker."""
    less, more = [], []
    for cell in cells:
        rivals = [rival for rival in cell.row if rival is not cell and rival.can_win and rival.cpu]
        if cell.can_win and cell.cpu and rivals:
            best = min(rivals, key=lambda rival: rival.cpu.median)
            if is_apart(cell.cpu, best.cpu):
                (less if cell.cpu.median < best.cpu.median else more).append((cell, best))
    if less or more:
        yield f"A message cost {label} less CPU than the thriftiest other broker in {count(len(less), 'scenario')}"
        yield f"and more in {len(more)}" + named(more) + "."


def named(pairs):
    if not pairs:
        return ""
    return ": " + ", ".join(
        f"`{cell.load.name}` ({digits(cell.cpu.median)} against {best.entry.label}'s {digits(best.cpu.median)} s per million)"
        for cell, best in pairs
    )


def untruth(measured, cells):
    """Who lost, doubled or swapped messages, or could not be run: as loud as a win."""
    for entry in measured.entries:
        bad = [load.name for load in measured.loads if cells[load.name, entry.label].has_untrue_run]
        if bad:
            yield f"**Not every run of {entry.label} was true** (`" + "`, `".join(bad) + "`, see below)."


def count(amount, noun):
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"
