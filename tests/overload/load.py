"""Ten times the load its consumers take: publishers at full speed in one process, slow, stalled and absent subscribers in another."""

import multiprocessing
import select
import time
import traceback
from dataclasses import dataclass

from wire import READ_BYTES, Publisher, Subscriber

# (level, QoS, how many). None of them waits for anything but its window.
PUBLISHERS = ((5, 0, 2), (4, 0, 2), (5, 1, 4), (4, 1, 4), (5, 2, 2), (4, 2, 2))
WINDOWS = {0: 0, 1: 200, 2: 100}
SLOW, STALLED, SLEEPERS = 4, 4, 2
# A sleeper is there for so long of each period, the second half a period after the first.
PERIOD_S, AWAKE_S = 8.0, 2.5
# A slow one reads this often.
TICK_S = 0.01
# Nothing has come for so long: all has come.
QUIET_S = 3.0
DRAIN_S_MAX = 180.0
FILTERS = ("load/0/#", "load/1/#", "load/2/#")


@dataclass
class Published:
    """What one publisher has done."""

    number: int
    level: int
    qos: int
    sent: int
    refused: int
    closed: int
    under_way: int
    sent_bytes: int
    acknowledged: bytes


@dataclass
class Taken:
    """What one subscriber that had to get everything has got."""

    client_id: str
    counts: dict
    delivered: int


class Side:
    """A process that carries out one side and tells what came of it."""

    def __init__(self, run, *arguments):
        context = multiprocessing.get_context("fork")
        self.here, there = context.Pipe()
        self.process = context.Process(target=carry_out, args=(run, there, *arguments), daemon=True)
        self.process.start()
        there.close()

    def tell(self, word):
        self.here.send(word)

    def hear(self, seconds):
        if not self.here.poll(seconds):
            raise RuntimeError(f"one side of the load did not answer within {seconds:.0f} s")
        answer = self.here.recv()
        if isinstance(answer, str) and answer.startswith("failed"):
            raise RuntimeError(answer)
        return answer

    def end(self):
        self.process.kill()
        self.process.join()


def carry_out(run, pipe, *arguments):
    try:
        run(pipe, *arguments)
    except Exception:  # whatever it is, the other process has to know
        pipe.send("failed: " + traceback.format_exc())


def publish(pipe, port, payload_bytes):
    """Connects, says so, publishes until told to stop, and waits for the answers to what is under way."""
    kinds = [(level, qos) for level, qos, count in PUBLISHERS for _ in range(count)]
    publishers = [
        Publisher(port, number, level, qos, payload_bytes, WINDOWS[qos]) for number, (level, qos) in enumerate(kinds)
    ]
    while not all(one.is_ready for one in publishers):
        turn(publishers)
    pipe.send("ready")
    pipe.recv()
    while not pipe.poll():
        turn(publishers)
    pipe.recv()
    for one in publishers:
        one.is_done = True
    deadline = time.monotonic() + DRAIN_S_MAX
    while any(one.connection.is_open and (one.under_way or one.connection.out) for one in publishers):
        turn(publishers)
        if time.monotonic() > deadline:
            break
    pipe.send([published(one) for one in publishers])
    pipe.recv()


def turn(publishers):
    poll = select.poll()
    by_number = {}
    for one in publishers:
        if one.connection.is_open:
            one.fill()
            is_through = one.connection.flush()
            poll.register(one.connection, select.POLLIN | (0 if is_through else select.POLLOUT))
            by_number[one.connection.fileno()] = one
    for number, events in poll.poll(20):
        if events & ~select.POLLOUT:
            by_number[number].take()


def published(one):
    return Published(
        one.number, one.level, one.qos, one.next, one.refused, one.closed, len(one.under_way),
        one.connection.sent_bytes, bytes(one.acknowledged),
    )  # fmt: skip


class Consumers:
    """All subscribers, and when each of them reads how much."""

    def __init__(self, port, bytes_per_s):
        self.slow = [Subscriber(port, f"slow-{number}", FILTERS, 2) for number in range(SLOW)]
        self.sleepers = [Subscriber(port, f"sleeper-{number}", FILTERS, 2) for number in range(SLEEPERS)]
        self.stalled = [Subscriber(port, f"stalled-{number}", FILTERS, 1, is_clean=True) for number in range(STALLED)]
        self.bytes_per_tick = max(1, int(bytes_per_s * TICK_S / SLOW))
        for one in self.all():
            one.open()
        while not all(one.is_subscribed for one in self.all()):
            for one in self.all():
                one.take()

    def all(self):
        return self.slow + self.sleepers + self.stalled

    def owed(self):
        """Those that have to get everything: their sessions outlive their connections."""
        return self.slow + self.sleepers

    def tick(self, elapsed_s):
        """One tick of the overload."""
        for one in self.slow:
            self.keep_open(one)
            one.take(self.bytes_per_tick)
        for number, one in enumerate(self.sleepers):
            is_awake = (elapsed_s + number * PERIOD_S / SLEEPERS) % PERIOD_S > PERIOD_S - AWAKE_S
            if is_awake:
                self.keep_open(one)
                one.take(READ_BYTES)
            else:
                one.leave()

    def keep_open(self, one):
        if not (one.connection and one.connection.is_open):
            one.leave()
            one.open()

    def drain(self, is_over):
        """Everybody who has to get everything reads until nothing comes any more."""
        quiet_since = began = time.monotonic()
        before = -1
        while time.monotonic() - began < DRAIN_S_MAX:
            for one in self.owed():
                self.keep_open(one)
                one.take()
            delivered = sum(one.delivered for one in self.owed())
            if delivered == before:
                time.sleep(TICK_S)
            if delivered != before or not is_over():
                before, quiet_since = delivered, time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_S:
                return


def consume(pipe, port, bytes_per_s):
    """Subscribes, says so, takes slowly until told to drain, and says what has come."""
    consumers = Consumers(port, bytes_per_s)
    pipe.send("ready")
    pipe.recv()
    began = due = time.monotonic()
    while not pipe.poll():
        consumers.tick(time.monotonic() - began)
        due = max(due + TICK_S, time.monotonic() - TICK_S)
        time.sleep(max(0.0, due - time.monotonic()))
    pipe.recv()
    seconds = time.monotonic() - began
    taken = sum(one.delivered for one in consumers.slow)
    consumers.drain(pipe.poll)
    pipe.recv()
    pipe.send((seconds, taken, [Taken(one.client_id, one.counts, one.delivered) for one in consumers.owed()]))
    pipe.recv()
    for one in consumers.all():
        one.end_session()
    pipe.send("all sessions have ended")
    pipe.recv()
