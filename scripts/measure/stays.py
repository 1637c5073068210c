"""What a broker counts itself: asked by a signal, answered in its log. Among it how long publications stay in it."""

import math
import re
import signal
import time

# Some microseconds of its work; more only if it does not answer at all.
PATIENCE_S = 5
REPORT = re.compile(r'report counters="([^"]*)"')
COUNTER = re.compile(r"\bstays_(?:to_(\d+)(us|ms)|longer)_total=(\d+)")
UNIT_US = {"us": 1, "ms": 1000}
SHARES = {"p50_us": 0.5, "p99_us": 0.99, "p99_9_us": 0.999}


def ask(process, log_path):
    """[[bound in us, publications so far], ...], the last without a bound; None if there is no answer."""
    counters = counters_of(process, log_path)
    return counts_of(counters) if counters else None


def counters_of(process, log_path):
    """`name=number ...`; None if there is no answer."""
    seen = log_path.stat().st_size
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        found = REPORT.search(log_path.read_bytes()[seen:].decode(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.02)
    return None


def counts_of(counters):
    found = COUNTER.findall(counters)
    return [[int(amount) * UNIT_US[unit] if amount else None, int(count)] for amount, unit, count in found] or None


def between(before, after):
    """What came meanwhile."""
    if before is None or after is None:
        return None
    return [[bound, count - earlier] for (bound, count), (_, earlier) in zip(after, before)]


def percentiles(counts):
    """The bound that a share of the publications stayed within; infinity beyond the last one."""
    total = sum(count for _, count in counts or [])
    return {name: within(counts, share * total) for name, share in SHARES.items()} if total else {}


def within(counts, wanted):
    done = 0
    for bound, count in counts:
        done += count
        if done >= wanted:
            return math.inf if bound is None else float(bound)
    return math.inf
