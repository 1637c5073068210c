#!/usr/bin/env python3
"""Loads the broker with ten times what its consumers take, under a small memory budget and a limit of the system above it, and
ends in a line `N passed, N failed`.

First loadgen measures what the broker can do with pairs that keep up. Then publishers send at full speed, QoS 0, 1 and 2, MQTT
3.1.1 and 5.0, while the consumers together read a tenth of what was measured; some of these are slow, some read nothing, some
are not there most of the time. Afterwards everybody who was promised something takes it. What must hold: the broker lives, it
never holds more than its budget, whatever it has acknowledged at QoS 1 arrives, at QoS 2 once, and memory comes back.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import report
from limit import limit
from load import DRAIN_S_MAX, Side, consume, publish
from verify import Account, Tally
from watched import BrokerError, Watched

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 1 << 20
# What the system allows beside the budget: what the default makes of a limit (75 %).
LIMIT_SHARE = 4 / 3
PAYLOAD_BYTES = 1024
TENTH = 10
SAMPLE_S = 0.05
# Two seconds more than the broker waits before it gives memory back to the system.
SETTLE_S = 12
# What may stay: the buffers a shard receives into, once they have been used, and as much as `scripts/floods` allows.
BUFFER_BYTES = 16 * MIB
KEPT_BYTES_MAX = 16 * MIB
KEPT_SHARE_MAX = 1 / 8
# A client that was there before has to be answered in this time, however long the queues are.
ANSWER_S_MAX = 5.0


class Samples:
    """Looks at the broker's memory and pressure, and asks it for an answer, until told to stop."""

    def __init__(self, broker):
        self.broker, self.rows, self.answers_s, self.is_over = broker, [], [], False
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self.look, self.ask)]
        for thread in self.threads:
            thread.start()

    def look(self):
        while not self.is_over and self.broker.is_alive():
            self.rows.append((round(time.monotonic() - self.began, 2), self.broker.memory()[0]))
            time.sleep(SAMPLE_S)

    def ask(self):
        while not self.is_over and self.broker.is_alive():
            self.answers_s.append(self.broker.ping())
            time.sleep(0.25)

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def main():
    arguments = parse_arguments()
    tally = Tally()
    bound = limit(int(arguments.budget * MIB * LIMIT_SHARE))
    try:
        broker = Watched(arguments.broker, arguments.shards, arguments.budget * MIB, arguments.port, bound)
    except (BrokerError, OSError) as error:
        bound.remove()
        sys.exit(f"overload: {error}")
    try:
        account = overload(arguments, broker, bound, tally)
        if arguments.report:
            report.write(account, arguments, tally, ROOT)
    except (BrokerError, OSError, RuntimeError) as error:
        tally.check("the broker and its load go on", [str(error), "" if broker.is_alive() else broker.log()])
    finally:
        try:
            broker.stop()
            tally.check("the broker lives until it is told to end", [])
        except BrokerError as error:
            tally.check("the broker lives until it is told to end", [str(error)])
        bound.remove()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


def parse_arguments():
    parser = argparse.ArgumentParser("scripts/overload", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="as short as can be, for scripts/test")
    parser.add_argument("--seconds", type=float, metavar="N", help="how long the overload lasts [default: 60]")
    parser.add_argument("--budget", type=int, metavar="MIB", help="limits.memory_bytes_max [default: 256, with --smoke 192]")
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="shards of the broker [default: 2]")
    parser.add_argument("--port", type=int, metavar="N", help="the broker's port [default: a free one]")
    parser.add_argument("--report", action="store_true", help="write a report to results/DATE-overload")
    parser.add_argument("--broker", default=ROOT / "target/release/corecast", type=Path, help="the program to load")
    parser.add_argument("--loadgen", default=ROOT / "target/release/loadgen", type=Path, help="the program that measures it")
    arguments = parser.parse_args()
    if arguments.seconds is None:
        arguments.seconds = 4.0 if arguments.smoke else 60.0
    if arguments.budget is None:
        arguments.budget = 192 if arguments.smoke else 256
    if not 0 < arguments.seconds <= 3600:
        parser.error("--seconds has to be above 0 and at most 3600")
    if not 32 <= arguments.budget <= 1 << 20:
        parser.error("--budget has to be 32 to 1048576 MiB")
    return arguments


