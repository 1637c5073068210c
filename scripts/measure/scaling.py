"""What more cores bring: efficiency against the fewest, and which number is worth it."""

from dataclasses import dataclass

from .cells import Cell
from .spread import is_apart
from .words import count, number

# A number of cores whose rate is this near to the best is as good as the best.
NEAR_BEST = 0.95
# A further core has to bring at least this part of what one core does on its own.
WORTH = 0.25


@dataclass(frozen=True)
class Point:
    """The cell of so many cores."""

    cores: int
    cell: Cell

    @property
    def rate(self):
        return self.cell.rate.median


@dataclass(frozen=True)
class Advice:
    """`cores` is None if nothing true was measured; `is_sure` is false if the runs cannot tell."""

    cores: int
    is_sure: bool
    reason: str


def efficiency(point, first):
    """Messages a core, as a part of what a core brings with the fewest cores."""
    return (point.rate / point.cores) / (first.rate / first.cores)


def gain(point, before, first):
    """What each core added since `before` brings, as a part of what a core brings with the fewest."""
    return (point.rate - before.rate) / (point.cores - before.cores) / (first.rate / first.cores)


def advise(points):
    """The rule, in this order.

    Only numbers of cores whose runs are all true count. If the runs of the best overlap with those of the fewest cores,
    nothing can be told, and the fewest are enough. Else it is the fewest that reach 95 % of the best rate; from there
    one goes back as long as the last core brought less than a quarter of what a core alone does.
    """
    points = [point for point in points if point.cell.is_true and point.cell.rate]
    if not points:
        return Advice(None, False, "no run was true, so no number of cores can be recommended")
    first, best = points[0], max(points, key=lambda point: point.rate)
    if len(points) == 1:
        return Advice(first.cores, False, f"only {count(first.cores, 'core')} could be measured")
    if best is first:
        return Advice(first.cores, True, f"more than {count(first.cores, 'core')} brought nothing here")
    if not is_apart(best.cell.rate, first.cell.rate):
        both = f"the runs with {best.cores} and with {count(first.cores, 'core')} overlap or are too few"
        return Advice(first.cores, False, f"{both}: it cannot be told whether more help")
    place = next(place for place, point in enumerate(points) if point.rate >= NEAR_BEST * best.rate)
    wanted = points[place]
    while place and gain(points[place], points[place - 1], first) < WORTH:
        place -= 1
    return Advice(points[place].cores, True, reason_of(points, place, wanted, best, first))


def reason_of(points, place, wanted, best, first):
    chosen = points[place]
    text = f"{number(chosen.rate)} messages/s at {efficiency(chosen, first):.0%} efficiency"
    if chosen is not wanted:
        brought = gain(points[place + 1], chosen, first)
        return f"{text}; each core beyond brought {brought:.0%} of what one does alone, less than {WORTH:.0%}"
    if chosen is best:
        brought = gain(chosen, points[place - 1], first)
        return f"{text}, the best rate; the last core brought {brought:.0%} of what one does alone"
    return f"{text}, within {1 - NEAR_BEST:.0%} of the best rate ({number(best.rate)} with {best.cores})"
