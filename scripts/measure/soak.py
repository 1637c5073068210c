"""scripts/soak: hours of steady traffic while clients come and go, and whether memory grows meanwhile."""

import sys
import threading
import time
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from statistics import median

from . import host
from .brokers import KINDS, Entry, version_of
from .cores import check_cores, parse_cores, show_cores, usable_cores
from .loadgen import WRONGS, Command, Settings, load
from .loads import free_load
from .options import ROOT, UsageError, add_places, main, new_parser, programs
from .process import Ports, Started, raise_open_files
from .store import new_folder, write_json, write_text
from .words import milliseconds

PROG = "scripts/soak"
MINUTES = 60.0
# One round: what clients do besides the steady traffic. Each undoes what it has done. The CPUs are for others, too, and may
# be gone for seconds: what is late is not lost.
CHURN = (
    "reconnect-storm --scale 0.1",
    "takeover-storm --scale 0.1",
    "filters --topics 20000 --subscribers 20 --exact 70",
    "retained --topics 20000 --subscribers 5",
    "offline-sessions --subscribers 200 --topics 100",
    "fanout --subscribers 200 --qos 1 --window 50 --duration 2 --drain 10",
    "sharedsub --publishers 20 --subscribers 5 --rate 2000 --duration 2 --drain 10",
    "p2p --clients 10 --window 8 --payload 65536 --duration 2 --drain 10",
    "p2p --clients 50 --qos 2 --window 20 --protocol 5 --duration 2 --drain 10",
    "conn --clients 2000 --connect-rate 0 --duration 0.2",
)
# The memory of the last third of the rounds may lie so much above that of the second third.
GROWTH_MAX = 0.05
GROWTH_BYTES_MAX = 1 << 20
# What a slope of the second half of the rounds is called growth for: it is above zero for certain, and so many bytes over
# that half.
CERTAIN = 1.96
# Before the memory is looked at: longer than Corecast waits before it gives memory back.
SETTLE_S = 12.0
ROUNDS_MIN = 6

# The delays of the steady traffic that are told.
LATENCIES = {"median": "p50_us", "99 %": "p99_us", "99.9 %": "p99_9_us", "longest": "max_us"}

DESCRIPTION = """\
Runs Corecast for a long time under steady traffic (pairs, QoS 1) while other clients come and go: reconnecting,
taking over, subscribing, leaving messages behind. Looks at its memory after each round, and says whether it grows and
whether every message was accounted for."""

EPILOG = f"""\
examples:
  scripts/soak                          an hour
  scripts/soak --minutes 480            eight hours
  scripts/soak --cores 0,1 --rate 20000 two shards, more traffic

Memory grows if the median after the last third of the rounds is more than {GROWTH_MAX:.0%} and 1 MiB above that after the
second third; or if its slope over the second half of the rounds is above zero with its whole interval of 95 %, and more
than 1 MiB over that half. Exit code 0: it did not grow and all was true; 1: else; 2: bad flags."""


@dataclass
class Look:
    """The memory after one round."""

    elapsed_s: float
    pss_bytes: int
    # What the broker itself holds, by its own count: without what the allocator keeps.
    allocated_bytes: int = None


@dataclass
class Soak:
    """All that happened."""

    looks: list
    failures: list
    steady: dict
    # What loadgen reported of each that was not in order.
    failed: list = field(default_factory=list)


def new_arguments():
    parser = new_parser(PROG, DESCRIPTION, EPILOG)
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="N", help=f"how long [default: {MINUTES:g}]")
    parser.add_argument("--rate", type=int, default=2000, metavar="N", help="steady messages a second [default: 2000]")
    parser.add_argument("--cores", metavar="LIST", help="CPUs for the broker [default: all]")
    parser.add_argument(
        "--settle", type=float, default=SETTLE_S, metavar="SECONDS", help=f"before each look [default: {SETTLE_S:g}]"
    )
    add_places(parser)
    return parser


