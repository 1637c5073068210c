"""What scripts/memory puts into a broker, one row a thing that it has to keep."""

from dataclasses import dataclass

from .loads import Load, LoadError, named_step
from .words import number

# Descriptors a broker has beside its connections, and loadgen beside its own.
SPARE_FILES = 500
# Between two looks at the memory loadgen settles before and after each step; no script has more steps than this.
STEPS_MAX = 3


@dataclass(frozen=True)
class Held(Load):
    """A script of loadgen: `step` puts in what is counted, the last step takes it out again."""

    thing: str = ""
    connections: int = 0

    def main_figure(self, report):
        step = self.step_of(report)
        return step and step["per_s"]

    def cost(self, report):
        step = self.step_of(report)
        known = step and step["count"] and step["broker_cpu_s"] is not None
        return 1e6 * step["broker_cpu_s"] / step["count"] if known else None

    def bytes_each(self, report):
        """What the broker has grown by in the step, for each thing."""
        step = self.step_of(report)
        return step and grown(step, step, step["count"])

    def held_each(self, report):
        """The same from before the step to after all has been undone."""
        step, undone = self.step_of(report), named_step(report, "undoing")
        return step and undone and grown(step, undone, step["count"])

    def busy(self, report):
        """The share of the step in which loadgen worked."""
        step = self.step_of(report)
        return step and step["loadgen_busy"]

    def figures(self, report):
        each, held = self.bytes_each(report), self.held_each(report)
        memory = f"{each:>8,.0f} B each" if each is not None else "memory not known"
        return [memory, f"{held:>8,.0f} B still held" if held is not None else " " * 21, *super().figures(report)[:2]]


def grown(begin, end, items):
    before, after = begin["broker_pss_before_bytes"], end["broker_pss_after_bytes"]
    return (after - before) / items if items and before is not None and after is not None else None


@dataclass(frozen=True)
class Sizes:
    """How many of each."""

    connections: tuple
    filters: int
    retained: int
    sessions: int
    kept: int


FULL = Sizes((10_000, 19_000), 100_000, 100_000, 1000, 100)
SMOKE = Sizes((500, 1000), 5000, 5000, 50, 100)


def held_loads(sizes, settle_s):
    """All rows. Prefixes make topics of about 26 bytes, where loadgen's own would be shorter."""

    def row(name, title, thing, arguments, step, unit, connections=0):
        return Held(
            name,
            title,
            f"{arguments} --settle {settle_s:g}",
            step=step,
            unit=unit,
            is_beyond_sink=True,
            extra_s=2 * STEPS_MAX * settle_s + 1,
            thing=thing,
            connections=connections,
        )

    for many in sizes.connections:
        title = f"one of {many:,} connections"
        words = f"conn --clients {many} --connect-rate 0 --duration 0.1"
        yield row(f"conn-{many}", title, "idle connection", words, "connecting", "connections/s", many)
    for percent in (100, 70, 25):
        title = "one exact filter" if percent == 100 else f"one filter, {percent} % of them exact"
        words = f"filters --topics {sizes.filters} --exact {percent} --prefix site"
        yield row(f"filters-{percent}", title, "filter", words, "subscribing", "filters/s")
    words = f"retained --topics {sizes.retained} --subscribers 1 --qos 0 --prefix site/north/device"
    yield row("retained", "one retained message", "retained message", words, "storing", "messages/s")
    words = f"offline-sessions --subscribers {sizes.sessions} --topics {sizes.kept} --prefix site/north/device"
    yield row("queued", "one queued message", "queued message", words, "queueing", "messages/s")


def chosen(names, loads, open_files):
    """The rows that were asked for and fit into the limit of descriptors, and a sentence for each that does not."""
    known = {load.name: load for load in loads}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LoadError(f"no scenario '{unknown[0]}'; there are " + ", ".join(known))
    wanted = [known[name] for name in dict.fromkeys(names)] or loads
    fits = [load for load in wanted if load.connections + SPARE_FILES <= open_files]
    refused = [
        f"{number(load.connections)} connections were not measured: {open_files:,} open files are allowed here; "
        f"raise the limit (ulimit -Hn) to {load.connections + SPARE_FILES:,}."
        for load in wanted
        if load not in fits
    ]
    return fits, refused
