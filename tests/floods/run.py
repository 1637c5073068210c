#!/usr/bin/env python3
"""Floods the broker while clients that were there before go on, and ends in a line `N passed, N failed`.

What depends on time (how late messages are) is shown; what must hold anyway is checked: no established client loses a
connection or a message, the broker lives and answers, each flood meets a bound that is counted or answered, and memory
comes back. `--smoke`: a second each, all at one broker, smaller numbers.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from floods import CONNECTIONS_MAX, FLOODS, Field
from watch import PAIRS, RATE, BrokerError, Established, Told, Watched

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 5.0
SMOKE_SECONDS = 1.0
SUBSCRIPTIONS_MAX = 200_000
SMOKE_SUBSCRIPTIONS_MAX = 10_000
# A flood that is not over by then is ended; it and its checks have failed.
FLOOD_S_MAX = 90
# Two seconds more than the broker waits before it gives memory back to the system.
SETTLE_S = 12
# What may stay: the tables of a shard keep the room they once had, and pages in which one small thing lives on stay as a
# whole. That is a part of the peak; whatever leaks for each packet of a flood is more than an eighth of it.
KEPT_BYTES_MAX = 16 << 20
KEPT_SHARE_MAX = 1 / 8
MIB = 1 << 20
OPEN_FILES_MIN = CONNECTIONS_MAX * 3 // 2 + 500


@dataclass
class Result:
    """All that was seen of one flood."""

    flood: object
    took_s: float
    during: Told
    did: str
    moved: dict
    peak_bytes: int


class Tally:
    """Counts and prints what was checked."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, wrong):
        if wrong:
            self.failed += 1
            print(f"FAIL  {name}: {'; '.join(wrong)}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {name}", flush=True)


