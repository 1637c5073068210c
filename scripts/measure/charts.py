"""The pictures, as SVG. The only file that needs matplotlib."""

from math import ceil, floor, log10

import matplotlib
import matplotlib.patches
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from .brokers import TLS
from .cells import LATENCIES, cells_of
from .latency_report import rows_of as delay_rows
from .loads import CONNECTED
from .memory_cells import rows_of as memory_rows
from .scaling import efficiency
from .spread import Spread
from .tune_report import points_of
from .words import digits, number

# Okabe and Ito's palette, told apart by those who are colour-blind too. A broker has its colour in every report.
COLOURS = {
    "corecast": "#0072B2",
    "mosquitto": "#D55E00",
    "emqx": "#009E73",
    "nanomq": "#E69F00",
    "flashmq": "#CC79A7",
    "nats": "#56B4E9",
    "rumqttd": "#8C6D1F",
    "sink": "#B8B8B8",
    "running": "#444444",
}
# A second broker of a kind, or the same over TLS, has the same colour and a pattern.
HATCHES = ("", "///", "...", "xxx", "---")
LATENCY_NAMES = ("p50", "p90", "p99", "p99.9", "max")
INK = "#222222"

matplotlib.rcParams.update(
    {
        # Text stays text: it can be searched and scales with the reader's fonts.
        "svg.fonttype": "none",
        # The same figures give the same file.
        "svg.hashsalt": "corecast",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
        "font.size": 11,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": "#888888",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": "#DDDDDD",
        "hatch.color": "white",
        "legend.frameon": False,
    }
)


def comparison(measured, folder):
    """Draws what there are figures for. Returns (file name, title) of each picture."""
    cells = cells_of(measured)
    entries = measured.entries
    rows = [[cells[load.name, entry.label] for entry in entries] for load in measured.loads]
    rows = [row for row in rows if any(cell.rate for cell in row)]
    fast = [row for row in rows if not row[0].load.is_paced]
    costly = [row for row in rows if any(cell.cpu for cell in row)]
    paced = [row for row in rows if row[0].load.is_paced and any(cell.latency["p50_us"] for cell in row)]
    drawn = []
    if fast:
        unit = "a second, in per cent of the scenario's best"
        bars(fast, "rate", "Throughput: longer is better", unit, folder / "throughput.svg")
        drawn.append(("throughput.svg", "Throughput of each broker in each scenario"))
    if costly:
        unit = "CPU seconds per million messages, in per cent of the scenario's most"
        bars(costly, "cpu", "CPU a message: shorter is better", unit, folder / "cpu.svg")
        drawn.append(("cpu.svg", "CPU seconds of the broker per million messages"))
    if paced:
        latency(paced, folder / "latency.svg")
        drawn.append(("latency.svg", "Latency percentiles at a fixed rate"))
    return drawn


def memory(measured, folder):
    """What a thing takes, and how fast it is taken in."""
    rows = memory_rows(measured)
    drawn = []
    if any(cell.bytes for row in rows for cell in row):
        known = [row for row in rows if any(cell.bytes for cell in row)]
        unit = "bytes for each, in per cent of the row's most"
        bars(known, "bytes", "Memory: shorter is better", unit, folder / "memory.svg")
        drawn.append(("memory.svg", "Bytes of memory for each thing"))
    stored = [row for row in rows if any(cell.rate for cell in row)]
    if stored:
        unit = "a second, in per cent of the row's best"
        bars(stored, "rate", "Taking in: longer is better", unit, folder / "storing.svg")
        drawn.append(("storing.svg", "How many of each a broker takes in a second"))
    return drawn


def delays(measured, folder):
    """Percentiles of the parts at a fixed rate."""
    rows = [row for row in delay_rows(measured) if row and row[0].load.is_paced]
    # Nothing is on two cores that the key, made from the first, does not know.
    rows = sorted((row for row in rows if any(cell.latency["p50_us"] for cell in row)), key=len, reverse=True)
    if not rows:
        return []
    latency(rows, folder / "latency.svg")
    return [("latency.svg", "Latency percentiles at a fixed rate")]


def sweep(measured, folder):
    """The scaling curve of scripts/tune: four panels over the number of cores."""
    points = [point for point in points_of(measured) if point.cell.rate]
    if not points:
        return []
    figure = Figure(figsize=(9.5, 7.2), layout="constrained")
    panels = figure.subplots(2, 2)
    cores = [point.cores for point in points]
    first = points[0]
    rate, share, cpu, delay = panels.flat
    curve(rate, cores, [point.cell.rate for point in points], measured.loads[0].unit)
    ideal = [first.rate * point.cores / first.cores for point in points]
    rate.plot(cores, ideal, color="#888888", linestyle=":", label="if every core brought as much")
    rate.legend(loc="upper left", fontsize=9)
    part = [100 * efficiency(point, first) for point in points]
    curve(share, cores, [Spread(value, value, value, 1) for value in part], "per cent a core of the first")
    curve(cpu, cores, [point.cell.cpu for point in points], "CPU s per million messages")
    delays = [point.cell.latency["p99_us"] for point in points]
    curve(delay, cores, [delay_ and scaled(delay_, 1000) for delay_ in delays], "milliseconds")
    for axes, title in zip(panels.flat, ("Throughput", "Efficiency", "CPU a message", "p99 latency")):
        axes.set_title(title, fontsize=11)
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
        axes.grid(axis="y")
        axes.set_xticks(cores)
        axes.set_xlabel("cores")
    figure.suptitle(f"Corecast by cores: {measured.loads[0].title}", fontweight="bold", fontsize=14)
    save(figure, folder / "scaling.svg")
    return [("scaling.svg", "Throughput, efficiency, CPU a message and p99 by number of cores")]


