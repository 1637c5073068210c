"""What the flags of the measuring programs have in common, and the programs they measure with."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from .brokers import KINDS, TLS, Absent, BrokerError, find, has_docker, parse_wishes
from .cores import CoresError, check_cores, overlap, parse_cores, share_out, usable_cores
from .loadgen import Settings
from .loads import SETS, LoadError, find_load, free_load, loads_of
from .process import StartError
from .spread import RUNS_MIN

ROOT = Path(__file__).resolve().parent.parent.parent


class UsageError(ValueError):
    """Flags that do not go together."""


# What a user can get wrong; each is one line and exit code 2.
MISTAKES = (BrokerError, CoresError, LoadError, UsageError)


class Parser(argparse.ArgumentParser):
    """A mistake is one line that names it and the remedy."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def new_parser(prog, description, epilog):
    return Parser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_common(parser):
    """Flags that mean the same in scripts/bench and scripts/tune."""
    add_loads(parser)
    add_times(parser)
    add_places(parser)


def add_loads(parser):
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="NAME", help="measure this scenario; repeatable"
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        metavar="WORDS",
        help="a scenario in loadgen's own words, such as 'p2p --clients 10 --window 32'",
    )


def add_times(parser):
    parser.add_argument("--duration", type=seconds, metavar="SECONDS", help="seconds measured in each run")
    parser.add_argument("--warmup", type=seconds, metavar="SECONDS", help="seconds of load before that")


def add_places(parser):
    """Flags that every program has."""
    parser.add_argument("--load-cores", metavar="LIST", help="CPUs for loadgen, such as 1 or 4-7")
    parser.add_argument("--topic", type=topic, metavar="TEXT", help="what the report's folder is called, DATE-TOPIC")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "results", metavar="FOLDER", help="where reports go [default: results]"
    )
    parser.add_argument(
        "--port", type=port, default=18830, metavar="N", help="first of 200 ports to take from [default: 18830]"
    )
    parser.add_argument("--corecast", type=Path, metavar="PATH", help="Corecast's program [default: build it]")
    parser.add_argument("--loadgen", type=Path, metavar="PATH", help="loadgen's program [default: build it]")


def add_brokers(parser):
    """A flag for the program of each kind that can be started."""
    for name in others():
        parser.add_argument(f"--{name}", metavar="PATH", help=f"{name}'s program [default: from PATH, else Docker]")


def others():
    """Names of those that have a flag for their program."""
    return [name for name in KINDS if name not in ("corecast", "sink") and not name.endswith(TLS)]


def find_all(arguments, wishes):
    """(what can be started, what is not there, loadgen's program)."""
    is_ours = any(KINDS[wish.kind].program_of == "corecast" and not wish.program for wish in wishes if not wish.address)
    corecast, loadgen = programs(arguments, is_ours)
    given = {name: getattr(arguments, name) for name in others()}
    given |= {"corecast": corecast, "sink": loadgen}
    with_docker = has_docker()
    found = [find(wish, given, with_docker) for wish in wishes]
    absent = [one for one in found if isinstance(one, Absent)]
    for one in absent:
        print(f"not measured: {one.label}: {one.reason}", flush=True)
    return [one for one in found if not isinstance(one, Absent)], absent, loadgen


def beside(entry, size, load_text):
    """The entry on `size` CPUs, the first that loadgen was not given if there are so many; loadgen on those it was given, else
    on the rest, or where there is none on all."""
    usable = usable_cores()
    given = check_cores(parse_cores(load_text), usable) if load_text else []
    own = sorted(usable, key=lambda core: core in given)[:size]
    # Twice as many as the broker are enough for any load; more would only wake each other.
    rest = [core for core in usable if core not in own][: 2 * size]
    return replace(entry, cores=tuple(sorted(own)), load_cores=tuple(given or rest or usable))


def seconds(text):
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600 seconds")
    return value


def port(text):
    value = int(text)
    if not 1024 <= value <= 65_335:
        raise argparse.ArgumentTypeError(f"{text} is not between 1024 and 65335")
    return value


def topic(text):
    if not re.fullmatch(r"[\w.-]+", text):
        raise argparse.ArgumentTypeError(f"'{text}' may have letters, digits, '.', '_' and '-' only")
    return text


def rounds(text):
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 1000")
    return value


def check_rounds(arguments, is_smoke=None):
    """Refuses fewer rounds than show a spread, unless it is only to be seen that it works; `None`: there is no --smoke."""
    if arguments.runs and arguments.runs < RUNS_MIN and not is_smoke:
        way_out = "" if is_smoke is None else ", or --smoke"
        raise UsageError(f"--runs {arguments.runs} is too few to see a spread; give {RUNS_MIN} or more{way_out}")


def wishes_to_start(words, unknown):
    """The brokers that were asked for, which are all to be started here; `unknown` is what is not known of others."""
    wishes = parse_wishes(words or ["corecast"])
    there = [wish.label for wish in wishes if wish.address]
    if there:
        raise UsageError(f"{there[0]} runs already, and {unknown}; give a broker to be started here")
    return wishes


def chosen_loads(arguments, set_name):
    """The scenarios of a set, or those that were named."""
    named = [find_load(name) for name in dict.fromkeys(arguments.scenario)]
    free = [free_load(words, number) for number, words in enumerate(arguments.load, 1)]
    return named + free or loads_of(set_name)


def chosen_cores(broker_text, load_text):
    """CPUs of the broker and of loadgen; whichever is not given gets the usual half, or what the other leaves."""
    usable = usable_cores()
    usual_broker, usual_load = share_out(usable)
    broker = check_cores(parse_cores(broker_text), usable) if broker_text else None
    load = check_cores(parse_cores(load_text), usable) if load_text else None
    if broker and not load:
        load = [core for core in usable if core not in broker] or usable
    if load and not broker:
        broker = [core for core in usable if core not in load] or usable
    return broker or usual_broker, load or usual_load


def programs(arguments, wants_corecast):
    """Paths of Corecast and loadgen, built here if not given. Cargo says itself what is wrong."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
    if not arguments.loadgen or (wants_corecast and not arguments.corecast):
        words = ["cargo", "build", "--release"]
        print("$ " + shlex.join(words), flush=True)
        try:
            ended = subprocess.run(words, cwd=ROOT)
        except FileNotFoundError:
            raise StartError("cargo is missing: install Rust, or give --corecast PATH and --loadgen PATH") from None
        if ended.returncode != 0:
            raise StartError("the build failed, see above")
    corecast, loadgen = arguments.corecast or target / "corecast", arguments.loadgen or target / "loadgen"
    if not os.access(loadgen, os.X_OK):
        raise StartError(f"--loadgen {loadgen} is not a program")
    return corecast, loadgen


def settings_of(arguments, set_name, loadgen, broker_cores, load_cores):
    times = SETS[set_name]
    return Settings(
        program=loadgen,
        cores=tuple(load_cores),
        spins=not overlap(broker_cores, load_cores),
        duration_s=arguments.duration or times.duration_s,
        warmup_s=arguments.warmup or times.warmup_s,
    )


def main(program, prog):
    """Runs `program` with the words of the command line; a mistake is one line and exit code 2."""
    try:
        return program(sys.argv[1:])
    except MISTAKES as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    except (StartError, OSError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
