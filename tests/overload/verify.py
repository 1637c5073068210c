"""What was promised against what has come, and the rest of what has to hold."""

from dataclasses import dataclass

MIB = 1 << 20
SHOWN_MAX = 5


class Tally:
    """Counts and prints what was checked."""

    def __init__(self):
        self.passed = self.failed = 0
        self.lines = []

    def check(self, name, wrong):
        line = f"FAIL  {name}: {'; '.join(wrong)}" if wrong else f"ok    {name}"
        self.passed += not wrong
        self.failed += bool(wrong)
        self.lines.append(line)
        print(line, flush=True)


@dataclass
class Account:
    """All that was seen."""

    capacity: float
    seconds: float
    taken: int
    published: list
    takers: list
    before_bytes: int
    peak_bytes: int
    after_bytes: int
    group_peak_bytes: int | None
    limit_hits: int
    limit_said: str
    budget: int
    samples: list
    answers_s: list
    counted: dict
    log: list

    def missing(self, qos):
        """Acknowledged publications that did not come as they have to, by publisher and subscriber."""
        wrong, promised = [], 0
        for publisher in self.published:
            if publisher.qos != qos:
                continue
            promised += sum(publisher.acknowledged)
            for taker in self.takers:
                lost, twice = compare(publisher.acknowledged, taker.counts.get(publisher.number, b""))
                if lost:
                    wrong.append(f"{lost} of publisher {publisher.number} did not come to {taker.client_id}")
                if twice and qos == 2:
                    wrong.append(f"{twice} of publisher {publisher.number} came twice to {taker.client_id}")
        if not promised:
            wrong.append("nothing was acknowledged")
        return wrong[:SHOWN_MAX]

    def share(self):
        """What the slow consumers took, of what pairs that keep up had taken."""
        return self.taken / self.seconds / self.capacity

    def promised(self, qos):
        return sum(sum(one.acknowledged) for one in self.published if one.qos == qos)

    def refused(self):
        return sum(one.refused for one in self.published)

    def sent(self, qos):
        return sum(one.sent for one in self.published if one.qos == qos)

    def over_budget(self):
        if self.peak_bytes <= self.budget:
            return []
        return [f"{self.peak_bytes / MIB:.1f} MiB of {self.budget / MIB:.0f}"]

    def late(self, seconds_max):
        if not self.answers_s:
            return ["it was never asked"]
        most = max(self.answers_s)
        return [] if most <= seconds_max else [f"after {most:.2f} s, not within {seconds_max:g} s"]

    def cut_off(self):
        gone = [f"publisher {one.number} was closed" for one in self.published if one.closed]
        open_ = [f"publisher {one.number}: {one.under_way} not answered" for one in self.published if one.under_way]
        return (gone + open_)[:SHOWN_MAX]

    def rows(self):
        """(what, how much), for people."""
        times = sorted(self.answers_s)
        kinds = [f"QoS {qos}: {self.sent(qos):,} sent, {self.promised(qos):,} acknowledged" for qos in (1, 2)]
        group = f", {self.group_peak_bytes / MIB:.1f} MiB with what the kernel held" if self.group_peak_bytes else ""
        return [
            ("with pairs that keep up (QoS 1)", f"{self.capacity:,.0f} messages/s"),
            ("slow consumers took", f"{self.taken / self.seconds:,.0f} messages/s in {self.seconds:.1f} s, {self.share():.1%} of that"),
            ("published", f"QoS 0: {self.sent(0):,} sent; " + "; ".join(kinds)),
            ("refused by PUBACK or PUBREC 0x97", f"{self.refused():,}"),
            ("resident: before, peak, after", f"{self.before_bytes / MIB:.1f}, {self.peak_bytes / MIB:.1f}, {self.after_bytes / MIB:.1f} MiB"),
            ("budget", f"{self.budget / MIB:.0f} MiB; limit: {self.limit_said}, reached {self.limit_hits} times{group}"),
            ("PINGREQ answered: median, latest", f"{1000 * times[len(times) // 2]:.1f}, {1000 * times[-1]:.1f} ms"),
        ]

    def counters(self):
        words = ("memory", "dropped", "slow_consumer", "refused", "shortages")
        return {name: value for name, value in self.counted.items() if any(word in name for word in words)}

    def show(self):
        print()
        for name, value in self.rows():
            print(f"{name:<36} {value}")
        print(f"{'counted':<36} {', '.join(f'{name} +{value:,}' for name, value in self.counters().items())}")
        for line in self.log[:20]:
            print(f"    {line}")
        print()


def compare(acknowledged, counts):
    """How many that were acknowledged did not come, and how many came more than once."""
    lost = sum(1 for number, is_promised in enumerate(acknowledged) if is_promised and not counts[number : number + 1].strip(b"\0"))
    return lost, sum(count > 1 for count in counts)
