"""Made-up runs, entries and measurements for the tests: what loadgen would report, without running it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from measure.brokers import Entry  # noqa: E402
from measure.loadgen import Run, Settings  # noqa: E402
from measure.loads import find_load  # noqa: E402
from measure.runner import Measured  # noqa: E402

HOST = {
    "cpu": "A CPU",
    "cpus": 2,
    "cpus_usable": 2,
    "is_virtual": True,
    "governor": "not known",
    "memory_bytes": 1 << 34,
    "kernel": "6.1.0",
    "distribution": "Debian GNU/Linux 12",
    "tcp_congestion_control": "cubic",
    "mitigations": {"spectre_v1": "Mitigation: barriers"},
    "rustc": "rustc 1.88.0",
    "commit": "0123456789abcdef",
    "has_uncommitted_changes": False,
    "python": "3.11.2",
    "open_files": 20_000,
    "busy_before": 0.01,
    "stolen_share": 0.0,
    "floors": [{"cpu": 0, "share": 0.002, "p99_us": 0.0, "p99_9_us": 21.0, "max_us": 45.0}],
    "loadgen": "0.1.0",
}


def report(rate, cpu=1.0, lost=0, was_limit=False, p99_us=2_000.0, offered=0.0, problems=()):
    """loadgen's JSON, as far as the reports read it."""
    latency = {
        "p50_us": p99_us / 2,
        "p90_us": p99_us / 1.5,
        "p99_us": p99_us,
        "p99_9_us": p99_us * 2,
        "max_us": p99_us * 3,
    }
    return {
        "ok": not lost and not problems,
        "problems": list(problems),
        "warnings": [],
        "load": {
            "rate_total_s": offered,
            "receivers_per_message": 1,
            "topic_bytes": 25.5,
            "payload_bytes": 16,
            "bulk_bytes": 65_536,
        },
        "connect": {"per_s": 1_000.0},
        "traffic": {"delivered": int(rate), "delivered_per_s": rate, "latency": latency, "bulk_delivered_per_s": 160.0},
        "truth": {"lost": lost, "duplicated": 0, "out_of_order": 0, "foreign": 0},
        "broker": {"cpu_s_per_million": cpu, "memory_peak_bytes": 8 << 20},
        "loadgen": {"was_limit": was_limit, "cpu_s_per_million": 0.5, "busiest_thread": 0.4},
        "steps": [],
    }


def steps(name, count, each, held, per_s=1e6, busy=0.2):
    """Those of a script that put `count` things of `each` bytes in and left `held` bytes of each behind."""
    before = 50 << 20

    def step(name, after, busy):
        return {
            "name": name,
            "count": count,
            "per_s": per_s,
            "broker_cpu_s": count / 1e6,
            "broker_pss_before_bytes": before,
            "broker_pss_after_bytes": None if after is None else before + after * count,
            "loadgen_busy": busy,
        }

    return [step(name, each, busy), step("undoing", held, None)]


def run(scenario, label, number, rate, stays=None, **more):
    made = report(rate, **more)
    code = 3 if more.get("lost") else 0 if made["ok"] else 1
    return Run(scenario, label, number, f"{label} --port PORT", "loadgen p2p", exit_code=code, report=made, stays=stays)


def entry(label, kind=None, cores=(0,)):
    return Entry(label, kind or label, version="1.2.3 (sha256 abc)", cores=tuple(cores))


def measured(entries, runs, scenarios=("pair-qos0",), absent=(), rounds=3, **more):
    settings = Settings(program=Path("loadgen"), cores=(1,), spins=True, duration_s=2.0, warmup_s=0.5)
    fields = {
        "topic": "quick",
        "date": "2026-01-02",
        "command": "scripts/bench --quick corecast",
        "host": dict(HOST),
        "entries": list(entries),
        "absent": list(absent),
        "loads": [find_load(name) for name in scenarios],
        "settings": settings,
        "rounds": rounds,
        "broker_cores": [0],
        "runs": list(runs),
        "is_complete": True,
    }
    return Measured(**(fields | more))


def three(label, rates, scenario="pair-qos0", **more):
    """One run a rate."""
    return [run(scenario, label, number, rate, **more) for number, rate in enumerate(rates, 1)]