def soak(words):
    arguments = new_arguments().parse_args(words)
    if not 0 < arguments.minutes <= 10_000 or arguments.rate < 1 or arguments.settle < 0:
        raise UsageError("--minutes has to be above 0, --rate at least 1, --settle not below 0")
    usable = usable_cores()
    cores = check_cores(parse_cores(arguments.cores), usable) if arguments.cores else usable
    load_cores = check_cores(parse_cores(arguments.load_cores), usable) if arguments.load_cores else usable
    open_files = raise_open_files()
    corecast, loadgen = programs(arguments, True)
    version = version_of(KINDS["corecast"], corecast.resolve())
    entry = Entry("corecast", "corecast", program=corecast.resolve(), version=version, cores=tuple(cores))
    settings = Settings(loadgen, tuple(load_cores), spins=False, duration_s=2.0, warmup_s=0.2)
    # Now: it may be another day when it is over, and who works on in the same folder meanwhile changes the commit.
    date = time.strftime("%Y-%m-%d")
    folder = new_folder(arguments.results, date, arguments.topic or "soak")
    facts = host.facts(ROOT) | {"open_files": open_files}
    with Started(entry, Ports(arguments.port)) as broker:
        happened = run(broker, settings, arguments)
    looks = [vars(look) for look in happened.looks]
    raw = {"host": facts, "looks": looks, "failures": happened.failures, "failed": happened.failed, "steady": happened.steady}
    write_json(folder / "raw.json", raw)
    text, is_good = summary(happened, entry, arguments, facts, date)
    write_text(folder / "summary.md", text)
    print(text)
    return 0 if is_good else 1


def run(broker, settings, arguments):
    """Steady traffic in a thread of its own, rounds of churn here, until the time is over."""
    seconds = arguments.minutes * 60
    happened = Soak([], [], {})
    steady = free_load(f"p2p --clients 100 --qos 1 --rate {arguments.rate} --prefix steady", 0)
    background = replace(settings, duration_s=seconds)
    thread = threading.Thread(target=lambda: happened.steady.update(outcome(background, steady, broker)))
    began = time.monotonic()
    thread.start()
    number = 0
    while time.monotonic() - began < seconds and broker.process.poll() is None:
        number += 1
        for words in CHURN:
            ended = outcome(settings, free_load(f"{words} --prefix churn{number}", 0), broker)
            if not ended["is_true"]:
                happened.failures.append(f"round {number}, {words}: {ended['said']}")
                happened.failed.append(ended)
                print(f"FAILED: {happened.failures[-1]}", flush=True)
        time.sleep(arguments.settle)
        if broker.process.poll() is None:
            look = Look(time.monotonic() - began, pss_of(broker.pid), allocated_of(broker))
            happened.looks.append(look)
            held = "" if look.allocated_bytes is None else f", {mib(look.allocated_bytes)} of them held by the broker"
            print(f"{look.elapsed_s / 60:6.1f} min  {mib(look.pss_bytes):>12}{held}", flush=True)
    thread.join()
    if broker.process.poll() is not None:
        happened.failures.append(f"the broker ended{broker.last_words()}")
    return happened


def outcome(settings, what, broker):
    """What came of one run of loadgen, short."""
    code, report, error = load(Command(settings, what, broker.address, broker.pid))
    truth = report and report["truth"]
    wrong = [f"{count} {what.replace('_', ' ')}" for what, count in (truth or {}).items() if isinstance(count, int) and count]
    said = [error] if error else [*report["problems"], *wrong, f"exit code {code}"] if report else ["no report"]
    return {"is_true": code == 0, "said": "; ".join(said), "truth": truth, "latency": report and report["traffic"]["latency"]}


