"""summary.md of scripts/latency: targets met and missed first, then the tables."""

import math

from .cells import cell_of
from .cores import show_cores
from .latency_loads import HALF, RISE_MAX_US, TARGETS_US
from .report import (
    LIMIT,
    UNTRUE,
    absences,
    document,
    machine,
    marks,
    name,
    pictures,
    problems,
    ranged,
    repeat,
    truth,
    warnings,
)
from .spread import spread_of
from .stays import PIECE_S, SHARES, percentile_of_some
from .words import count, digits, milliseconds, number

PERCENTILES = ("p50_us", "p99_us", "p99_9_us", "max_us")


def rows_of(measured):
    """A row a load, parts of courses included, in it a cell a broker that it is for."""
    return [
        [cell_of(part, entry, measured.runs_of(part, entry)) for entry in measured.entries if entry.can_run(course)]
        for course in measured.loads
        for part in course.all
    ]


def summary(measured, charts):
    rows = [row for row in rows_of(measured) if row]
    parts = [what(measured), "", *warnings(measured), "## The result", "", *result(measured, rows), ""]
    parts += [*pictures(charts), *by_rate(measured, rows), *beside_bulk(measured, rows)]
    parts += [*complaints(rows), *absences(measured), *method(measured), *machine(measured), *repeat(measured)]
    return document(measured.topic, measured, parts)


def what(measured):
    names = ", ".join(dict.fromkeys(name(entry) for entry in measured.entries)) or "no broker"
    settings = measured.settings
    return (
        f"How late messages come, with {names}, {count(measured.rounds, 'round')} of "
        f"{settings.duration_s:g} s in turns, on {measured.host['cpu']} (Linux {measured.host['kernel']}). "
        "[How to read this](../README.md#latency)."
    )


def result(measured, rows):
    """A line for each target and broker."""
    lines = []
    for row in rows:
        for cell in row:
            if getattr(cell.load, "share", None) == HALF:
                lines += [f"- {cell.entry.label}, {cell.load.title}: {figure}" for figure in against_targets(cell)]
    for alone, beside in bulk_pairs(rows):
        lines.append(f"- {alone.entry.label}: {against_rise(alone, beside)}")
    return [*lines, *floor_lines(measured.host["floors"])] if lines else ["Nothing could be measured."]


def floor_lines(floors):
    """What no broker could do here."""
    limit_us = TARGETS_US["p99_9_us"]
    for floor in floors:
        waits = f"p99 {milliseconds(floor['p99_us'])}, p99.9 {milliseconds(floor['p99_9_us'])} ms"
        doubt = ": **no broker can meet the targets on it**" if floor["p99_9_us"] > limit_us else ""
        yield f"- CPU {floor['cpu']} with nothing to do but look at the clock waits for {waits}{doubt}"


def against_targets(cell):
    """In the broker, if it counts that; else by what loadgen sees, which has the kernel and loadgen itself in it."""
    for percentile, limit in TARGETS_US.items():
        stay, latency = cell.stays.get(percentile), cell.latency.get(percentile)
        if stay is not None:
            figure = judged(stay, limit, bound, True) + doubt_of_truth(cell)
            yield f"{shown(percentile)} in the broker {figure}{by_pieces(cell, percentile, limit)}"
        else:
            text = "no figure" if latency is None else judged(latency, limit, milliseconds) + doubt(cell)
            yield f"{shown(percentile)} {text}"


