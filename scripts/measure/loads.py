"""What is measured: every scenario as one row, and the sets they make up."""

import shlex
from dataclasses import dataclass

# What the main figure of a row is.
DELIVERED = "messages/s"
CONNECTED = "connections/s"
SHAKEN = "handshakes/s"


@dataclass(frozen=True)
class Load:
    """`arguments` are loadgen's. `step` names the part of a script that counts, if it is not the whole.

    `is_beyond_sink`: the toy broker keeps nothing for later and knows few wildcards. `extra_s`: what it takes beyond the
    time it measures, for the estimate. `parts`: loads that follow with the same process of the broker. `is_for_tls`: only
    who speaks TLS can be asked. `beside`: what a second loadgen does meanwhile, in words of its own; none of its figures count.
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
    is_for_tls: bool = False
    beside: str = None
    # loadgen sleeps although its CPU may be its own: another loadgen is there, or is not for comparison.
    is_beside: bool = False
    # The broker is asked how long publications stayed in it.
    asks_stays: bool = False

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
# Those that say what TLS costs, and what only TLS can be asked.
WITH_TLS = ("full", "tls")
ONLY_TLS = ("tls",)

# All are cut off at once and return, three times: the first time gives tickets to those who take them, the last counts.
STORM = "reconnect-storm --subscribers 1000 --topics 3"


def handshakes(name, title, flags, is_for_tls=True):
    return Load(name, title, f"{STORM}{flags}", ONLY_TLS, unit=SHAKEN, step="reconnect 3", is_for_tls=is_for_tls, extra_s=6)


LOADS = (
    Load("pair-qos0", "1 pair, QoS 0", "p2p --clients 1 --qos 0 --window 1024", QUICK),
    Load("pairs100-qos0", "100 pairs, QoS 0", "p2p --clients 100 --qos 0 --window 40", (*SMOKE, "tls")),
    Load("pair-qos1", "1 pair, QoS 1", "p2p --clients 1 --qos 1 --window 1024"),
    Load("pairs100-qos1", "100 pairs, QoS 1", "p2p --clients 100 --qos 1 --window 40", SMOKE),
    Load("pairs100-qos2", "100 pairs, QoS 2", "p2p --clients 100 --qos 2 --window 40", QUICK),
    Load("fanout-w16", "1 to 1000, QoS 0, small window", "fanout --subscribers 1000 --qos 0 --window 16"),
    Load("fanout-qos0", "1 to 1000, QoS 0", "fanout --subscribers 1000 --qos 0 --window 100", QUICK),
    Load("fanout-qos1", "1 to 1000, QoS 1", "fanout --subscribers 1000 --qos 1 --window 100"),
    Load("fanin-w4", "1000 to 1, QoS 0, small window", "fanin --publishers 1000 --qos 0 --window 4"),
    Load("fanin-qos0", "1000 to 1, QoS 0, bursts", "fanin --publishers 1000 --qos 0 --window 32 --burst 16", QUICK),
    Load("pairs10-100b", "10 pairs, 100 B", "p2p --clients 10 --qos 0 --window 100 --payload 100"),
    Load("pairs10-1k", "10 pairs, 1 KiB", "p2p --clients 10 --qos 0 --window 100 --payload 1024", WITH_TLS),
    Load("pair-1k", "1 pair, 1 KiB, large window", "p2p --clients 1 --qos 0 --window 1024 --payload 1024", ONLY_TLS),
    Load("pairs10-1k-w10", "10 pairs, 1 KiB, small window", "p2p --clients 10 --qos 0 --window 10 --payload 1024", ONLY_TLS),
    Load("pairs100-1k", "100 pairs, 1 KiB, QoS 1", "p2p --clients 100 --qos 1 --window 40 --payload 1024", ONLY_TLS),
    Load("pairs10-64k", "10 pairs, 64 KiB", "p2p --clients 10 --qos 0 --window 16 --payload 65536", (*QUICK, "tls")),
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
    handshakes("return", "1000 return at once, with or without TLS", "", is_for_tls=False),
    handshakes("shake-1.3", "1000 whole handshakes at once, TLS 1.3", " --tls-version 1.3"),
    handshakes("resume-1.3", "1000 resumed handshakes at once, TLS 1.3", " --tls-version 1.3 --resume"),
    handshakes("shake-1.2", "1000 whole handshakes at once, TLS 1.2", " --tls-version 1.2"),
    handshakes("resume-1.2", "1000 resumed handshakes at once, TLS 1.2", " --tls-version 1.2 --resume"),
    Load(
        "paced-5k",
        "100 pairs at 5000/s alone",
        "p2p --clients 100 --qos 0 --rate 5000",
        ONLY_TLS,
        is_paced=True,
        is_beside=True,
    ),
    Load(
        "paced-5k-storm",
        "100 pairs at 5000/s beside a storm of handshakes",
        "p2p --clients 100 --qos 0 --rate 5000",
        ONLY_TLS,
        is_paced=True,
        is_for_tls=True,
        beside="reconnect-storm --subscribers 1000 --topics 100000 --prefix storm",
        is_beside=True,
    ),
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


SETS = {
    "full": Times(5.0, 1.0, 3),
    "quick": Times(1.5, 0.5, 3),
    "smoke": Times(1.0, 0.5, 1),
    "tls": Times(3.0, 1.0, 5),
}


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