def overload(arguments, broker, bound, tally):
    """All of it; answers what was seen."""
    capacity = measure(arguments, broker)
    time.sleep(SETTLE_S if not arguments.smoke else 1)
    before_bytes = broker.memory()[0]
    broker.forget_peak()
    began = broker.counters()
    samples = Samples(broker)
    sides = [Side(consume, broker.port, capacity / TENTH * PAYLOAD_BYTES)]
    try:
        sides[0].hear(60)
        sides.append(Side(publish, broker.port, PAYLOAD_BYTES))
        sides[1].hear(60)
        for side in sides:
            side.tell("begin")
        time.sleep(arguments.seconds)
        for side in reversed(sides):
            side.tell("drain")
        published = sides[1].hear(DRAIN_S_MAX + 60)
        sides[0].tell("the publishers are through")
        seconds, taken, takers = sides[0].hear(2 * DRAIN_S_MAX)
        peak_bytes = broker.memory()[1]
        samples.stop()
        counted = broker.counters()
        sides[0].tell("end the sessions")
        sides[0].hear(60)
    finally:
        samples.is_over = True
        for side in sides:
            side.end()
    time.sleep(SETTLE_S)
    account = Account(
        capacity, seconds, taken, published, takers, before_bytes, peak_bytes, broker.memory()[0], bound.peak(),
        bound.hits(), bound.said, arguments.budget * MIB, samples.rows, samples.answers_s, moved(began, counted),
        broker.lines_with("memory"),
    )  # fmt: skip
    check(arguments, account, broker, tally)
    account.show()
    return account


def check(arguments, account, broker, tally):
    tally.check("the broker answers a client that was there before", account.late(ANSWER_S_MAX))
    tally.check("it never holds more than its budget", account.over_budget())
    tally.check("pressure was there", [] if account.counted.get("memory_pauses_total") else ["no publisher was slowed down"])
    tally.check("what was acknowledged at QoS 1 arrives", account.missing(1))
    tally.check("what was acknowledged at QoS 2 arrives once", account.missing(2))
    tally.check("no publisher was cut off, and all were answered in the end", account.cut_off())
    kept = KEPT_BYTES_MAX + arguments.shards * BUFFER_BYTES
    room = account.before_bytes + kept + KEPT_SHARE_MAX * (account.peak_bytes - account.before_bytes)
    last = broker.counters()
    allocated = f"{last['memory_allocated_bytes_now'] / MIB:.1f} of it allocated"
    said = f"{account.after_bytes / MIB:.1f} MiB after, {allocated}, {account.before_bytes / MIB:.1f} before"
    tally.check("memory comes back", [] if account.after_bytes <= room else [said])
    left = {name: last[name] for name in ("sessions_now", "memory_pressure_now") if last[name] > (name == "sessions_now")}
    tally.check("nothing is left", [f"{name} is {value}" for name, value in left.items()])


def measure(arguments, broker):
    """Messages a second that pairs take which keep up."""
    words = f"p2p --clients 20 --qos 1 --window 20 --payload {PAYLOAD_BYTES} --warmup 0.5 --json --quiet"
    command = [arguments.loadgen, *words.split(), "--duration", "2" if arguments.smoke else "5"]
    done = subprocess.run(
        [*command, "--broker", f"127.0.0.1:{broker.port}"], capture_output=True, text=True, timeout=120
    )
    if done.returncode or not done.stdout:
        raise BrokerError(f"loadgen ended with exit code {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)["traffic"]["delivered_per_s"]


def moved(before, after):
    return {name: after[name] - before[name] for name in after if name.endswith("_total") and after[name] != before[name]}


if __name__ == "__main__":
    os.nice(1)
    sys.exit(main())
