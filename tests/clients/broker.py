"""Starts the broker under test on a loopback port, a free one if none is given, and ends it by its own process id."""

import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from measure.counters import ask  # noqa: E402

HOST = "127.0.0.1"
START_S = 15
STOP_S = 20
REPORT_S = 30


class BrokerError(Exception):
    """The broker did not start, died, or did not end as it should."""


class Broker:
    """One run of a broker; `command` may hold {port}, {shards} and {config}, the path of a configuration. `prepare` is called
    in its process before it becomes the broker."""

    def __init__(self, command, shards, config="", port=None, prepare=None):
        self.port = port or free_port()
        self.stderr = tempfile.TemporaryFile()
        words = [word.format(port=self.port, shards=shards, config=config) for word in shlex.split(command)]
        print("$ " + shlex.join(words), flush=True)
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self.stderr, stderr=self.stderr, preexec_fn=prepare
        )
        try:
            self.wait_until_it_listens()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def wait_until_it_listens(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return
            except OSError:
                pass
            try:
                # Waiting for its end is how to pause: an early end is noticed at once.
                code = self.process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
            raise BrokerError(f"the broker ended at once, exit code {code}\n{self.log()}")
        raise BrokerError(f"nothing listens on port {self.port} after {START_S} s\n{self.log()}")

    def is_alive(self):
        return self.process.poll() is None

    def lines(self):
        """What the broker wrote so far."""
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace").splitlines()

    def log(self):
        """The same for people, the end of it if it is long."""
        return "--- the broker's own words:\n" + "\n".join(self.lines())[-8_000:]

    def counters(self):
        """What it has counted so far, by its own log."""
        counted = ask(self.process, self.stderr.fileno(), REPORT_S)
        if counted is not None:
            return counted
        state = f"no counters {REPORT_S} s after SIGUSR1" if self.is_alive() else "it has ended"
        raise BrokerError(f"{state}\n{self.log()}")

    def stop(self):
        """SIGTERM, and the exit code has to be 0."""
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BrokerError(f"the broker did not end within {STOP_S} s of SIGTERM") from None
        if code != 0:
            raise BrokerError(f"the broker's exit code is {code}, not 0")


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
