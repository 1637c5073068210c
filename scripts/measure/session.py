"""One measurement from its first to its last line: facts, warnings, runs, report."""

import os
import shlex
import signal
import sys
import time

from . import host
from .brokers import KINDS, version_of
from .cores import overlap
from .floor import floors
from .options import ROOT
from .process import Ports, raise_open_files
from .runner import Measured, measure
from .spread import RUNS_MIN
from .store import new_folder, scrub, write_raw, write_text

# Above these a report says that its figures are doubtful.
BUSY_MAX = 0.05
STOLEN_MAX = 0.01
# How long the machine is watched before anything is measured.
WATCHED_S = 3.0


def session(prog, arguments, words, fields):
    """Measures and returns what came of it, with all that the report says about the machine."""
    signal.signal(signal.SIGTERM, interrupt)
    facts = host.facts(ROOT) | {"open_files": raise_open_files(), "busy_before": host.busy_share()}
    facts["loadgen"] = version_of(KINDS["sink"], fields["settings"].program)
    facts["floors"] = floors({*fields["broker_cores"], *fields["settings"].cores}, WATCHED_S)
    command = scrub(shlex.join([prog, *words]))
    measured = Measured(date=time.strftime("%Y-%m-%d"), command=command, host=facts, **fields)
    measured.warnings += before(measured)
    ticks = host.stolen_ticks()
    measure(measured, Ports(arguments.port), lambda text: print(text, flush=True))
    facts["stolen_share"] = host.stolen_share(ticks, host.stolen_ticks())
    if facts["stolen_share"] > STOLEN_MAX:
        measured.warnings.append("the hypervisor took CPU time away meanwhile (see below); repeat it another time.")
    return measured


def interrupt(_number, _frame):
    """SIGTERM ends a measurement as Ctrl-C does."""
    raise KeyboardInterrupt


def before(measured):
    """What makes figures doubtful before the first one is there."""
    cores = sorted(set(measured.broker_cores) | set(measured.settings.cores))
    if measured.host["busy_before"] > BUSY_MAX:
        yield (
            f"other programs were using {measured.host['busy_before']:.0%} of the CPU time when it began; "
            "compare within this report only, and repeat it on a quiet machine."
        )
    if measured.rounds < RUNS_MIN:
        yield f"fewer than {RUNS_MIN} rounds show no order: this is to see that it works, not how fast."
    if overlap(measured.broker_cores, measured.settings.cores):
        yield "broker and loadgen share CPUs, so each figure is that of both together."
    pairs = host.siblings(cores)
    if pairs:
        shown = ", ".join(f"{a} and {b}" for a, b in pairs)
        yield f"CPUs {shown} are two threads of one core each and slow each other down."


def write_report(prog, measured, arguments, summary, drawing):
    """Writes the folder with everything in it and returns the exit code: 0 only if all was measured and true.

    `drawing` names the function of `charts` that draws this kind of report.
    """
    # Whatever goes wrong while drawing, the figures are on disk by then.
    folder = new_folder(arguments.results, measured.date, measured.topic)
    write_raw(folder, measured)
    # Here and not at the top: flags can be refused, and --help given, without matplotlib.
    from . import charts

    drawn = getattr(charts, drawing)(measured, folder)
    write_text(folder / "summary.md", summary(measured, drawn))
    print(f"\nreport: {os.path.relpath(folder)}/summary.md")
    if not measured.is_complete:
        print(f"{prog}: stopped before all was measured", file=sys.stderr)
        return 130
    untrue = sum(not run.is_true for run in measured.runs)
    if untrue:
        print(f"{prog}: {untrue} of {len(measured.runs)} runs failed or were not true, see the report", file=sys.stderr)
    if not measured.runs:
        print(f"{prog}: nothing could be measured", file=sys.stderr)
    return 1 if untrue or not measured.runs else 0
