"""Looks at the report of a real measurement: check_report.py FOLDER BROKER... ends in `N passed, N failed`."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

CHARTS = ("throughput.svg", "cpu.svg", "latency.svg")


def checks(results, brokers):
    """(what has to hold, whether it does), of the one report below the folder."""
    folders = list(results.iterdir())
    yield "there is one report", len(folders) == 1
    folder = folders[0]
    runs = [json.loads(path.read_text()) for path in sorted((folder / "raw").iterdir())]
    scenarios = {run["scenario"] for run in runs}
    yield "three scenarios were measured", len(scenarios) == 3
    for broker in brokers:
        mine = [run for run in runs if run["label"] == broker]
        yield f"{broker} ran in each of them", {run["scenario"] for run in mine} == scenarios
        yield f"{broker} was true in each of them", all(run["exit_code"] == 0 and run["report"]["ok"] for run in mine)
        yield f"{broker} delivered", all(run["report"]["traffic"]["delivered_per_s"] > 0 for run in mine)
        yield f"what {broker} cost is known", all(run["report"]["broker"]["cpu_s_per_million"] > 0 for run in mine)
    summary = (folder / "summary.md").read_text()
    for chart in CHARTS:
        yield f"{chart} is a picture", ElementTree.parse(folder / chart).getroot().tag.endswith("svg")
        yield f"{chart} is shown in the summary", f"]({chart})" in summary
    yield "nothing is missing", "Not measured" not in summary and "Incomplete" not in summary
    yield "its own path stands nowhere in it", str(Path.cwd()) not in summary + json.dumps(runs)


def main():
    results = [(claim, holds) for claim, holds in checks(Path(sys.argv[1]), sys.argv[2:])]
    for claim, holds in results:
        if not holds:
            print(f"FAILED: {claim}")
    failed = sum(not holds for _, holds in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