def scaled(spread, by):
    return Spread(spread.median / by, spread.low / by, spread.high / by, spread.count)


def curve(axes, cores, spreads, unit):
    known = [(core, spread) for core, spread in zip(cores, spreads) if spread]
    middles = [spread.median for _, spread in known]
    ends = [
        [spread.median - spread.low for _, spread in known],
        [spread.high - spread.median for _, spread in known],
    ]
    places = [core for core, _ in known]
    axes.errorbar(places, middles, ends, color=COLOURS["corecast"], marker="o", capsize=3, linewidth=1.8)
    axes.set_ylabel(unit)
    axes.yaxis.set_major_formatter(FuncFormatter(short))


def short(value, _place):
    """`1.2 M`, `300 k`: axes have little room."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def style_of(entries):
    """Colour and pattern by label."""
    seen, styles = {}, {}
    for entry in entries:
        kind = entry.kind.removesuffix(TLS)
        again = seen.get(kind, 0)
        seen[kind] = again + 1
        styles[entry.label] = {"color": COLOURS[kind], "hatch": HATCHES[again % len(HATCHES)]}
    return styles


def bars(rows, name, title, unit, path):
    """Groups of horizontal bars, each group on a scale of its own so that all can be read; the figures stand beside."""
    entries = [cell.entry for cell in rows[0]]
    styles = style_of(entries)
    thickness = 0.8 / len(entries)
    figure, axes = canvas(9.5, 1.7 + len(rows) * (0.3 + 0.27 * len(entries)))
    widest = 100
    for place, row in enumerate(rows):
        spreads = [getattr(cell, name) for cell in row]
        top = max(spread.median for spread in spreads if spread) or 1.0
        for index, (cell, spread) in enumerate(zip(row, spreads)):
            y = place - 0.4 + thickness * (index + 0.5)
            if spread is None:
                axes.text(1, y, "no figure", va="center", fontsize=9, color="#777777")
                continue
            length = 100 * spread.median / top
            widest = max(widest, 100 * spread.high / top)
            axes.barh(y, length, thickness * 0.9, **styles[cell.entry.label])
            if spread.count > 1:
                ends = [[100 * (spread.median - spread.low) / top], [100 * (spread.high - spread.median) / top]]
                axes.errorbar(length, y, xerr=ends, ecolor=INK, capsize=2, elinewidth=1)
            axes.text(100 * spread.high / top + 1.5, y, beside(cell, spread, name), va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [row[0].load.title for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, widest + 35)
    axes.set_xticks(range(0, 101, 20))
    axes.spines["bottom"].set_bounds(0, 100)
    axes.set_xlabel(unit)
    axes.grid(axis="x")
    key(figure, title, entries, styles)
    save(figure, path)


def beside(cell, spread, name):
    """What stands at the end of a bar."""
    text = f"{digits(spread.median)} s" if name == "cpu" else number(spread.median) + (" B" if name == "bytes" else "")
    if name == "rate" and cell.load.unit == CONNECTED:
        text += " connections"
    if cell.has_untrue_run:
        return text + " (not every run true)"
    return text + (" (loadgen's limit)" if name == "rate" and cell.was_limit else "")


def latency(rows, path):
    """A panel a scenario: from the median to the worst message, on a logarithmic scale."""
    entries = [cell.entry for cell in rows[0]]
    styles = style_of(entries)
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(9.5, 1.3 + 3.3 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for place, row in enumerate(rows):
        axes = panels[place // columns][place % columns]
        panel(axes, row, styles)
        axes.set_ylim(decades(rows))
        if place % columns == 0:
            axes.set_ylabel("milliseconds")
    for spare in range(len(rows), lines * columns):
        panels[spare // columns][spare % columns].set_visible(False)
    key(figure, "Latency at a fixed rate: lower is better", entries, styles)
    save(figure, path)


def decades(rows):
    """Whole powers of ten around all that is drawn, in milliseconds: the panels share one scale."""
    spreads = [spread for row in rows for cell in row for spread in cell.latency.values() if spread]
    low, high = min(spread.low for spread in spreads) / 1000, max(spread.high for spread in spreads) / 1000
    return 10 ** floor(log10(low)), 10 ** ceil(log10(high))


def panel(axes, row, styles):
    for index, cell in enumerate(row):
        spreads = [cell.latency[name] for name in LATENCIES]
        if None in spreads:
            continue
        shift = 0.09 * (index - (len(row) - 1) / 2)
        middles = [spread.median / 1000 for spread in spreads]
        errors = [
            [(spread.median - spread.low) / 1000 for spread in spreads],
            [(spread.high - spread.median) / 1000 for spread in spreads],
        ]
        places = [place + shift for place in range(len(spreads))]
        style = styles[cell.entry.label]
        line = {"linestyle": "--" if style["hatch"] else "-", "linewidth": 1.5, "marker": "o", "markersize": 5}
        axes.errorbar(places, middles, errors, color=style["color"], capsize=3, **line)
    behind = [cell.entry.label for cell in row if not cell.kept_up]
    note = f"\n(did not keep up: {', '.join(behind)})" if behind else ""
    axes.set_title(row[0].load.title + note, fontsize=11)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(range(len(LATENCY_NAMES)), LATENCY_NAMES)
    axes.grid(axis="y")


def handle(style, label):
    return matplotlib.patches.Patch(facecolor=style["color"], hatch=style["hatch"], label=label)


def canvas(width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def key(figure, title, entries, styles):
    figure.suptitle(title, fontweight="bold", fontsize=14)
    handles = [handle(styles[entry.label], entry.label) for entry in entries]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(entries)))


def save(figure, path):
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
