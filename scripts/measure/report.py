"""summary.md of scripts/bench: the result first, then the tables, then how to repeat it."""

from collections import Counter

from .cells import cells_of, verdict
from .cores import overlap, show_cores
from .loads import CONNECTED
from .runner import wrongs
from .spread import spread_of
from .words import count, digits, milliseconds, number, reference_of, result, times

LIMIT = "†"
UNTRUE = "⚠"


def summary(measured, charts):
    """The whole text. `charts` are file names with what each shows."""
    cells = cells_of(measured)
    parts = [what(measured), "", *warnings(measured), "## The result", "", result(measured, cells), ""]
    parts += [*pictures(charts), *overview(measured, cells), *details(measured, cells)]
    parts += [*company(measured), *absences(measured), *method(measured), *machine(measured), *repeat(measured)]
    return document(measured.topic, measured, parts)


def document(title, measured, parts):
    """Any report as one text: its title, a warning if it was stopped, and its lines."""
    head = [f"# {title}, {measured.date}", ""]
    if not measured.is_complete:
        head += ["**Incomplete: the measurement was stopped; this is what there was by then.**", ""]
    return "\n".join([*head, *parts]).rstrip() + "\n"


def what(measured):
    names = ", ".join(name(entry) for entry in measured.entries) or "no broker"
    settings, host = measured.settings, measured.host
    return (
        f"{count(len(measured.loads), 'scenario')}, each measured {count(measured.rounds, 'time')} for "
        f"{settings.duration_s:g} s, against {names}, on {host['cpu']} (Linux {host['kernel']}): the brokers on "
        f"CPU {show_cores(measured.broker_cores)}, loadgen on CPU {show_cores(settings.cores)}. "
        "[How to read this](../README.md)."
    )


def name(entry):
    return entry.label if entry.address else f"{entry.label} {entry.version.partition(' (')[0]}"


def warnings(measured):
    return [line for text in measured.warnings for line in (f"> **Mind:** {text}", "")]


def pictures(charts):
    return [line for name, title in charts for line in (f"![{title}]({name})", "")]


def overview(measured, cells):
    """One row a scenario: who delivered how much."""
    if not measured.entries:
        return []
    labels = [entry.label for entry in measured.entries]
    lines = [
        "## At a glance",
        "",
        "Median a second, over all receivers (connections where it says so). Bold: ahead of all others whose runs are",
        f"true, without overlap. {UNTRUE} not every run was true. {LIMIT} loadgen was the limit in one of the runs:",
        "the broker could do more, and at a fixed rate the latency is partly loadgen's.",
        "",
        "| scenario | " + " | ".join(labels) + " |",
        "|---|" + "---:|" * len(labels),
    ]
    for load in measured.loads:
        row = [cells[load.name, label] for label in labels]
        shown = []
        for cell in row:
            text = number(cell.rate and cell.rate.median)
            is_ahead = verdict(cell) == "ahead" and not load.is_paced
            shown.append((f"**{text}**" if is_ahead else text) + marks(cell))
        lines.append(f"| {title(load)} | " + " | ".join(shown) + " |")
    return [*lines, ""]


def title(load):
    return load.title + (", connections" if load.unit == CONNECTED else "")


def marks(cell):
    signs = [sign for sign, holds in ((UNTRUE, cell.has_untrue_run), (LIMIT, cell.was_limit)) if holds]
    return " " + "".join(signs) if signs else ""


def details(measured, cells):
    lines = [
        "## Scenario by scenario",
        "",
        "Median (lowest-highest of the runs). *against best other*: the rate over that of the best other broker,",
        "taken round by round. CPU is the broker's, user and system. In the closed loop, where a publisher sends as",
        "fast as its window allows, latency is that of a full window and says little; look at the scenarios with a",
        "fixed rate for that.",
        "",
    ]
    for load in measured.loads:
        lines += [f"### `{load.name}`: {load.title}", "", f"`loadgen {load.arguments}`", ""]
        compared = "kept up" if load.is_paced else "against best other"
        lines += [
            f"| broker | {load.unit} | {compared} | CPU s a million | loadgen's | p50 ms | p99 ms | max ms | peak MiB | truth |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
        ]
        row = [cells[load.name, entry.label] for entry in measured.entries]
        lines += [detail(cell, measured.rounds) for cell in row]
        lines += ["", *(f"- {text}" for cell in row for text in problems(cell)), ""]
    return lines


def detail(cell, rounds):
    if cell.load.is_paced:
        compared = "yes" if cell.runs and cell.kept_up else "no"
    else:
        compared = ranged(cell.ratio, times) + (f" ({cell.rival.entry.label})" if cell.ratio else "")
    fields = [
        cell.entry.label,
        ranged(cell.rate, number) + marks(cell),
        compared,
        ranged(cell.cpu, digits),
        digits(cell.own_cpu.median) if cell.own_cpu else "-",
        *(ranged(cell.latency.get(name), milliseconds) for name in ("p50_us", "p99_us", "max_us")),
        number(cell.memory and cell.memory.median / (1 << 20)),
        truth(cell, rounds),
    ]
    return "| " + " | ".join(fields) + " |"


def ranged(spread, show):
    """`1,234 (1,200-1,300)`"""
    if spread is None:
        return "-"
    if spread.count == 1:
        return show(spread.median)
    return f"{show(spread.median)} ({show(spread.low)}-{show(spread.high)})"


def truth(cell, rounds):
    """What happened to the messages; `complete` is the only good word here."""
    if not cell.runs:
        return "not run"
    true_runs = sum(run.is_true for run in cell.runs)
    if true_runs == rounds:
        return "complete"
    counts = Counter()
    for run in cell.runs:
        counts.update(wrongs(run))
    wrong = [f"{amount:,} {name.replace('_', ' ')}" for name, amount in counts.items()]
    return f"**{true_runs} of {len(cell.runs)} runs true**" + (": " + ", ".join(wrong) if wrong else "")


