"""What scripts/latency asks of a broker: courses of loads that follow each other with one process of it."""

from dataclasses import dataclass

from .loads import Load, LoadError

# To each of a hundred loadgen writes by itself, so that what is due in a millisecond comes at once; to ten it comes as it is due.
MANY, FEW = 100, 10
BULK_BYTES = 65_536
# What the pairs send in all while nobody goes as fast as he can.
MODERATE_PER_S = 20_000
PERCENTS = (50, 90)
HALF = 0.5
# What Corecast is to reach: in the broker at half of its maximum rate, and by how much bulk beside the pairs may raise
# their p99.
TARGETS_US = {"p99_us": 300.0, "p99_9_us": 1000.0}
RISE_MAX_US = 1000.0


@dataclass(frozen=True)
class Part(Load):
    """A load behind the first of its course; `share` of the rate that the first reached is its own, if it has one."""

    share: float = None

    def at(self, rate):
        """The load as it is run."""
        if self.share is None:
            return self
        arguments = f"{self.arguments} --rate {max(1, int(self.share * rate))}"
        return Load(self.name, self.title, arguments, is_paced=True, asks_stays=True)


@dataclass(frozen=True)
class Course(Load):
    """A load and what follows it."""

    short: str = ""

    def next_part(self, done):
        _, first = done[0]
        if len(done) > len(self.parts) or first.report is None:
            return None
        return self.parts[len(done) - 1].at(self.main_figure(first.report))

    @property
    def all(self):
        return (self, *self.parts)


def by_rate(qos, pairs, short):
    words = f"p2p --clients {pairs} --qos {qos}"
    name, title = f"pairs{pairs}-qos{qos}", f"{pairs} pairs, QoS {qos}"
    parts = tuple(
        Part(f"{name}-{percent}", f"{title} at {percent} %", words, is_paced=True, asks_stays=True, share=percent / 100)
        for percent in PERCENTS
    )
    return Course(f"{name}-max", f"{title}, as fast as it goes", f"{words} --window 40", asks_stays=True, short=short, parts=parts)


def beside_bulk():
    words = f"p2p --clients {MANY} --qos 0 --rate {MODERATE_PER_S}"
    bulk = Part(
        "pairs-bulk",
        f"QoS 0 at {MODERATE_PER_S:,}/s beside payloads of 64 KiB",
        f"{words} --bulk {BULK_BYTES}",
        is_paced=True,
        asks_stays=True,
    )
    return Course(
        "pairs-alone",
        f"QoS 0 at {MODERATE_PER_S:,}/s alone",
        words,
        is_paced=True,
        asks_stays=True,
        is_for_one_core=True,
        short="bulk",
        parts=(bulk,),
    )


COURSES = (
    by_rate(0, MANY, "qos0"),
    by_rate(1, MANY, "qos1"),
    by_rate(0, FEW, "few0"),
    by_rate(1, FEW, "few1"),
    beside_bulk(),
)


def chosen(names):
    known = {course.short: course for course in COURSES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LoadError(f"no scenario '{unknown[0]}'; there are " + ", ".join(known))
    return [known[name] for name in dict.fromkeys(names)] or list(COURSES)
