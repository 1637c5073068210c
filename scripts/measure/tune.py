"""scripts/tune: how many cores pay for one scenario."""

import re
import sys

from .brokers import KINDS, Entry, version_of
from .cores import check_cores, parse_cores, share_out, usable_cores
from .loads import SETS
from .options import (
    UsageError,
    add_common,
    check_rounds,
    chosen_loads,
    main,
    new_parser,
    programs,
    rounds,
    settings_of,
)
from .process import StartError
from .session import session, write_report
from .spread import RUNS_MIN
from .tune_report import summary

PROG = "scripts/tune"
USUAL = "pairs100-qos0"

DESCRIPTION = """\
Runs one scenario against Corecast with 1, 2, ... cores, in turns, and writes a report with the scaling curve and a
recommendation: messages/s, CPU a message, p99, and efficiency against one core."""

EPILOG = f"""\
examples:
  scripts/tune                                          1 to all cores, {USUAL}
  scripts/tune --scenario fanout-qos0 --cores 1..4      one to four cores
  scripts/tune --cores 1,2,4,8 --load-cores 8-15        these numbers of cores, loadgen on CPUs of its own
  scripts/tune --load 'p2p --clients 5000 --rate 100000' --cores 1..4

With n cores the broker gets the first n CPUs this process may use. Where loadgen has to share them with it, the report
says so. Scenarios: scripts/bench --help. How to read a report: results/README.md"""


def parse_counts(text, usable):
    """`1..4` or `1,2,4`: numbers of cores, rising."""
    span = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if span:
        counts = list(range(int(span.group(1)), int(span.group(2)) + 1))
    elif re.fullmatch(r"\d+(,\d+)*", text):
        counts = sorted({int(part) for part in text.split(",")})
    else:
        raise UsageError(f"--cores {text}: give numbers of cores such as 1..4 or 1,2,4")
    if not counts or counts[0] < 1 or counts[-1] > len(usable):
        raise UsageError(f"--cores {text}: this process may use 1 to {len(usable)} cores")
    return counts


def new_arguments():
    parser = new_parser(PROG, DESCRIPTION, EPILOG)
    parser.add_argument("--cores", metavar="1..N", help="numbers of cores, such as 1..4 or 1,2,4 [default: 1 to all]")
    parser.add_argument("--runs", type=rounds, metavar="N", help=f"rounds, at least {RUNS_MIN} [default: {RUNS_MIN}]")
    add_common(parser)
    return parser


def tune(words):
    arguments = new_arguments().parse_args(words)
    check_rounds(arguments)
    if not arguments.scenario and not arguments.load:
        arguments.scenario = [USUAL]
    loads = chosen_loads(arguments, "full")
    if len(loads) > 1:
        raise UsageError("give one --scenario or one --load; a sweep is for one")
    usable = usable_cores()
    counts = parse_counts(arguments.cores, usable) if arguments.cores else list(range(1, len(usable) + 1))
    load_cores = (
        check_cores(parse_cores(arguments.load_cores), usable) if arguments.load_cores else share_out(usable)[1]
    )
    corecast, loadgen = programs(arguments, True)
    if not corecast.is_file():
        raise StartError(f"{corecast} is not a program")
    version = version_of(KINDS["corecast"], corecast.resolve())
    broker_cores = usable[: counts[-1]]
    fields = {
        "topic": arguments.topic or f"tune-{loads[0].name}",
        "entries": [sized(corecast.resolve(), version, usable[:size]) for size in counts],
        "absent": [],
        "loads": loads,
        "settings": settings_of(arguments, "full", loadgen, broker_cores, load_cores),
        "rounds": arguments.runs or SETS["full"].runs,
        "broker_cores": broker_cores,
    }
    return write_report(PROG, session(PROG, arguments, words, fields), arguments, summary, "sweep")


def sized(program, version, cores):
    label = f"{len(cores)}-core" if len(cores) == 1 else f"{len(cores)}-cores"
    return Entry(label, "corecast", program=program, version=version, cores=tuple(cores))


if __name__ == "__main__":
    sys.exit(main(tune, PROG))
