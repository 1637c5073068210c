"""scripts/latency: how late messages come at a part of the rate a broker can do, and beside large payloads."""

import sys
from dataclasses import replace

from .cores import usable_cores
from .latency_loads import COURSES, chosen
from .latency_report import summary
from .options import (
    UsageError,
    add_brokers,
    add_places,
    add_times,
    beside,
    check_rounds,
    find_all,
    main,
    new_parser,
    rounds,
    settings_of,
    wishes_to_start,
)
from .session import session, write_report
from .spread import RUNS_MIN
from .tune import parse_counts
from .words import count

PROG = "scripts/latency"

DESCRIPTION = """\
Measures how late messages come: of 100 pairs and of 10, QoS 0 and 1, at 50 % and 90 % of the rate that the broker reached a moment
before, on one core and on two; and at a moderate rate alone and beside large payloads. Writes a report with charts.

A broker is a name, NAME=PATH or LABEL:NAME=PATH, as of scripts/bench; it has to be started here, to be given its CPUs."""

EPILOG = """\
examples:
  scripts/latency                                       Corecast, on one core and on two
  scripts/latency --cores 1 corecast mosquitto nats     three brokers on one core
  scripts/latency --scenario bulk --runs 5 corecast     beside large payloads only
  scripts/latency old:corecast=/tmp/corecast corecast   two builds of Corecast

scenarios:
"""


def new_arguments():
    rows = "".join(
        f"  {course.short:5} " + "; ".join(part.title for part in course.all) + "\n" for course in COURSES
    )
    parser = new_parser(PROG, DESCRIPTION, EPILOG + rows + "\nHow to read a report: results/README.md")
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help="what to measure [default: corecast]")
    parser.add_argument("--cores", metavar="LIST", help="numbers of cores, such as 1,2 [default: 1,2, or 1 of one CPU]")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME", help="measure this one; repeatable")
    parser.add_argument("--runs", type=rounds, metavar="N", help=f"rounds, at least {RUNS_MIN} [default: {RUNS_MIN}]")
    parser.add_argument("--smoke", action="store_true", help="once, a second each, one core: shows that it works")
    add_times(parser)
    add_places(parser)
    add_brokers(parser)
    return parser


def latency(words):
    arguments = new_arguments().parse_args(words)
    check_rounds(arguments, arguments.smoke)
    wishes = wishes_to_start(arguments.brokers, "its CPUs are not known")
    usable = usable_cores()
    usual = [1] if arguments.smoke else [1, 2][: len(usable)]
    counts = parse_counts(arguments.cores, usable) if arguments.cores else usual
    courses = chosen(arguments.scenario)
    if counts[0] > 1 and all(course.is_for_one_core for course in courses):
        raise UsageError(f"--cores {arguments.cores}: the scenario is for one core; give 1 among them")
    found, absent, loadgen = find_all(arguments, wishes)
    entries = [sized(entry, size, arguments) for size in counts for entry in found]
    first = beside(found[0], counts[0], arguments.load_cores) if found else None
    broker_cores, load_cores = (first.cores, first.load_cores) if first else (usable[:1], usable[:1])
    set_name = "smoke" if arguments.smoke else "full"
    fields = {
        "topic": arguments.topic or ("latency-smoke" if arguments.smoke else "latency"),
        "entries": entries,
        "absent": absent,
        "loads": courses,
        "settings": settings_of(arguments, set_name, loadgen, broker_cores, load_cores),
        "rounds": arguments.runs or (1 if arguments.smoke else RUNS_MIN),
        "broker_cores": list(broker_cores),
    }
    return write_report(PROG, session(PROG, arguments, words, fields), arguments, summary, "delays")


def sized(entry, size, arguments):
    return beside(replace(entry, label=f"{entry.label}-{count(size, 'core').replace(' ', '-')}"), size, arguments.load_cores)


if __name__ == "__main__":
    sys.exit(main(latency, PROG))