def main():
    arguments = parse_arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES_MIN:
        sys.exit(f"floods: {hard} open files are allowed, {OPEN_FILES_MIN} are needed; raise the limit (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES_MIN), hard))
    chosen = [flood for flood in FLOODS if arguments.only in flood.name]
    if not chosen:
        sys.exit(f"floods: no flood is named like '{arguments.only}'; there are {', '.join(one.name for one in FLOODS)}")
    tally = Tally()
    groups = [chosen] if arguments.smoke else [[flood] for flood in chosen]
    reports = [report for number, group in enumerate(groups) for report in run_group(arguments, number, group, tally)]
    show(arguments, reports)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


def parse_arguments():
    parser = argparse.ArgumentParser("scripts/floods", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="as short as can be, for scripts/test")
    parser.add_argument("--only", default="", metavar="TEXT", help="the floods with TEXT in their name")
    parser.add_argument("--seconds", type=float, metavar="N", help=f"how long each lasts [default: {SECONDS:g}]")
    parser.add_argument("--port", type=int, metavar="N", help="the first port, the next for each broker [default: free ones]")
    cores = sorted(os.sched_getaffinity(0))
    parser.add_argument("--core", type=int, default=cores[0], metavar="N", help="the broker's CPU [default: the first]")
    parser.add_argument("--load-core", type=int, default=cores[-1], metavar="N", help="everyone else's [default: the last]")
    parser.add_argument("--broker", default=ROOT / "target/release/corecast", type=Path, help="the program to flood")
    parser.add_argument("--loadgen", default=ROOT / "target/release/loadgen", type=Path, help="the program that loads it")
    arguments = parser.parse_args()
    if arguments.seconds is None:
        arguments.seconds = SMOKE_SECONDS if arguments.smoke else SECONDS
    if not 0 < arguments.seconds <= 60:
        parser.error("--seconds has to be above 0 and at most 60")
    arguments.subscriptions_max = SMOKE_SUBSCRIPTIONS_MAX if arguments.smoke else SUBSCRIPTIONS_MAX
    return arguments


def run_group(arguments, number, group, tally):
    """Floods of one broker, one after the other; answers what the table says of each."""
    port = arguments.port and arguments.port + number
    try:
        broker = Watched(arguments.broker, arguments.core, port, arguments.subscriptions_max)
    except BrokerError as error:
        tally.check(f"{group[0].name}: the broker starts", [str(error)])
        return []
    try:
        return watch_group(arguments, broker, group, tally)
    except (BrokerError, OSError) as error:
        tally.check(f"{group[0].name}: the broker goes on", [str(error), "" if broker.is_alive() else broker.log()])
        return []
    finally:
        try:
            broker.stop()
            tally.check(f"{group[0].name}: the broker lives until it is told to end", [])
        except BrokerError as error:
            tally.check(f"{group[0].name}: the broker lives until it is told to end", [str(error)])


def watch_group(arguments, broker, group, tally):
    began = broker.counters()
    with Established(arguments.loadgen, arguments.load_core, broker, arguments.seconds) as established:
        pass
    before = established.told
    tally.check(f"{group[0].name}: established clients before", before.wrong)
    # What these clients move in any case is left out of the table.
    usual = {name for name, value in broker.counters_at_rest(0).items() if value != began[name]}
    memory_before = broker.memory()[0]
    results = [watch_flood(arguments, broker, flood, tally) for flood in group]
    time.sleep(SETTLE_S)
    memory_after = broker.memory()[0]
    peak = max(result.peak_bytes for result in results)
    room = memory_before + KEPT_BYTES_MAX + KEPT_SHARE_MAX * (peak - memory_before)
    said = f"{memory_after / MIB:.1f} MiB after, {memory_before / MIB:.1f} before, {peak / MIB:.1f} at the peak"
    tally.check(f"{group[0].name}: memory comes back", [] if memory_after <= room else [said])
    return [(before, result, usual, memory_before, memory_after) for result in results]


def watch_flood(arguments, broker, flood, tally):
    """One flood beside the established clients, and its checks."""
    at_first = broker.counters_at_rest(0)
    broker.forget_peak()
    with Established(arguments.loadgen, arguments.load_core, broker, arguments.seconds + 1) as established:
        began = time.monotonic()
        done, error = run_apart(flood, broker.port, arguments)
        took_s = time.monotonic() - began
    at_last = broker.counters_at_rest(0)
    moved = {name: value - at_first[name] for name, value in at_last.items() if value != at_first[name]}
    tally.check(f"{flood.name}: established clients lose no connection and no message", established.told.wrong)
    wrong = [error] if error else list(done.wrong)
    for names, number in done.counted if done else ():
        counted = sum(moved.get(name, 0) for name in names)
        if not number <= counted <= number + done.counted_twice_max:
            wrong.append(f"{' + '.join(names)} moved by {counted}, not {number}")
    tally.check(f"{flood.name}: meets its bound ({flood.bound})", wrong)
    tally.check(f"{flood.name}: the broker answers", [] if broker.answers() else ["a new client did not get its message"])
    return Result(flood, took_s, established.told, done.did if done else "did not end well", moved, broker.memory()[1])


def run_apart(flood, port, arguments):
    """In a process of its own, which gives way to the established clients and can be ended; answers (done, error)."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=flood_and_tell, args=(flood, port, arguments, there))
    child.start()
    there.close()
    answer = None, f"did not end within {FLOOD_S_MAX} s"
    if here.poll(FLOOD_S_MAX):
        try:
            answer = here.recv()
        except EOFError:
            answer = None, "the flooding process died"
    child.kill()
    child.join()
    return answer


def flood_and_tell(flood, port, arguments, pipe):
    os.nice(5)
    os.sched_setaffinity(0, {arguments.load_core})
    try:
        pipe.send((flood.run(Field(port, arguments.seconds, arguments.subscriptions_max)), None))
    except Exception as error:  # whatever it is, the run goes on with the next flood
        traceback.print_exc()
        pipe.send((None, f"{type(error).__name__}: {error}"))
    # Ended from outside by a signal; it must not go before what it has said is read.
    pipe.close()


def show(arguments, reports):
    """The tables."""
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}; {arguments.seconds:g} s each;")
    print(f"the broker on CPU {arguments.core}; {PAIRS} pairs (QoS 1, {RATE} messages/s) and the flood on CPU {arguments.load_core}\n")
    print(f"{'ms':<14} {'before: p50':>11} {'p99':>8} {'max':>8} {'during: p50':>12} {'p99':>8} {'max':>8} {'messages':>9} {'flood s':>8}")
    for before, result, *_ in reports:
        during = result.during
        print(
            f"{result.flood.name:<14} {before.p50_ms:>11.2f} {before.p99_ms:>8.2f} {before.max_ms:>8.2f} {during.p50_ms:>12.2f}"
            f" {during.p99_ms:>8.2f} {during.max_ms:>8.2f} {during.delivered:>9,} {result.took_s:>8.1f}"
        )
    print(f"\n{'MiB':<14} {'before':>8} {'peak':>8} {'after':>8}  what it did; what the broker counted")
    for _, result, usual, memory_before, memory_after in reports:
        sizes = [size / MIB for size in (memory_before, result.peak_bytes, memory_after)]
        print(f"{result.flood.name:<14} {sizes[0]:>8.1f} {sizes[1]:>8.1f} {sizes[2]:>8.1f}  {result.did}")
        rows = [f"{name} +{number}" for name, number in result.moved.items() if name not in usual]
        print(f"{'':<42}{', '.join(rows) or 'nothing but traffic'}")
    print()


if __name__ == "__main__":
    sys.exit(main())
