"""summary.md of scripts/memory: what a thing takes, what stays behind, how fast it was taken in."""

from .cores import overlap, show_cores
from .memory_cells import BUSY_MAX, rows_of
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
from .spread import is_apart
from .words import count, digits, number


def summary(measured, charts):
    rows = rows_of(measured)
    parts = [what(measured), "", *warnings(measured), "## The result", "", result(rows), ""]
    parts += [*pictures(charts), *overview(measured, rows), *details(measured, rows)]
    parts += [*absences(measured), *method(measured), *machine(measured), *repeat(measured)]
    return document(measured.topic, measured, parts)


def what(measured):
    names = ", ".join(name(entry) for entry in measured.entries) or "no broker"
    return (
        f"What {names} needed for each thing that it keeps, measured {count(measured.rounds, 'time')}, on "
        f"{measured.host['cpu']} (Linux {measured.host['kernel']}). [How to read this](../README.md#memory)."
    )


def result(rows):
    """A line a thing: who needs how much, the least first."""
    if not any(cell.bytes for row in rows for cell in row):
        return "No broker's memory could be measured."
    return "\n".join(f"- {row[0].load.title.capitalize()}: {sentence(row)}." for row in rows)


def sentence(row):
    known = sorted((cell for cell in row if cell.bytes), key=lambda cell: cell.bytes.median)
    if not known:
        return "no figure"
    text = ", ".join(f"{cell.entry.label} {number(cell.bytes.median)} B" for cell in known)
    if len(known) > 1 and not is_least(known[0], row):
        text += " (whose is the least cannot be told)"
    bad = [cell.entry.label for cell in row if cell.has_untrue_run]
    return text + (f"; **not every run of {', '.join(bad)} was true**" if bad else "")


def overview(measured, rows):
    if not measured.entries:
        return []
    labels = [entry.label for entry in measured.entries]
    lines = [
        "## At a glance",
        "",
        "Bytes of memory (PSS) for each, the median. Bold: less than all others, without overlap.",
        f"{UNTRUE} not every run was true.",
        "",
        "| | " + " | ".join(labels) + " |",
        "|---|" + "---:|" * len(labels),
    ]
    for row in rows:
        shown = []
        for cell in row:
            text = number(cell.bytes and cell.bytes.median)
            text = f"**{text}**" if is_least(cell, row) else text
            shown.append(f"{text} {UNTRUE}" if cell.has_untrue_run else text)
        lines.append(f"| {row[0].load.title} | " + " | ".join(shown) + " |")
    return [*lines, ""]


def is_least(cell, row):
    others = [other for other in row if other is not cell and other.bytes and not other.has_untrue_run]
    return bool(
        cell.bytes
        and not cell.has_untrue_run
        and others
        and all(is_apart(cell.bytes, other.bytes) and cell.bytes.median < other.bytes.median for other in others)
    )


def details(measured, rows):
    lines = [
        "## Thing by thing",
        "",
        "Median (lowest-highest of the runs). *Still held*: what the broker's memory had grown by, for each of them, after",
        "all had been undone and had settled. CPU is the broker's, user and system. *loadgen busy*: the share of the",
        f"time in which loadgen worked; {LIMIT} more than {BUSY_MAX:.0%} in one of the runs, so it may have been the limit.",
        "",
    ]
    for row in rows:
        load = row[0].load
        lines += [f"### {load.title.capitalize()}", ""]
        if load.name == "conn-slope":
            lines += ["The difference of the two above for each connection more, round by round.", ""]
            lines += ["| broker | B each |", "|---|---:|"]
            lines += [f"| {cell.entry.label} | {ranged(cell.bytes, number)} |" for cell in row] + [""]
            continue
        lines += [f"`loadgen {load.arguments}`{sizes(row)}", ""]
        lines += [
            f"| broker | B each | still held, B each | {load.unit} | CPU s a million | loadgen busy | truth |",
            "|---|---:|---:|---:|---:|---:|---|",
        ]
        lines += [detail(cell, measured.rounds) for cell in row]
        lines += ["", *(f"- {text}" for cell in row for text in problems(cell)), ""]
    return lines


def sizes(row):
    """How long topics and payloads were, as loadgen says."""
    loads = [run.report["load"] for cell in row for run in cell.runs if run.report]
    if not loads or loads[0]["topic_bytes"] is None:
        return ""
    noun = "filters" if row[0].load.thing == "filter" else "topics"
    text = f": {noun} of {loads[0]['topic_bytes']:.1f} bytes in the mean"
    return text + ("" if noun == "filters" else f", payloads of {loads[0]['payload_bytes']}")


def detail(cell, rounds):
    fields = [
        cell.entry.label,
        ranged(cell.bytes, number),
        ranged(cell.held, number),
        ranged(cell.rate, number) + marks(cell),
        ranged(cell.cpu, digits),
        ranged(cell.busy, lambda share: f"{share:.0%}"),
        truth(cell, rounds),
    ]
    return "| " + " | ".join(fields) + " |"


def method(measured):
    lines = [
        "## How it was measured",
        "",
        "- Memory is the proportional set size of the broker's process and all below it: what it shares with others counts",
        "  in part. What the kernel keeps for sockets is not in it.",
        "- A broker is started anew for every run, with the configuration in `scripts/brokers/`. The brokers take turns.",
        "- It is looked at when nothing has happened for a while (`--settle`), before the step and after. What is then kept",
        "  is fetched and counted: retained by a subscriber to all, queued by the sessions themselves.",
        "- Then all clients leave, retained messages are deleted, sessions cleaned, and it settles again. So what is *still",
        "  held* includes the buffers that the fetching needed.",
        "- A queued message is one of 100 that wait for a session that is away, the session itself not counted.",
    ]
    shards = [entry for entry in measured.entries if entry.kind == "corecast" and len(entry.cores) > 1]
    for entry in shards:
        lines += [
            f"- {entry.label}: a filter stands on the shard whose client has it, and as interest on each other; a retained",
            "  message is on every shard. The figures are of all shards together.",
        ]
    for entry in measured.entries:
        cores = measured.settings.beside(entry).cores
        text = f"- {entry.label} ran on CPU {show_cores(entry.cores)}, loadgen on CPU {show_cores(cores)}"
        shared = overlap(entry.cores, cores)
        lines.append(text + (": **they share CPUs, so the rates are of both together.**" if shared else "."))
    return [*lines, ""]