def problems(cell):
    """loadgen's own sentences and the broker's last words, each once."""
    said = []
    for run in cell.runs:
        texts = [run.error] if run.error else []
        if run.report:
            texts += [*run.report["problems"], *run.report["warnings"]]
        said += [f"{cell.entry.label}: {one_line(text)}" for text in texts]
    return list(dict.fromkeys(said))


def one_line(text):
    return " ".join(text.split()).replace("|", "\\|")


def company(measured):
    """What second loadgens did beside the measured one."""
    rows = []
    for load in measured.loads:
        for entry in measured.entries if load.beside else []:
            rates = spread_of([step_rate(run.beside) for run in measured.runs_of(load, entry) if run.beside])
            if rates is None:
                continue
            rows.append(f"| {load.title} | {entry.label} | `loadgen {load.beside}` | {ranged(rates, number)} |")
    if not rows:
        return []
    return [
        "## What ran beside",
        "",
        "| scenario | broker | a second loadgen | its steps, things/s |",
        "|---|---|---|---:|",
        *rows,
        "",
    ]


def step_rate(report):
    """Of all whole steps together."""
    steps = report.get("steps", [])
    elapsed_s = sum(step["elapsed_s"] for step in steps)
    return sum(step["count"] for step in steps) / elapsed_s if elapsed_s else None


def absences(measured):
    if not measured.absent:
        return []
    return [
        "## Not measured",
        "",
        *(f"- **{absent.label}**: {one_line(absent.reason)}" for absent in measured.absent),
        "",
    ]


def method(measured):
    """What makes the comparison fair, and what limits it."""
    settings = measured.settings
    shared = overlap(measured.broker_cores, settings.cores)
    lines = [
        "## How it was measured",
        "",
        "- A broker is started anew for every run, with the configuration in `scripts/brokers/`: nothing kept on",
        "  disk, limits raised, logging off, TCP_NODELAY on.",
        f"- The brokers take turns, {count(measured.rounds, 'round')} a scenario; another one begins each round.",
        f"- {settings.warmup_s:g} s of warm-up and {settings.duration_s:g} s measured, unless the scenario says else.",
    ]
    if settings.spins:
        lines += [
            "- loadgen has its CPU for itself and never sleeps (`--spin`), so that brokers do not pay for waking it;",
            "  with clients on another machine it would not pay either.",
        ]
    if shared:
        lines += [
            f"- **loadgen and the brokers share CPU {show_cores(shared)}**: each figure is that of broker and load",
            "  together, and says less about the broker alone.",
        ]
    there = [entry.label for entry in measured.entries if entry.address]
    if there:
        lines.append(f"- {', '.join(there)} ran already: configuration, CPUs and cost are not known to us.")
    if any(not entry.is_contestant for entry in measured.entries):
        lines += [
            "- `sink` is a toy broker inside loadgen that does next to nothing: its row is what loadgen and this",
            "  machine can do at all. It is not compared with.",
        ]
    return [*lines, ""]


def machine(measured):
    host = measured.host
    weak = host["mitigations"]
    virtual = ", virtual" if host["is_virtual"] else ""
    state = " with uncommitted changes" if host["has_uncommitted_changes"] else ""
    lines = [
        "## The machine",
        "",
        "| | |",
        "|---|---|",
        f"| CPU | {host['cpu']}, {host['cpus']} CPUs, {host['cpus_usable']} usable{virtual} |",
        f"| governor | {host['governor']} |",
        f"| memory | {host['memory_bytes'] / (1 << 30):.1f} GiB |",
        f"| system | {host['distribution']}, Linux {host['kernel']} |",
        f"| TCP congestion control | {host['tcp_congestion_control']} |",
        f"| mitigations | {'; '.join(f'{name}: {text}' for name, text in weak.items()) or 'none needed'} |",
        f"| open files | {host['open_files']:,} |",
        f"| CPU time used by others before | {host['busy_before']:.0%} |",
        f"| CPU time taken by the hypervisor meanwhile | {host['stolen_share']:.1%} |",
        *(floor_line(floor) for floor in host["floors"]),
        f"| rustc | {host['rustc']} |",
        f"| commit of the repository | {host['commit']}{state} |",
        f"| loadgen | {host['loadgen']} |",
    ]
    lines += [f"| {entry.label} | {entry.version} |" for entry in measured.entries]
    return [*lines, ""]


def floor_line(floor):
    waits = [milliseconds(floor[name]) for name in ("p99_us", "p99_9_us", "max_us")]
    return f"| CPU {floor['cpu']} alone | {floor['share']:.2%} kept; p99 {waits[0]}, p99.9 {waits[1]}, max {waits[2]} ms |"


def repeat(measured):
    """The commands, as typed from the root of the repository."""
    lines = ["## Repeat it", "", "```sh", measured.command, "```", ""]
    reference = reference_of(measured)
    there = {entry.label for entry in measured.entries if entry.address}
    commands = {run.label: run.broker_command for run in measured.runs if run.broker_command and run.label not in there}
    if commands:
        lines += ["The brokers (configurations with the port filled in):", "", "```sh", *commands.values(), "```", ""]
    if reference:
        loads = {
            run.scenario: run.load_command for run in measured.runs if run.label == reference.label and run.load_command
        }
        lines += ["The load, here against " + reference.label + ":", "", "```sh", *loads.values(), "```", ""]
    return [
        *lines,
        "One file a run, with all that loadgen reported, is in `raw/`; facts about the machine are in `host.json`.",
    ]
