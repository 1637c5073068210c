"""scripts/memory: what a broker needs for each thing that it keeps."""

import sys
from dataclasses import replace

from .cores import usable_cores
from .loadgen import Settings
from .memory_loads import FULL, SMOKE, chosen, held_loads
from .memory_report import summary
from .options import (
    UsageError,
    add_brokers,
    add_places,
    beside,
    check_rounds,
    find_all,
    main,
    new_parser,
    rounds,
    seconds,
    wishes_to_start,
)
from .process import raise_open_files
from .session import session, write_report
from .spread import RUNS_MIN

PROG = "scripts/memory"
# The broker gives back what is not needed any more ten seconds after its last work.
SETTLE_S = 12.0
SMOKE_SETTLE_S = 0.1

DESCRIPTION = """\
Measures what a broker needs for one idle connection, filter, retained and queued message, how fast it takes them in, and
how much of it stays behind when all has been undone. Writes a report with charts.

A broker is a name, NAME=PATH or LABEL:NAME=PATH, as of scripts/bench; it has to be started here, to be looked into."""

EPILOG = """\
examples:
  scripts/memory                                       Corecast alone, one shard
  scripts/memory --shards 2 corecast mosquitto         Corecast with one shard and with two, and mosquitto
  scripts/memory --scenario retained corecast nanomq   one scenario
  scripts/memory old:corecast=/tmp/corecast corecast   two builds of Corecast

scenarios:
"""


def new_arguments():
    width = max(len(load.name) for load in held_loads(FULL, SETTLE_S))
    rows = "".join(f"  {load.name:{width}}  {load.title}\n" for load in held_loads(FULL, SETTLE_S))
    parser = new_parser(PROG, DESCRIPTION, EPILOG + rows + "\nHow to read a report: results/README.md")
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help="what to measure [default: corecast]")
    parser.add_argument("--shards", type=int, metavar="N", help="Corecast also with so many shards, on CPUs of their own")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME", help="measure this one; repeatable")
    parser.add_argument("--runs", type=rounds, metavar="N", help=f"rounds, at least {RUNS_MIN} [default: {RUNS_MIN}]")
    parser.add_argument(
        "--settle", type=seconds, metavar="SECONDS", help=f"before each look at the memory [default: {SETTLE_S:g}]"
    )
    parser.add_argument("--smoke", action="store_true", help="once, with few of each: shows that it works")
    add_places(parser)
    add_brokers(parser)
    return parser


def memory(words):
    arguments = new_arguments().parse_args(words)
    check_rounds(arguments, arguments.smoke)
    wishes = wishes_to_start(arguments.brokers, "its process is not known")
    most = len(usable_cores())
    if arguments.shards is not None and not 2 <= arguments.shards <= most:
        raise UsageError(f"--shards {arguments.shards}: this process may use {most} CPUs; give 2 to {most}")
    open_files = raise_open_files()
    settle_s = arguments.settle or (SMOKE_SETTLE_S if arguments.smoke else SETTLE_S)
    loads = list(held_loads(SMOKE if arguments.smoke else FULL, settle_s))
    loads, refused = chosen(arguments.scenario, loads, open_files)
    if not loads:
        raise UsageError(refused[0])
    found, absent, loadgen = find_all(arguments, wishes)
    entries = [sized for entry in found for sized in by_shards(entry, arguments)]
    alone = entries[0] if entries else None
    cores = alone.load_cores if alone else usable_cores()[:1]
    fields = {
        "topic": arguments.topic or ("memory-smoke" if arguments.smoke else "memory"),
        "entries": entries,
        "absent": absent,
        "loads": loads,
        "settings": Settings(loadgen, tuple(cores), spins=False, duration_s=0.1, warmup_s=0.1),
        "rounds": arguments.runs or (1 if arguments.smoke else RUNS_MIN),
        "broker_cores": list(alone.cores) if alone else [],
        "warnings": refused,
    }
    return write_report(PROG, session(PROG, arguments, words, fields), arguments, summary, "memory")


def by_shards(entry, arguments):
    """A broker on one CPU; Corecast once more on as many as it is to have shards."""
    yield beside(entry, 1, arguments.load_cores)
    if entry.kind == "corecast" and arguments.shards:
        sized = replace(entry, label=f"{entry.label}-{arguments.shards}-shards")
        yield beside(sized, arguments.shards, arguments.load_cores)


if __name__ == "__main__":
    sys.exit(main(memory, PROG))
