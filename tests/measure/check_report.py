"""Looks at the report of a real measurement: check_report.py KIND FOLDER BROKER... ends in `N passed, N failed`."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

CHARTS = {
    "bench": ("throughput.svg", "cpu.svg", "latency.svg"),
    "tls": ("throughput.svg", "cpu.svg", "latency.svg"),
    "memory": ("memory.svg", "storing.svg"),
    "latency": ("latency.svg",),
}


def checks(kind, results, brokers):
    """(what has to hold, whether it does), of the one report below the folder."""
    folders = list(results.iterdir())
    yield "there is one report", len(folders) == 1
    folder = folders[0]
    runs = [json.loads(path.read_text()) for path in sorted((folder / "raw").iterdir())]
    scenarios = {run["scenario"] for run in runs}
    for broker in brokers:
        mine = [run for run in runs if run["label"] == broker]
        yield f"{broker} ran in each scenario", {run["scenario"] for run in mine} == scenarios
        yield f"{broker} was true in each of them", all(run["exit_code"] == 0 and run["report"]["ok"] for run in mine)
        yield from KINDS[kind](broker, {run["scenario"]: run["report"] | kept_beside(run) for run in mine})
    summary = (folder / "summary.md").read_text()
    for chart in CHARTS[kind]:
        yield f"{chart} is a picture", ElementTree.parse(folder / chart).getroot().tag.endswith("svg")
        yield f"{chart} is shown in the summary", f"]({chart})" in summary
    yield "nothing is missing", "Not measured" not in summary and "Incomplete" not in summary
    yield "its own path stands nowhere in it", str(Path.cwd()) not in summary + json.dumps(runs)


def kept_beside(run):
    """What stands in a run's file beside the report of loadgen."""
    return {"beside": run["beside"], "stays": run["stays"]}


def of_bench(broker, reports):
    yield "three scenarios were measured", len(reports) == 3
    yield f"{broker} delivered", all(report["traffic"]["delivered_per_s"] > 0 for report in reports.values())
    yield f"what {broker} cost is known", all(report["broker"]["cpu_s_per_million"] > 0 for report in reports.values())


def of_tls(broker, reports):
    yield "three scenarios were measured", len(reports) == 3
    yield f"{broker} delivered", reports["pairs10-1k"]["traffic"]["delivered_per_s"] > 0
    steps = reports["resume-1.3"]["steps"]
    yield "all have returned three times", [step["count"] for step in steps] == [1000] * 3
    # The first step has the tickets that came with connecting, which not every client has seen before it was cut off.
    yield "most took their sessions up again", reports["resume-1.3"]["connect"]["resumed"] > 2000
    yield "what that cost is known", all(step["broker_cpu_s"] > 0 for step in steps)
    beside = reports["paced-5k-storm"]["beside"]
    yield "others shook hands beside, until they were stopped", beside["interrupted"] and beside["connect"]["per_s"] > 0


def of_memory(broker, reports):
    yield "seven things were measured", len(reports) == 7
    for name, report in reports.items():
        steps = report["steps"]
        first = next(step for step in steps if step["name"] in ("connecting", "subscribing", "storing", "queueing"))
        yield f"{name}: all were taken in", first["count"] in (500, 1000, 5000)
        yield f"{name}: how fast is known", first["per_s"] > 0 and first["broker_cpu_s"] > 0
        yield f"{name}: memory was looked at", all(step["broker_pss_after_bytes"] > 0 for step in steps)
        yield f"{name}: it was undone", steps[-1]["name"] == "undoing"
    grown = {name: report["steps"][0] for name, report in reports.items()}["filters-100"]
    yield "filters take memory", grown["broker_pss_after_bytes"] > grown["broker_pss_before_bytes"]
    yield "what was kept was fetched", reports["retained"]["steps"][1]["count"] == 5000


def of_latency(broker, reports):
    yield "five loads were measured", len(reports) == 5
    rates = [reports[f"pairs100-qos0-{part}"]["load"]["rate_total_s"] for part in (50, 90)]
    most = reports["pairs100-qos0-max"]["traffic"]["delivered_per_s"]
    yield "the rates are shares of what was reached", [round(100 * rate / most) for rate in rates] == [50, 90]
    yield f"{broker} has latencies", all(report["traffic"]["latency"]["p99_us"] > 0 for report in reports.values())
    stays = {name: sum(count for _, count in report["stays"] or []) for name, report in reports.items()}
    yield f"how long publications stay in {broker} is counted", all(count > 1000 for count in stays.values())
    yield "large payloads went beside the pairs", reports["pairs-bulk"]["traffic"]["bulk_delivered_per_s"] > 16
    yield "and not without being asked for", reports["pairs-alone"]["traffic"]["bulk_delivered_per_s"] == 0


KINDS = {"bench": of_bench, "tls": of_tls, "memory": of_memory, "latency": of_latency}


def main():
    results = [(claim, holds) for claim, holds in checks(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])]
    for claim, holds in results:
        if not holds:
            print(f"FAILED: {claim}")
    failed = sum(not holds for _, holds in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
