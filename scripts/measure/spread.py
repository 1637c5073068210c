"""A median with what it came from: the arithmetic of the reports."""

from dataclasses import dataclass
from statistics import median

# Fewer runs of each show no order, however far they are apart.
RUNS_MIN = 3


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of a few runs."""

    median: float
    low: float
    high: float
    count: int

    @property
    def relative(self):
        """Half the distance from lowest to highest, as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def spread_of(values):
    """None if there is nothing known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(median(known), min(known), max(known), len(known))


def ratios_of(values, others):
    """The ratio in each round in which both are known and the other is not zero: what A B A B is for."""
    pairs = zip(values, others)
    return spread_of([a / b if a is not None and b else None for a, b in pairs])


def is_apart(left, right):
    """Whether an order can be told: there are enough runs of both, and they do not overlap."""
    return min(left.count, right.count) >= RUNS_MIN and not overlaps(left, right)


def overlaps(left, right):
    return not (left.low > right.high or right.low > left.high)
