"""The broker under overload: its process in a limit of memory, its counters, what it holds, and how soon it answers."""

import os
import re
import select
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))
from broker import HOST, Broker, BrokerError  # noqa: E402

import wire  # noqa: E402

# Nothing but the budget is to be the limit of a queue.
CONFIG = """\
[shards]
count = {shards}
[limits]
memory_bytes_max = {budget}
queue_messages_max = 100_000_000
queue_bytes_max = 1_099_511_627_776
"""
PATIENCE_S = 30
COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Watched(Broker):
    def __init__(self, program, shards, budget, port, bound):
        self.config = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.config.write(CONFIG.format(shards=shards, budget=budget))
        self.config.flush()
        super().__init__(f"{program} -c {{config}} --bind {HOST}:{{port}}", shards, self.config.name, port, bound.enter)
        # Who comes while memory is short is refused; this one is there before.
        self.peer = wire.Connection(self.port, 5)
        self.peer.send(wire.connect(5, "watcher", True))
        self.peer.flush()
        self.await_packet(wire.CONNACK)

    def await_packet(self, kind):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.peer.is_open:
            select.select([self.peer], [], [], 1)
            if any(first_byte & 0xF0 == kind for first_byte, _ in self.peer.read()):
                return
        raise BrokerError(f"no answer within {PATIENCE_S} s, or the connection was closed\n{self.log()}")

    def ping(self):
        """Seconds until a PINGREQ is answered."""
        began = time.monotonic()
        self.peer.send(wire.PINGREQ)
        self.peer.flush()
        self.await_packet(wire.PINGRESP)
        return time.monotonic() - began

    def lines_with(self, word):
        """The lines of its log with a word in it, its reports left out."""
        said = os.pread(self.stderr.fileno(), 1 << 22, 0).decode(errors="replace")
        return [COLOR.sub("", line) for line in said.splitlines() if word in line and "report counters" not in line]

    def memory(self):
        """Resident bytes now and at most since the peak was forgotten."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
        return sizes.get("VmRSS", 0), sizes.get("VmHWM", 0)

    def forget_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
