"""What the runs of scripts/memory come to: bytes for each thing, what is still held, and how fast it was taken in."""

from dataclasses import dataclass, replace

from .spread import Spread, spread_of

# loadgen may have been the limit of a step in which it worked for more of the time.
BUSY_MAX = 0.9


@dataclass
class Memory:
    """One broker and one thing. Spreads are of the true runs; of all that have figures if none is true."""

    load: object
    entry: object
    runs: list
    bytes: Spread = None
    held: Spread = None
    rate: Spread = None
    cpu: Spread = None
    busy: Spread = None
    # By round, to be set against another row's.
    by_number: dict = None

    @property
    def has_untrue_run(self):
        return any(not run.is_true for run in self.runs)

    @property
    def was_limit(self):
        return self.busy is not None and self.busy.high > BUSY_MAX


def memory_of(load, entry, runs):
    with_report = [run for run in runs if run.report]
    counted = [run for run in runs if run.is_true] or with_report

    def spread(figure):
        return spread_of([figure(run.report) for run in counted])

    return Memory(
        load,
        entry,
        runs,
        bytes=spread(load.bytes_each),
        held=spread(load.held_each),
        rate=spread(load.main_figure),
        cpu=spread(load.cost),
        busy=spread(load.busy),
        by_number={run.number: load.bytes_each(run.report) for run in counted},
    )


def rows_of(measured):
    """A row a thing, in it a cell a broker; behind the connections one more, the slope between the two numbers of them."""
    rows = []
    for load in measured.loads:
        rows.append([memory_of(load, entry, measured.runs_of(load, entry)) for entry in measured.entries])
        pair = [row for row in rows if row[:1] and row[0].load.connections]
        if load.connections and len(pair) == 2:
            rows.append([slope(few, many) for few, many in zip(*pair)])
    return [row for row in rows if row]


def slope(few, many):
    """What one more connection takes, once there are some: what a broker sets aside at once is not in it."""
    low, high = few.load.connections, many.load.connections
    pairs = [(few.by_number.get(number), each) for number, each in many.by_number.items()]
    known = [pair for pair in pairs if None not in pair]
    each = [(high * each_high - low * each_low) / (high - low) for each_low, each_high in known]
    load = replace(many.load, name="conn-slope", title=f"one more connection, from {low:,} to {high:,}")
    return Memory(load, many.entry, [*few.runs, *many.runs], bytes=spread_of(each))
