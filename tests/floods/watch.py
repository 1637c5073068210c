"""What a flood is seen by: the broker's process, its counters and memory, and the clients that were there before."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import floods
import wire

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))
from broker import HOST, Broker, BrokerError  # noqa: E402

CONFIG = """\
[shards]
cores = "{core}"
[limits]
connections_max = {connections}
connect_timeout = {timeout}
queue_messages_max = {queue}
subscriptions_max = {subscriptions}
"""
# How long a counter may take to be logged, and connections to be seen to end.
PATIENCE_S = 30
PAIRS = 20
RATE = 3000
# A stall of the broker shall show as latency and not as loss.
DRAIN_S = 20


class Watched(Broker):
    """The broker under flood: one shard on one CPU, with small bounds."""

    def __init__(self, program, core, port, subscriptions_max):
        self.config = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.config.write(
            CONFIG.format(
                core=core,
                connections=floods.CONNECTIONS_MAX,
                timeout=floods.CONNECT_TIMEOUT_S,
                queue=floods.QUEUE_MESSAGES_MAX,
                subscriptions=subscriptions_max,
            )
        )
        self.config.flush()
        super().__init__(f"{program} -c {{config}} --bind {HOST}:{{port}}", 1, self.config.name, port)
        # It listens before its shards are ready, and has nothing to report in between.
        if not self.answers():
            self.stop()
            raise BrokerError("the broker does not answer before any flood")

    def counters_at_rest(self, connections):
        """Its counters once it has no more connections than that."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            counters = self.counters()
            if counters["connections_now"] <= connections:
                return counters
            time.sleep(0.1)
        raise BrokerError(f"{counters['connections_now']} connections {PATIENCE_S} s after the last client has gone")

    def memory(self):
        """Resident bytes now and at most since the peak was forgotten."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
        return sizes["VmRSS"], sizes["VmHWM"]

    def forget_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def answers(self):
        """Whether a new client gets its own message back."""
        peer = wire.Peer(self.port, wire.connect("is anybody there"))
        try:
            is_well = peer.connack() == 0
            peer.send(wire.subscribe(1, ["is/anybody/there"]))
            is_well &= peer.suback() == b"\0"
            peer.send(wire.publish("is/anybody/there", b"yes"))
            return is_well and peer.next(wire.PUBLISH)[1].endswith(b"yes")
        finally:
            peer.close()


@dataclass
class Told:
    """What the established clients saw."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    delivered: int
    wrong: list


class Established:
    """Pairs that were there before the flood; they go on while the block runs, and `told` says afterwards how it was."""

    def __init__(self, loadgen, core, broker, seconds):
        words = f"p2p --clients {PAIRS} --qos 1 --rate {RATE} --duration {seconds} --warmup 0.5 --drain {DRAIN_S}"
        self.command = [loadgen, *words.split(), "--cores", str(core), "--json", "--quiet"]
        self.command += ["--broker", f"{HOST}:{broker.port}"]
        self.broker, self.limit_s, self.told = broker, seconds + DRAIN_S + PATIENCE_S, None

    def __enter__(self):
        before = self.broker.counters()["connects_accepted_total"]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE_S
        while self.broker.counters()["connects_accepted_total"] < before + 2 * PAIRS:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise BrokerError(f"the established clients could not connect\n{self.process.communicate()[1]}")
            time.sleep(0.02)
        return self

    def __exit__(self, failed, *_):
        if failed:
            self.process.kill()
        try:
            out, error = self.process.communicate(timeout=self.limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise BrokerError(f"the established clients did not end within {self.limit_s:.0f} s") from None
        if not failed:
            self.told = told(self.process.returncode, out, error)


def told(code, out, error):
    """From loadgen's report: how late messages were, and whatever did not go as it has to."""
    if code not in (0, 3) or not out:
        return Told(0, 0, 0, 0, [f"loadgen ended with exit code {code}: {error.strip() or out.strip()}"])
    report = json.loads(out)
    traffic, connect, latency = report["traffic"], report["connect"], report["traffic"]["latency"]
    wrong = list(report["problems"])
    wrong += [f"{report['truth'][name]} {name}" for name in ("lost", "duplicated", "out_of_order", "foreign") if report["truth"][name]]
    wrong += [f"{connect[name]} connections {name}" for name in ("failed", "closed_by_broker") if connect[name]]
    if not traffic["sent"] == traffic["acknowledged"] == traffic["expected"] == traffic["delivered"] > 0:
        wrong.append("sent {sent}, acknowledged {acknowledged}, delivered {delivered}".format(**traffic))
    milliseconds = [latency[name] / 1000 for name in ("p50_us", "p99_us", "max_us")]
    return Told(*milliseconds, traffic["delivered"], wrong)