def by_pieces(cell, percentile, limit_us):
    """What a machine that now and then takes a CPU away does not spoil: most pieces of it are without that."""
    values = sorted(piece[percentile] for piece in cell.stays_pieces)
    if not values:
        return ""
    fitting = sum(value <= limit_us for value in values)
    middle = bound(values[(len(values) - 1) // 2])
    return f"; {middle} in the middle one of {len(values)} pieces of {PIECE_S:g} s, of which {fitting} are within the target"


def against_rise(alone, beside):
    """In the broker, if it counts that: there p99 itself is more than what it was raised by. Else by what loadgen sees."""
    stays = stays_of_pairs(beside)
    if stays is not None:
        figure = judged(stays, RISE_MAX_US, bound, True) + doubt_of_truth(beside)
        return f"p99 of the pairs beside 64 KiB payloads, and so what it is raised by, in the broker {figure}"
    rise = rise_of(alone, beside)
    figure = "no figure" if rise is None else judged(rise, RISE_MAX_US, signed) + doubt(alone, beside)
    return f"64 KiB payloads beside the pairs raise their p99 by {figure}"


def stays_of_pairs(cell):
    """p99 in the broker of what the pairs send, as if all of the bulk had been faster."""
    traffics = [(run.stays, run.report["traffic"]) for run in cell.runs if run.report]
    return spread_of([percentile_of_some(stays, traffic["delivered"], SHARES["p99_us"]) for stays, traffic in traffics])


def judged(spread, limit_us, show, is_bound=False):
    """Met only if every run did; missed if the median did not, also if a less disturbed run did. A bound that is the target
    itself meets it."""
    words = "at most" if is_bound else "below"
    target = f"(target: {words} {milliseconds(limit_us)} ms)"

    def fits(value):
        return value <= limit_us if is_bound else value < limit_us

    if fits(spread.high):
        verdict = "met"
    elif fits(spread.median):
        verdict = "**not in every run**"
    else:
        verdict = "**missed**, but not in every run" if fits(spread.low) else "**missed**"
    return f"{ranged(spread, show)} ms {target}: {verdict}"


def bound(us):
    """The least bound that was counted by and holds; Corecast's last one is 10 ms."""
    return "> 10" if math.isinf(us) else milliseconds(us)


def doubt_of_truth(cell):
    if cell.has_untrue_run:
        return f" {UNTRUE} not every run was true"
    return "" if cell.kept_up else ", and it did not keep up"


def doubt(*cells):
    """Why a figure is not the broker's alone."""
    if any(cell.has_untrue_run for cell in cells):
        return f" {UNTRUE} not every run was true"
    if any(not cell.kept_up for cell in cells):
        return ", and it did not keep up"
    return f" {LIMIT} loadgen was the limit, part of this is its own" if any(cell.was_limit for cell in cells) else ""


def shown(percentile):
    return {"p50_us": "p50", "p99_us": "p99", "p99_9_us": "p99.9", "max_us": "max"}[percentile]


def signed(us):
    return ("-" if us < 0 else "") + milliseconds(abs(us))


def bulk_pairs(rows):
    by_name = {row[0].load.name: row for row in rows}
    return zip(by_name.get("pairs-alone", []), by_name.get("pairs-bulk", []))


def rise_of(alone, beside):
    """p99 beside bulk less p99 alone, round by round."""
    before, after = p99_by_round(alone), p99_by_round(beside)
    return spread_of([after[number] - before[number] for number in before if number in after])


def p99_by_round(cell):
    latencies = {run.number: run.report["traffic"]["latency"] for run in cell.runs if run.report}
    return {number: latency["p99_us"] for number, latency in latencies.items() if latency}


def by_rate(measured, rows):
    rows = [row for row in rows if "-qos" in row[0].load.name]
    if not rows:
        return []
    lines = [
        "## At a part of the maximum rate",
        "",
        "The maximum is that of a closed loop, 40 messages under way a pair, found with the same process a moment before;",
        "its latency is that of a full window and says nothing. At a fixed rate latency counts from when a message was due.",
        "*In the broker* is how long publications stayed in it, by its own counters, from when a core could see them to the end",
        "of the turn that handed them out: the least bound that holds, for each core that a message passes.",
        f"Median (lowest-highest), milliseconds. {UNTRUE} not every run was true. {LIMIT} loadgen was busy for more than 90 %",
        "of the time in one of the runs: part of the latency is its own.",
        "",
        "| load | broker | messages/s | kept up | p50 | p99 | p99.9 | max | in the broker p50 | p99 | p99.9 | CPU s a million | loadgen busy | truth |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        lines += [rate_line(cell, measured.rounds) for cell in row]
    return [*lines, ""]


def rate_line(cell, rounds):
    has_to = cell.load.is_paced and cell.runs
    kept_up = "-" if not has_to else "yes" if cell.kept_up else "**no**"
    fields = [
        cell.load.title,
        cell.entry.label,
        ranged(cell.rate, number) + marks(cell),
        kept_up,
        *(ranged(cell.latency.get(percentile), milliseconds) for percentile in PERCENTILES),
        *(ranged(cell.stays.get(percentile), bound) for percentile in SHARES),
        ranged(cell.cpu, digits),
        ranged(busy_of(cell), lambda share: f"{share:.0%}"),
        truth(cell, rounds),
    ]
    return "| " + " | ".join(fields) + " |"


def busy_of(cell):
    """loadgen's busiest thread."""
    return spread_of([run.report["loadgen"]["busiest_thread"] for run in cell.runs if run.report])


def beside_bulk(measured, rows):
    pairs = list(bulk_pairs(rows))
    if not pairs:
        return []
    lines = [
        "## Beside large payloads",
        "",
        "100 pairs at a moderate rate, alone and beside one publisher of 64 KiB payloads, 16 under way, to one subscriber, all",
        "on one core. The rise is taken round by round. One thread of loadgen serves both, and a message may wait in it behind",
        "a large payload: that is part of the rise. *In the broker* is the bound that 99 % of the pairs' publications stayed within,",
        "by its own counters, if all of the bulk's were faster than they.",
        "",
        "| broker | | p50 ms | p99 ms | p99.9 ms | max ms | bulk MiB/s | p99 raised by, ms | in the broker p99 | loadgen busy | truth |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for alone, beside in pairs:
        for cell, title in ((alone, "alone"), (beside, "beside bulk")):
            rise = rise_of(alone, beside) if cell is beside else None
            fields = [
                cell.entry.label,
                title + marks(cell),
                *(ranged(cell.latency.get(percentile), milliseconds) for percentile in PERCENTILES),
                ranged(bulk_of(cell), number) if cell is beside else "-",
                ranged(rise, signed),
                ranged(stays_of_pairs(cell), bound),
                ranged(busy_of(cell), lambda share: f"{share:.0%}"),
                truth(cell, measured.rounds),
            ]
            lines.append("| " + " | ".join(fields) + " |")
    return [*lines, ""]


def bulk_of(cell):
    """MiB a second."""
    reports = [run.report for run in cell.runs if run.report]
    return spread_of([one["traffic"]["bulk_delivered_per_s"] * one["load"]["bulk_bytes"] / (1 << 20) for one in reports])


def complaints(rows):
    said = [f"- {cell.load.title}: {text}" for row in rows for cell in row for text in problems(cell)]
    return ["What loadgen and the brokers said:", "", *said, ""] if said else []


def method(measured):
    lines = [
        "## How it was measured",
        "",
        "- A broker is started anew for every round of a course, with the configuration in `scripts/brokers/`; the parts of a",
        "  course follow each other with the same process. Brokers and numbers of cores take turns.",
        f"- {measured.settings.warmup_s:g} s of warm-up and {measured.settings.duration_s:g} s measured for each part.",
    ]
    for entry in measured.entries:
        settings = measured.settings.beside(entry)
        text = f"- {entry.label}: broker on CPU {show_cores(entry.cores)}, loadgen on CPU {show_cores(settings.cores)}"
        if settings.spins:
            lines.append(text + ", which never sleeps (`--spin`).")
        else:
            lines.append(text + ": **they share CPUs, so rates and latencies are of both together.**")
    return [*lines, ""]
