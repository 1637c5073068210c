"""The order of the runs, the runs, and a line for each while they happen."""

import os
import time
from dataclasses import dataclass, field

from .brokers import Absent
from .loadgen import STOPPED, WRONGS, Command, Run, load, meanwhile
from .loads import Load
from .process import StartError, broker_of
from .stays import PIECE_S, between, looks, pieces_of

# What a run takes beside what it measures: starting, connecting, ending. For the first estimate only.
OVERHEAD_S = 0.8


@dataclass
class Measured:
    """Everything a report is made from."""

    topic: str
    date: str
    command: str
    host: dict
    entries: list
    absent: list
    loads: list
    settings: object
    rounds: int
    broker_cores: list
    runs: list = field(default_factory=list)
    is_complete: bool = False
    warnings: list = field(default_factory=list)

    def runs_of(self, load, entry):
        return [run for run in self.runs if run.scenario == load.name and run.label == entry.label]


def plan(loads, entries, rounds):
    """(load, entry, round) in the order of measuring: A B C, B C A, C A B for each load.

    Brokers take turns, so that what changes on the machine over minutes meets all of them; the one that begins changes
    too, so that nobody always follows the same neighbour.
    """
    steps = []
    for load_ in loads:
        for round_ in range(rounds):
            first = round_ % len(entries)
            turn = entries[first:] + entries[:first]
            steps += [(load_, entry, round_ + 1) for entry in turn if entry.can_run(load_)]
    return steps


def measure(measured, ports, say=print):
    """Carries out the plan and fills `measured.runs`; after Ctrl-C with what there is."""
    steps = plan(measured.loads, measured.entries, measured.rounds)
    settings = measured.settings
    started = time.monotonic()
    once_s = settings.duration_s + settings.warmup_s + OVERHEAD_S
    estimate_s = sum(once_s * (1 + len(load_.parts)) + load_.extra_s for load_, _, _ in steps)
    say(f"{len(steps)} runs, about {clock(estimate_s)}")
    try:
        for done, (load_, entry, number) in enumerate(steps, 1):
            if entry not in measured.entries:
                continue
            try:
                ran = measure_once(settings.beside(entry), load_, entry, number, ports)
            except StartError as error:
                run = on_no_start(measured, load_, entry, number, str(error), say)
                ran = [(load_, run)] if run else []
            elapsed_s = time.monotonic() - started
            total_s = elapsed_s / done * len(steps)
            for part, run in ran:
                measured.runs.append(run)
                say(line(run, part, measured.rounds) + f"  {clock(elapsed_s)} of {clock(total_s)}")
        measured.is_complete = True
    except KeyboardInterrupt:
        say("stopped: the broker is ended, the report has what was measured until now")


def on_no_start(measured, load_, entry, number, reason, say):
    """One that never started is not measured; one that did before has a failed run, which counts against it."""
    if any(run.label == entry.label for run in measured.runs):
        return Run(load_.name, entry.label, number, "", "", error=f"the broker did not start: {reason}")
    measured.entries.remove(entry)
    measured.absent.append(Absent(entry.label, f"it did not start here: {reason}"))
    say(f"not measured: {entry.label}: it did not start here: {reason}")
    return None


def measure_once(settings, load_, entry, number, ports):
    """One broker, started for this load alone, and the parts of the load with what came of each."""
    done = []
    with broker_of(entry, ports) as broker:
        part = load_
        while part:
            done.append((part, run_part(settings, part, entry, number, broker)))
            part = load_.next_part(done)
    return done


def run_part(settings, part, entry, number, broker):
    load_average = os.getloadavg()[0]
    command = Command(settings, part, broker.address, broker.pid, broker.load_words)
    run = Run(part.name, entry.label, number, broker.shown, command.shown(), load_average=load_average)
    if part.beside:
        other = Load(part.name, part.title, part.beside, is_beside=True)
        with meanwhile(Command(settings, other, broker.address, extra=broker.load_words)) as told:
            run.exit_code, run.report, run.error = load(command)
        run.beside = told[0]
        if "steps" not in run.beside:
            run.error = f"the loadgen beside it was not there all the time: {run.beside['ended']}"
    elif part.asks_stays:
        with looks(broker, PIECE_S if part.is_paced else None) as seen:
            run.exit_code, run.report, run.error = load(command)
        if len(seen) > 1:
            run.stays, run.stays_pieces = between(seen[0], seen[-1]), pieces_of(seen)
    else:
        run.exit_code, run.report, run.error = load(command)
    if run.exit_code == STOPPED:
        # Somebody ended loadgen itself: its figures are those of a part.
        run.error = "loadgen was stopped"
    elif run.exit_code != 0:
        run.error = ((run.error or "") + broker.last_words()).removeprefix("; ") or None
    return run


def line(run, load_, rounds):
    """`pairs100-qos0  corecast  2/3  412,345 messages/s  0.61 CPU s/M  p99 8.2 ms`"""
    head = f"{run.scenario:15} {run.label:17} {run.number}/{rounds}"
    if run.report is None:
        return f"{head}  FAILED: {run.error}"
    parts = [head, *load_.figures(run.report)]
    if not run.is_true:
        truth = ", ".join(f"{amount} {name.replace('_', ' ')}" for name, amount in wrongs(run).items())
        parts.append(f"NOT TRUE: {truth or 'failed'}")
        parts += run.report["problems"][:1]
    return "  ".join(parts)


def wrongs(run):
    """What loadgen counted that may not be, by its own words."""
    return {name: run.truth[name] for name in WRONGS if run.truth and run.truth[name]}


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
