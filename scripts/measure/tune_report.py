"""summary.md of scripts/tune: the recommendation first, then the sweep, then how to repeat it."""

from .cells import cells_of
from .cores import overlap, show_cores
from .report import LIMIT, UNTRUE, absences, document, machine, marks, pictures, problems, ranged, repeat, truth, warnings
from .scaling import NEAR_BEST, WORTH, Point, advise, efficiency
from .words import count, digits, milliseconds, number


def points_of(measured):
    """The sweep in the order of the number of cores."""
    cells = cells_of(measured)
    load = measured.loads[0]
    return [Point(len(entry.cores), cells[load.name, entry.label]) for entry in measured.entries]


def summary(measured, charts):
    points = points_of(measured)
    load, settings = measured.loads[0], measured.settings
    sizes = ", ".join(str(point.cores) for point in points)
    parts = [
        f"Corecast with {sizes} of the CPUs {show_cores(measured.broker_cores)}, a shard for each, "
        f"{count(measured.rounds, 'round')} of {settings.duration_s:g} s in turns; loadgen on CPU "
        f"{show_cores(settings.cores)}. The load: `loadgen {load.arguments}`. [How to read this](../README.md).",
        "",
        *warnings(measured),
        "## The result",
        "",
        *advice_lines(measured, points),
        *limits(measured, points),
        "",
        *pictures(charts),
        *table(measured, points),
        *absences(measured),
        *machine(measured),
        *repeat(measured),
    ]
    return document(f"How many cores for {load.title}", measured, parts)


def advice_lines(measured, points):
    advice = advise(points)
    if advice.cores is None:
        head = f"**No recommendation**: {advice.reason}."
    elif not advice.is_sure:
        head = f"**Cannot tell; {count(advice.cores, 'core')} will do**: {advice.reason}."
    elif any(touched(measured, point) for point in points):
        head = f"**Take {count(advice.cores, 'core')}, as far as can be told here**: {advice.reason}."
    else:
        head = f"**Take {count(advice.cores, 'core')}**: {advice.reason}."
    return [
        head,
        "",
        f"The rule: the fewest cores that reach {NEAR_BEST:.0%} of the best rate, and from there back as long as the",
        f"last core brought less than {WORTH:.0%} of what one does alone. Numbers of cores with an untrue run do not",
        "count, and if the best runs overlap with those of the fewest cores nothing can be told.",
        "",
    ]


def touched(measured, point):
    """Whether broker and loadgen share a CPU with so many cores."""
    return overlap(point.cell.entry.cores, measured.settings.cores)


def limits(measured, points):
    """Why the figures may say too little about the broker."""
    shared = [point for point in points if touched(measured, point)]
    if shared:
        cores = show_cores(sorted({core for point in shared for core in touched(measured, point)}))
        sizes = ", ".join(str(point.cores) for point in shared)
        yield f"**Mind:** with {sizes} cores the broker shares CPU {cores} with loadgen."
        yield " Those figures are of both together; with clients on other machines more cores would bring more."
    if any(point.cell.was_limit for point in points):
        yield f"**Mind:** where it says {LIMIT}, loadgen was the limit, and the broker could have done more."


def table(measured, points):
    first = next((point for point in points if point.cell.rate), None)
    unit = measured.loads[0].unit
    lines = [
        "## The sweep",
        "",
        f"Median (lowest-highest). Efficiency is {unit} a core against the fewest cores. {UNTRUE} not every run",
        "was true.",
        "",
        f"| cores | {unit} | efficiency | CPU s a million | p50 ms | p99 ms | peak MiB | truth |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for point in points:
        cell = point.cell
        fields = [
            str(point.cores),
            ranged(cell.rate, number) + marks(cell),
            f"{efficiency(point, first):.0%}" if cell.rate else "-",
            ranged(cell.cpu, digits),
            ranged(cell.latency.get("p50_us"), milliseconds),
            ranged(cell.latency.get("p99_us"), milliseconds),
            number(cell.memory and cell.memory.median / (1 << 20)),
            truth(cell, measured.rounds),
        ]
        lines.append("| " + " | ".join(fields) + " |")
    return [*lines, "", *(f"- {text}" for point in points for text in problems(point.cell)), ""]
