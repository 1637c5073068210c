"""How long publications stay in a broker that counts that."""

import math
import re
import threading
from contextlib import contextmanager

STAY = re.compile(r"stays_(?:to_(\d+)(us|ms)|longer)_total")
UNIT_US = {"us": 1, "ms": 1000}
SHARES = {"p50_us": 0.5, "p99_us": 0.99, "p99_9_us": 0.999}
# How often a broker is asked during a run at a fixed rate.
PIECE_S = 0.25


def counts_of(counters):
    """[[bound in us, publications so far], ...], the last without a bound; None if they are not counted."""
    found = [(STAY.fullmatch(name), count) for name, count in (counters or {}).items()]
    stays = [(match[1], match[2], count) for match, count in found if match]
    return [[int(amount) * UNIT_US[unit] if amount else None, count] for amount, unit, count in stays] or None


def between(before, after):
    """What came meanwhile."""
    if before is None or after is None:
        return None
    return [[bound, count - earlier] for (bound, count), (_, earlier) in zip(after, before)]


@contextmanager
def looks(broker, every_s):
    """What a broker has counted: before, meanwhile if `every_s` says how often, and after. Empty if it does not count."""
    seen, is_over = [broker.stays()], threading.Event()

    def look():
        while not is_over.wait(every_s):
            seen.append(broker.stays())

    watcher = threading.Thread(target=look)
    if every_s and seen[0] is not None:
        watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        if watcher.ident:
            watcher.join()
        seen.append(broker.stays())
        seen[:] = [counts for counts in seen if counts is not None]


def pieces_of(seen):
    """What came between two looks each; not of those in which much less came than in others: it began or ended there."""
    pieces = [between(before, after) for before, after in zip(seen, seen[1:])]
    totals = [sum(count for _, count in piece) for piece in pieces]
    return [piece for piece, total in zip(pieces, totals) if 2 * total > max(totals)]


def percentiles(counts):
    """The bound that a share of the publications stayed within; infinity beyond the last one."""
    total = sum(count for _, count in counts or [])
    return {name: within(counts, share * total) for name, share in SHARES.items()} if total else {}


def percentile_of_some(counts, some, share):
    """The bound that a share of `some` of the publications stayed within for certain: the others may have been the fastest."""
    total = sum(count for _, count in counts or [])
    return within(counts, total - (1 - share) * some) if 0 < some <= total else None


def within(counts, wanted):
    done = 0
    for bound, count in counts:
        done += count
        if done >= wanted:
            return math.inf if bound is None else float(bound)
    return math.inf
