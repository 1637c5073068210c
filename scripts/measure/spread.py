"""A median with what it came from: the arithmetic of the reports."""

from dataclasses import dataclass
from statistics import median


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
    """Whether the runs of two brokers do not overlap, so that an order can be told."""
    return left.low > right.high or right.low > left.high
