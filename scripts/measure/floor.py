"""What a machine keeps for itself: how long a thread that only looks at the clock is kept from doing so, on each CPU.

No broker can be faster than that. A moment within a gap waits for its end, so gaps make percentiles of their own.
"""

import gc
import json
import os
import subprocess
import sys
import time

# Looking at the clock takes less than a hundredth of that.
GAP_US_MIN = 20.0


def look(core, seconds):
    """The gaps on a CPU, in microseconds."""
    os.sched_setaffinity(0, {core})
    gc.disable()
    gaps = []
    last = time.perf_counter_ns()
    end = last + int(seconds * 1e9)
    while last < end:
        now = time.perf_counter_ns()
        if now - last > GAP_US_MIN * 1000:
            gaps.append((now - last) / 1000)
        last = now
    return gaps


def floors(cores, seconds):
    """What `floor_of` says of each of the CPUs, all of them watched at once: as busy as a broker and its load keep them."""
    words = [sys.executable, "-m", __name__]
    watching = [
        subprocess.Popen([*words, str(core), str(seconds)], stdout=subprocess.PIPE, text=True) for core in sorted(cores)
    ]
    said = [process.communicate(timeout=seconds + 20)[0] for process in watching]
    return [{"cpu": core, **floor_of(json.loads(text), seconds)} for core, text in zip(sorted(cores), said)]


def floor_of(gaps_us, seconds):
    """The share of the time that was kept, and how long a moment waits: 99 % of them no longer than that, 99.9 %, all."""
    return {
        "share": sum(gaps_us) / 1e6 / seconds,
        "p99_us": wait_us(gaps_us, seconds, 0.01),
        "p99_9_us": wait_us(gaps_us, seconds, 0.001),
        "max_us": max(gaps_us, default=0.0),
    }


def wait_us(gaps_us, seconds, share):
    """The least wait that at most this share of all moments exceeds."""
    allowed_us = share * seconds * 1e6
    # Of each gap all but its last `wait` waits longer: the longest ones are cut until what is left is allowed.
    total = 0.0
    longest = sorted(gaps_us, reverse=True)
    for count, (gap, following) in enumerate(zip(longest, [*longest[1:], 0.0]), start=1):
        total += gap
        wait = (total - allowed_us) / count
        if wait >= following:
            return max(0.0, wait)
    return 0.0


if __name__ == "__main__":
    print(json.dumps(look(int(sys.argv[1]), float(sys.argv[2]))))
