"""What the runs of one broker in one scenario come to: medians, spread, truth, and the ratio to the others."""

from dataclasses import dataclass, field

from .spread import is_apart, ratios_of, spread_of
from .stays import SHARES, percentiles

LATENCIES = ("p50_us", "p90_us", "p99_us", "p99_9_us", "max_us")
# A paced scenario in which less of the load came through in time says nothing about latency.
KEPT_UP_SHARE = 0.97


@dataclass
class Cell:
    """One broker in one scenario. Spreads are of the true runs; of all that have figures if none is true."""

    load: object
    entry: object
    runs: list
    rates: list = field(default_factory=list)
    rate: object = None
    cpu: object = None
    own_cpu: object = None
    memory: object = None
    latency: dict = field(default_factory=dict)
    # How long publications stayed in the broker itself, by the bounds it counts by; only of those that do.
    stays: dict = field(default_factory=dict)
    # The same of each piece of a run, all runs together.
    stays_pieces: list = field(default_factory=list)
    ratio: object = None
    rival: object = None
    row: list = field(default_factory=list, repr=False)

    @property
    def is_true(self):
        """All runs were. Only then it may win."""
        return bool(self.runs) and all(run.is_true for run in self.runs)

    @property
    def has_untrue_run(self):
        return any(not run.is_true for run in self.runs)

    @property
    def can_win(self):
        return self.is_true and self.rate is not None and self.entry.is_contestant

    @property
    def was_limit(self):
        """loadgen was, in one of the runs: the broker could do more."""
        return any(run.report and run.report["loadgen"]["was_limit"] for run in self.runs)

    @property
    def kept_up(self):
        """In every run of a paced scenario what was offered also came through in time."""
        return all(run.report and keeps_up(run.report) for run in self.runs)


def keeps_up(report):
    load = report["load"]
    due = load["rate_total_s"] * load["receivers_per_message"]
    return report["traffic"]["delivered_per_s"] >= KEPT_UP_SHARE * due


def cell_of(load, entry, runs):
    cell = Cell(load, entry, runs)
    with_report = [run for run in runs if run.report]
    counted = [run for run in runs if run.is_true] or with_report
    cell.rate = spread_of([load.main_figure(run.report) for run in counted])
    # One place a round, so that rounds can be set against each other.
    by_number = {run.number: load.main_figure(run.report) for run in counted}
    cell.rates = [by_number.get(number) for number in range(1, max(by_number, default=0) + 1)]
    brokers = [run.report["broker"] or {} for run in counted]
    cell.cpu = spread_of([load.cost(run.report) for run in counted])
    cell.own_cpu = spread_of([run.report["loadgen"]["cpu_s_per_million"] for run in counted])
    cell.memory = spread_of([broker.get("memory_peak_bytes") for broker in brokers])
    latencies = [run.report["traffic"]["latency"] or {} for run in counted]
    cell.latency = {name: spread_of([latency.get(name) for latency in latencies]) for name in LATENCIES}
    stays = [percentiles(run.stays) for run in counted]
    cell.stays = {name: spread_of([one.get(name) for one in stays]) for name in SHARES}
    cell.stays_pieces = [percentiles(piece) for run in counted for piece in run.stays_pieces or []]
    return cell


def cells_of(measured):
    """All cells, by (scenario, label), each with its ratio to the best of the others, round by round."""
    cells = {}
    for load in measured.loads:
        row = [cell_of(load, entry, measured.runs_of(load, entry)) for entry in measured.entries]
        for cell in row:
            cell.row = row
            others = [other for other in row if other is not cell and other.can_win]
            cell.rival = max(others, key=lambda other: other.rate.median, default=None)
            if cell.rival:
                cell.ratio = ratios_of(cell.rates, cell.rival.rates)
            cells[load.name, cell.entry.label] = cell
    return cells


def verdict(cell):
    """`ahead`, `behind`, `even` (the runs overlap or are too few); None if there is nothing true to compare."""
    if not cell.can_win or cell.rival is None:
        return None
    if not is_apart(cell.rate, cell.rival.rate):
        return "even"
    return "ahead" if cell.rate.median > cell.rival.rate.median else "behind"
