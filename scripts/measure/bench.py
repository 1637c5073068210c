"""scripts/bench: brokers against each other, in turns, on this machine."""

import sys
from dataclasses import replace

from .brokers import parse_wishes
from .loads import LOADS, SETS
from .options import (
    add_brokers,
    add_common,
    check_rounds,
    chosen_cores,
    chosen_loads,
    find_all,
    main,
    new_parser,
    rounds,
    settings_of,
)
from .report import summary
from .session import session, write_report

PROG = "scripts/bench"

DESCRIPTION = """\
Measures MQTT brokers against each other with loadgen, in turns (A B A B), and writes a report with charts.

A broker is a name (corecast, mosquitto, emqx, flashmq, nanomq, nats, rumqttd, or sink: loadgen's toy broker, the
ceiling of loadgen and machine; corecast-tls, mosquitto-tls, flashmq-tls: the same over TLS), NAME=PATH, LABEL:NAME=PATH to set several builds against each other, or HOST:PORT of
one that runs. What is not installed is named in the report as not measured."""

EPILOG = """\
examples:
  scripts/bench --quick corecast mosquitto                      eight scenarios in about two minutes
  scripts/bench corecast mosquitto nats sink                    all scenarios
  scripts/bench --quick old:corecast=/tmp/corecast corecast     two builds of Corecast
  scripts/bench --scenario fanin-qos0 --runs 9 corecast nats    one scenario, nine rounds
  scripts/bench --load 'p2p --clients 10 --window 8' corecast   a load in loadgen's own words
  scripts/bench emqx=docker:emqx/emqx:5.8.6 corecast            from a Docker image
  scripts/bench --tls corecast corecast-tls                     what TLS costs

scenarios (q: in --quick, s: in --smoke, t: in --tls):
"""


def new_arguments():
    rows = "".join(f"  {flags(load)} {load.name:15} {load.title}: loadgen {load.arguments}\n" for load in LOADS)
    parser = new_parser(PROG, DESCRIPTION, EPILOG + rows + "\nHow to read a report: results/README.md")
    parser.add_argument("brokers", nargs="+", metavar="BROKER", help="what to measure, see above")
    sets = parser.add_mutually_exclusive_group()
    sets.add_argument(
        "--quick", dest="set", action="store_const", const="quick", default="full", help="a few scenarios, short"
    )
    sets.add_argument(
        "--smoke",
        dest="set",
        action="store_const",
        const="smoke",
        help="three scenarios, once, a second each: shows that it works",
    )
    sets.add_argument(
        "--tls", dest="set", action="store_const", const="tls", help="what TLS costs, five rounds: compare NAME and NAME-tls"
    )
    parser.add_argument("--runs", type=rounds, metavar="N", help="rounds, at least 3 without --smoke [default: 3]")
    parser.add_argument("--broker-cores", metavar="LIST", help="CPUs for the broker [default: the first half]")
    add_common(parser)
    add_brokers(parser)
    return parser


def flags(load):
    return "".join(name[0] if name in load.sets else " " for name in ("quick", "smoke", "tls"))


def bench(words):
    arguments = new_arguments().parse_args(words)
    check_rounds(arguments, arguments.set == "smoke")
    wishes = parse_wishes(arguments.brokers)
    loads = chosen_loads(arguments, arguments.set)
    broker_cores, load_cores = chosen_cores(arguments.broker_cores, arguments.load_cores)
    entries, absent, loadgen = find_all(arguments, wishes)
    fields = {
        "topic": arguments.topic or arguments.set,
        "entries": [replace(one, cores=tuple(broker_cores)) for one in entries],
        "absent": absent,
        "loads": loads,
        "settings": settings_of(arguments, arguments.set, loadgen, broker_cores, load_cores),
        "rounds": arguments.runs or SETS[arguments.set].runs,
        "broker_cores": broker_cores,
    }
    measured = session(PROG, arguments, words, fields)
    return write_report(PROG, measured, arguments, summary, "comparison")


if __name__ == "__main__":
    sys.exit(main(bench, PROG))
