"""What is measured: every scenario as one row, and the sets they make up."""

import shlex
from dataclasses import dataclass

# What the main figure of a row is.
DELIVERED = "messages/s"
CONNECTED = "connections/s"


@dataclass(frozen=True)
class Load:
    """`arguments` are loadgen's. `step` names the part of a script that counts, if it is not the whole.

    `is_beyond_sink`: the toy broker keeps nothing for later and knows few wildcards. `extra_s`: what it takes beyond the
    time it measures, for the estimate. `parts`: loads that follow with the same process of the broker.
    """

    name: str
    title: str
    arguments: str
    sets: tuple = ("full",)
    is_paced: bool = False
    unit: str = DELIVERED
    step: str = None
    is_beyond_sink: bool = False
    is_for_one_core: bool = False
    extra_s: float = 0.0
    parts: tuple = ()

    @property
    def words(self):
        return shlex.split(self.arguments)

    def main_figure(self, report):
        """What the bars show: a second's deliveries, connections, or a step's."""
        if self.unit == CONNECTED:
            return report["connect"]["per_s"]
        if self.step is None:
            return report["traffic"]["delivered_per_s"]
        step = self.step_of(report)
        return step and step["per_s"]

    def cost(self, report):
        """CPU seconds of the broker for a million of them."""
        broker = report["broker"]
        if broker is None or self.unit != CONNECTED and self.step is None:
            return broker and broker["cpu_s_per_million"]
        if self.unit == CONNECTED:
            count, cpu_s = report["connect"]["ready"], broker["cpu"]["user_s"] + broker["cpu"]["system_s"]
        else:
            step = self.step_of(report) or {"count": 0, "broker_cpu_s": None}
            count, cpu_s = step["count"], step["broker_cpu_s"]
        return 1e6 * cpu_s / count if count and cpu_s is not None else None

    def step_of(self, report):
        return named_step(report, self.step)

    def next_part(self, done):
        """What follows with the same broker process, after these (load, run); None if nothing does."""
        return None

    def figures(self, report):
        """For the line that a run leaves on the terminal."""
        figure, cpu, latency = self.main_figure(report), self.cost(report), report["traffic"]["latency"]
        return [
            f"{figure:>11,.0f} {self.unit}" if figure is not None else "no figure",
            f"{cpu:6.2f} CPU s/M" if cpu is not None else " " * 14,
            f"p99 {latency['p99_us'] / 1000:8.2f} ms" if latency else " " * 15,
        ]


def named_step(report, name):
    return next((step for step in report["steps"] if step["name"] == name), None)


FULL = ("full",)
QUICK = ("full", "quick")
SMOKE = ("full", "quick", "smoke")

LOADS = (
    Load("pair-qos0", "1 pair, QoS 0", "p2p --clients 1 --qos 0 --window 1024", QUICK),
    Load("pairs100-qos0", "100 pairs, QoS 0", "p2p --clients 100 --qos 0 --window 40", SMOKE),
    Load("pair-qos1", "1 pair, QoS 1", "p2p --clients 1 --qos 1 --window 1024"),
    Load("pairs100-qos1", "100 pairs, QoS 1", "p2p --clients 100 --qos 1 --window 40", SMOKE),
    Load("pairs100-qos2", "100 pairs, QoS 2", "p2p --clients 100 --qos 2 --window 40", QUICK),
    Load("fanout-w16", "1 to 1000, QoS 0, small window", "fanout --subscribers 1000 --qos 0 --window 16"),
    Load("fanout-qos0", "1 to 1000, QoS 0", "fanout --subscribers 1000 --qos 0 --window 100", QUICK),
    Load("fanout-qos1", "1 to 1000, QoS 1", "fanout --subscribers 1000 --qos 1 --window 100"),
    Load("fanin-w4", "1000 to 1, QoS 0, small window", "fanin --publishers 1000 --qos 0 --window 4"),
    Load("fanin-qos0", "1000 to 1, QoS 0, bursts", "fanin --publishers 1000 --qos 0 --window 32 --burst 16", QUICK),
    Load("pairs10-100b", "10 pairs, 100 B", "p2p --clients 10 --qos 0 --window 100 --payload 100"),
    Load("pairs10-1k", "10 pairs, 1 KiB", "p2p --clients 10 --qos 0 --window 100 --payload 1024"),
    Load("pairs10-64k", "10 pairs, 64 KiB", "p2p --clients 10 --qos 0 --window 16 --payload 65536", QUICK),
    Load("wildcard", "100,000 wildcard filters, QoS 0", "wildcard --qos 0 --window 100", is_beyond_sink=True),
    Load(
        "retained",
        "50,000 retained messages to one",
        "retained --topics 50000 --subscribers 1",
        step="retained messages",
        is_beyond_sink=True,
    ),
    Load(
        "offline",
        "50 kept for each of 1000 sessions",
        "offline-sessions --topics 50",
        step="kept messages",
        is_beyond_sink=True,
    ),
    Load("conn", "10,000 connections", "conn --clients 10000 --connect-rate 0", unit=CONNECTED),
    Load("paced-20k", "100 pairs at 20,000/s, QoS 0", "p2p --clients 100 --qos 0 --rate 20000", SMOKE, is_paced=True),
    Load("paced-50k", "100 pairs at 50,000/s, QoS 0", "p2p --clients 100 --qos 0 --rate 50000", is_paced=True),
    Load("emqx-2m-fanout", "EMQX's fan-out, a twentieth", "emqx-2m-fanout --scale 0.05", is_paced=True),
    Load("p2p-1k", "EMQ suite, 1000 pairs at 1/s", "singlenode-p2p-1K-1K-1K-1K", is_paced=True),
    Load("sharedsub-1k", "EMQ suite, 1000 to 5 that share", "singlenode-sharedsub-1K-5-1K-1K", is_paced=True),
    Load("tbmq-p2p", "TBMQ's pairs, a hundredth", "tbmq-1m-p2p --scale 0.01", is_paced=True),
)


@dataclass(frozen=True)
class Times:
    """How long a set measures: seconds of loadgen's --duration and --warmup, and how often."""

    duration_s: float
    warmup_s: float
    runs: int


SETS = {"full": Times(5.0, 1.0, 3), "quick": Times(1.5, 0.5, 3), "smoke": Times(1.0, 0.5, 1)}


class LoadError(ValueError):
    """A scenario that does not exist."""


def loads_of(set_name):
    return [load for load in LOADS if set_name in load.sets]


def find_load(name):
    for load in LOADS:
        if load.name == name:
            return load
    raise LoadError(f"no scenario '{name}'; there are " + ", ".join(load.name for load in LOADS))


def free_load(arguments, number):
    """A load in loadgen's own words. What loadgen itself would refuse shows with the first run."""
    words = shlex.split(arguments)
    if not words or words[0].startswith("-"):
        raise LoadError(f"--load '{arguments}' has to begin with a scenario of loadgen, such as 'p2p --clients 10'")
    is_connecting = words[0] == "conn" or words[0].startswith("singlenode-conn")
    is_paced = "--window" not in words and not is_connecting and "--rate" in words
    unit = CONNECTED if is_connecting else DELIVERED
    return Load(f"load{number}", arguments, arguments, (), is_paced, unit)
