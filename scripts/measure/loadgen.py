"""One run of loadgen: its command, its end, its JSON."""

import json
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .cores import overlap, show_cores

# Beyond the time it was asked for: connecting, the wait for what is late, leaving.
GRACE_S = 240
LEAVE_S = 20
# Exit codes of loadgen.
UNTRUE = 3
STOPPED = 130
# What makes a run untrue, by the names loadgen counts it under.
WRONGS = ("lost", "duplicated", "out_of_order", "foreign")


@dataclass(frozen=True)
class Settings:
    """How loadgen is run, the same for every broker of a measurement."""

    program: Path
    cores: tuple
    spins: bool
    duration_s: float
    warmup_s: float

    def beside(self, entry):
        """The same with the CPUs that are loadgen's beside this broker."""
        if not entry.load_cores:
            return self
        return replace(self, cores=entry.load_cores, spins=not overlap(entry.cores, entry.load_cores))


@dataclass
class Run:
    """One run as it is kept in raw/: what was asked, what came of it."""

    scenario: str
    label: str
    number: int
    broker_command: str
    load_command: str
    exit_code: int = None
    report: dict = None
    error: str = None
    load_average: float = None
    # What a second loadgen did meanwhile, as it reports it.
    beside: dict = None
    # How many publications stayed in the broker up to which time meanwhile, warm-up included: [[us or none, count], ...].
    stays: list = None
    # The same of each piece of it between two looks.
    stays_pieces: list = None

    @property
    def is_true(self):
        """It was carried out and every message accounted for."""
        return self.error is None and self.exit_code == 0 and self.report is not None and self.report["ok"]

    @property
    def truth(self):
        return self.report["truth"] if self.report else None


@dataclass
class Command:
    """loadgen's words for one broker and one load; `extra` are those that the broker needs."""

    settings: Settings
    load: object
    address: str
    pid: int = None
    extra: list = field(default_factory=list)

    def words(self):
        settings, load = self.settings, self.load
        words = [*load.words, *self.extra, "--cores", show_cores(settings.cores)]
        if settings.spins and not load.is_beside:
            words.append("--spin")
        if "--duration" not in load.words:
            words += ["--duration", f"{settings.duration_s:g}"]
        if "--warmup" not in load.words:
            words += ["--warmup", f"{settings.warmup_s:g}"]
        return words

    def shown(self):
        """As somebody else would type it."""
        known = ["--broker-pid", "PID"] if self.pid else []
        return " ".join(["loadgen", *self.words(), "--broker", "127.0.0.1:PORT" if self.pid else self.address, *known])

    def full(self):
        known = ["--broker-pid", str(self.pid)] if self.pid else []
        # A prefix of its own choosing would carry its process id into the report.
        prefix = [] if "--prefix" in self.load.words else ["--prefix", "bench"]
        named = ["--broker", self.address, *prefix, *known]
        return [str(self.settings.program), *self.words(), *named, "--json", "--quiet"]


@contextmanager
def meanwhile(command):
    """A loadgen that runs until it is stopped; what is given has its report then."""
    process, told = start(command), []
    try:
        yield told
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LEAVE_S)
        code, report, error = judge(process.returncode, out, err)
        # Being stopped is its end in order; one that has ended before was not there all the time.
        told.append(report if code == STOPPED else {"ended": error or code})


def start(command):
    return subprocess.Popen(
        command.full(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def load(command):
    """Runs loadgen to its end and returns exit code, report and error. After Ctrl-C it leaves in order first."""
    process = start(command)
    limit_s = command.settings.duration_s + command.settings.warmup_s + GRACE_S
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        leave(process)
        return None, None, f"loadgen did not end within {limit_s:.0f} s"
    except BaseException:
        leave(process)
        raise
    return judge(process.returncode, out, err)


def leave(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def judge(code, out, err):
    """What an end means. A report with exit code 1 or 3 is kept: it says what went wrong."""
    try:
        report = json.loads(out)
    except ValueError:
        last = (err.strip().splitlines() or ["no word"])[0]
        return code, None, f"loadgen ended with exit code {code}: {last}"
    return code, report, None
