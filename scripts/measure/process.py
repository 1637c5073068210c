"""One run of a broker: a fresh folder, a fresh process, pinned, ended by its own process id."""

import getpass
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from string import Template

from .brokers import KINDS
from .cores import show_cores
from .counters import ask
from .stays import counts_of

CONFIGS = Path(__file__).resolve().parent.parent / "brokers"
HOST = "127.0.0.1"
STOP_S = 10
OPEN_FILES_MAX = 1_048_576
MEMORY_FOLDER = Path("/dev/shm")
MEMORY_FREE_BYTES = 2 << 30
LOG_BYTES = 2_000
# An answer is some microseconds of a broker's work; this is for one that does not answer at all.
PATIENCE_S = 5


class StartError(Exception):
    """The broker did not start or died; the text holds its own words."""


def raise_open_files():
    """As many open files as may be: for every broker and for loadgen alike. Returns how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (OPEN_FILES_MAX, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
            return wanted
        except (ValueError, OSError):
            continue
    return soft


class Ports:
    """Free ports, each time other ones: what the last run left in TIME_WAIT is not in the way of the next."""

    def __init__(self, first, count=200):
        self.first, self.count, self.next = first, count, 0

    def take(self):
        for _ in range(self.count):
            port = self.first + self.next % self.count
            self.next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                    return port
                except OSError:
                    continue
        raise StartError(f"no free port from {self.first} to {self.first + self.count - 1}; give another by --port")


def run_folder():
    """A folder of its own for a run, in memory if there is room: no broker shall wait for a disk."""
    in_memory = MEMORY_FOLDER.is_dir() and os.access(MEMORY_FOLDER, os.W_OK)
    in_memory = in_memory and shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_FREE_BYTES
    place = MEMORY_FOLDER if in_memory else None
    return tempfile.TemporaryDirectory(prefix="bench-", dir=place, ignore_cleanup_errors=True)


class Running:
    """One that was there before: nothing is started, nothing is ended, and its process is not known."""

    def __init__(self, entry):
        self.address, self.pid, self.shown, self.load_words = entry.address, None, "(ran already)", []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def last_words(self):
        return ""

    def stays(self):
        return None


class Started:
    """A broker of our own, from its start to its end: `with Started(...) as broker`."""

    def __init__(self, entry, ports):
        self.entry, self.kind = entry, KINDS[entry.kind]
        self.port, port_2 = ports.take(), ports.take()
        self.address = f"{HOST}:{self.port}"
        self.folder = run_folder()
        self.values = {
            "folder": self.folder.name,
            # Over TLS the plain listener is on the other port.
            "port": port_2 if entry.speaks_tls else self.port,
            "tls_port": self.port,
            "user": getpass.getuser(),
            "certificate": f"{self.folder.name}/server.pem",
            "key": f"{self.folder.name}/server.key",
            "port_2": port_2,
            "cores": show_cores(entry.cores),
            "first_core": entry.cores[0],
            "threads": len(entry.cores),
            "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }
        self.container = f"bench-{os.getpid()}-{self.port}" if entry.image else None
        self.log_path = Path(self.folder.name) / "output.log"
        self.pid = self.process = None
        self.shown = self.show()

    def show(self):
        """The command as somebody else would type it from the root of the repository."""
        shown = self.values | {"config": self.shown_configs(), "port": "PORT", "tls_port": "PORT"}
        words = [self.kind.program, *(Template(word).substitute(shown) for word in self.kind.words)]
        return f"taskset -c {self.values['cores']} " + " ".join(words)

    def shown_configs(self):
        return f"scripts/brokers/{{{','.join(self.configs)}}}" if len(self.configs) > 1 else f"scripts/brokers/{self.kind.config}"

    @property
    def load_words(self):
        """What loadgen has to be told of this broker."""
        return ["--tls", "--insecure"] if self.entry.speaks_tls else []

    def __enter__(self):
        try:
            self.start()
            self.wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        environment = dict(os.environ)
        config = self.write_config()
        if config and config.suffix == ".env":
            environment |= read_environment(config)
        words = [Template(word).substitute(self.values, config=config) for word in self.kind.words]
        if self.container:
            command = self.docker_command(words, config)
        else:
            command = ["taskset", "-c", self.values["cores"], str(self.entry.program), *words]
        with open(self.log_path, "wb") as log:
            # A session of its own: Ctrl-C goes to us, and we end it in order.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self.pid = self.process.pid

    def write_config(self):
        """The templates from the repository with this run's ports and folder in them."""
        if self.kind.config is None:
            return None
        config = Path(self.folder.name) / self.kind.config
        text = "".join((CONFIGS / name).read_text() for name in self.configs)
        config.write_text(Template(text).substitute(self.values))
        if self.kind.tls_config:
            self.make_certificate()
        if self.container:
            # The image has a user of its own.
            os.chmod(self.folder.name, 0o777)
            os.chmod(config, 0o644)
        return config

    @property
    def configs(self):
        return [name for name in (self.kind.config, self.kind.tls_config) if name]

    def make_certificate(self):
        """One that has signed itself, with the kind of key that most have: loadgen takes any."""
        words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
        places = ["-keyout", self.values["key"], "-out", self.values["certificate"], "-days", "90"]
        try:
            made = subprocess.run(["openssl", "req", *words, *places], capture_output=True, text=True)
        except FileNotFoundError:
            raise StartError("openssl is missing, which makes the certificate (Debian: apt-get install openssl)") from None
        if made.returncode != 0:
            raise StartError(f"openssl makes no certificate: {made.stderr.strip()}")

    def docker_command(self, words, config):
        pinned = ["--cpuset-cpus", self.values["cores"], "--ulimit", f"nofile={self.values['open_files']}"]
        mounted = ["--volume", f"{self.folder.name}:{self.folder.name}"]
        if config.suffix == ".env":
            mounted += ["--env-file", str(config)]
        program, *first = self.kind.image_words
        return [
            "docker", "run", "--rm", "--name", self.container, "--network", "host", *pinned, *mounted,
            "--entrypoint", program, self.entry.image, *first, *words,
        ]  # fmt: skip

    def wait_until_it_listens(self):
        deadline = time.monotonic() + self.kind.ready_s
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                self.wait_a_moment()
                continue
            if self.container:
                self.pid = self.container_pid()
            return
        raise StartError(f"nothing listens after {self.kind.ready_s:.0f} s{self.last_words()}")

    def wait_a_moment(self):
        """Waits for its end, so that an early end is noticed at once."""
        try:
            code = self.process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            return
        raise StartError(f"it ended at once, exit code {code}{self.last_words()}")

    def container_pid(self):
        asked = ["docker", "inspect", "--format", "{{.State.Pid}}", self.container]
        said = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        return int(said) if said.isdecimal() and said != "0" else None

    def stays(self):
        """How long publications have stayed in it so far, if it counts that."""
        return counts_of(self.counters()) if self.kind.counts_stays and not self.container else None

    def counters(self):
        """What Corecast has counted so far; `None` if it does not answer."""
        with open(self.log_path, "rb") as log:
            return ask(self.process, log.fileno(), PATIENCE_S)

    def last_words(self):
        """The end of what it wrote, to stand behind an error."""
        try:
            text = self.log_path.read_bytes()[-LOG_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        # Neither a process id nor the name of the machine belongs into a report.
        text = re.sub(rf"\b(?:{self.pid}|{re.escape(socket.gethostname())})\b", "-", text)
        return f"; it said: {text}" if text else ""

    def stop(self):
        if self.container:
            subprocess.run(["docker", "stop", "--time", str(STOP_S), self.container], capture_output=True)
        if self.process:
            end(self.process)
        self.folder.cleanup()


def broker_of(entry, ports):
    return Running(entry) if entry.address else Started(entry, ports)


def end(process):
    """SIGTERM to the process itself; if that is not enough, SIGKILL to all it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def read_environment(path):
    """KEY=VALUE lines, as Docker's --env-file reads them."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