def pss_of(pid):
    """Proportional set size in bytes."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def allocated_of(broker):
    return (broker.counters() or {}).get("memory_allocated_bytes_now")


def growth(looks):
    """(bytes after the second third, bytes after the last third) as medians; `None` if there are too few rounds."""
    if len(looks) < ROUNDS_MIN:
        return None
    third = len(looks) // 3
    return tuple(int(median(look.pss_bytes for look in part)) for part in (looks[third:-third], looks[-third:]))


def grows(before, after):
    return after - before > max(GROWTH_MAX * before, GROWTH_BYTES_MAX)


@dataclass
class Slope:
    """Bytes a round over the second half of the rounds: the median of the slopes between any two, with the interval that the
    true one is in with 95 %, if the rounds do not depend on each other."""

    median: float
    lowest: float
    highest: float
    rounds: int

    @property
    def is_growth(self):
        return self.lowest > 0 and self.median * self.rounds > GROWTH_BYTES_MAX

    def words(self):
        low, middle, high = (f"{round(amount / 1024, 1) + 0.0:+.1f}" for amount in (self.lowest, self.median, self.highest))
        return f"Over the last {self.rounds} rounds it changed by {middle} KiB a round (95 %: {low} to {high})."


def slope(looks, what="pss_bytes"):
    """After Theil and Sen, the interval by Kendall's count of inversions: a step or two do not turn it."""
    half = [getattr(look, what) for look in looks[len(looks) // 2 :]]
    count = len(half)
    slopes = sorted((half[two] - half[one]) / (two - one) for one in range(count) for two in range(one + 1, count))
    margin = CERTAIN * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    lowest = max(0, int((len(slopes) - margin) / 2))
    highest = min(len(slopes) - 1, int((len(slopes) + margin) / 2) + 1)
    return Slope(median(slopes), slopes[lowest], slopes[highest], count)


def summary(happened, entry, arguments, facts, date):
    """The text, and whether all is well."""
    found = growth(happened.looks)
    is_true = happened.steady.get("is_true", False) and not happened.failures
    has_grown = found is not None and (grows(*found) or slope(happened.looks).is_growth)
    if found is None:
        verdict = f"**Cannot tell**: fewer than {ROUNDS_MIN} rounds."
    else:
        verdict = f"**Memory {'grew' if has_grown else 'did not grow'}**: {mib(found[0])} after the second third of the rounds, "
        verdict += f"{mib(found[1])} after the last. {slope(happened.looks).words()}"
        if all(look.allocated_bytes is not None for look in happened.looks):
            held = slope(happened.looks, "allocated_bytes")
            verdict += f" What the broker itself holds {'grew' if held.is_growth else 'did not grow'}. {held.words()}"
    lines = [
        f"# Soak of {arguments.minutes:g} minutes, {date}",
        "",
        f"Corecast {entry.version} on CPU {show_cores(entry.cores)}, {facts['cpu']}, Linux {facts['kernel']}.",
        f"Steady: 100 pairs, QoS 1, {arguments.rate} messages a second in all. Beside it rounds of churn, each of:",
        "",
        *(f"- `loadgen {words}`" for words in CHURN),
        "",
        verdict + (" Every message was accounted for." if is_true else ""),
        "",
        steady_words(happened.steady),
        "",
        *(f"- **{text}**" for text in happened.failures),
        *([""] if happened.failures else []),
        "| minutes | PSS | held by the broker |",
        "|---:|---:|---:|",
        *(f"| {look.elapsed_s / 60:.1f} | {mib(look.pss_bytes)} | {mib(look.allocated_bytes)} |" for look in happened.looks),
        "",
        f"Commit {facts['commit']}. Repeat it: `{PROG} --minutes {arguments.minutes:g} --rate {arguments.rate}`.",
        "",
    ]
    return "\n".join(lines), is_true and found is not None and not has_grown


def steady_words(steady):
    """What came of the steady traffic, in a sentence or two."""
    truth, latency = steady.get("truth"), steady.get("latency")
    if not truth or not latency:
        return f"Steady traffic: **{steady.get('said') or 'nothing is known'}**."
    counts = ", ".join(f"{truth[what]} {what.replace('_', ' ')}" for what in (*WRONGS, "unreadable"))
    late = ", ".join(f"{name} {milliseconds(latency[key])}" for name, key in LATENCIES.items())
    text = f"Steady traffic: {latency['count']:,} messages, {counts}; latency in ms: {late}."
    return text if steady["is_true"] else f"{text} **{steady['said']}**."


def mib(amount):
    if amount is None:
        return "-"
    return f"{amount / (1 << 20):.2f} MiB"


if __name__ == "__main__":
    sys.exit(main(soak, PROG))
