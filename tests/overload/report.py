"""The report of an overload, as others in results/ look."""

import sys
import time
from pathlib import Path

from load import SLEEPERS, STALLED
from verify import MIB

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from measure import host  # noqa: E402
from measure.store import new_folder, write_json, write_text  # noqa: E402

SAMPLES_SHOWN = 30


def write(account, arguments, tally, root):
    folder = new_folder(root / "results", time.strftime("%Y-%m-%d"), "overload")
    facts = host.facts(root)
    raw = {
        "host": facts,
        "command": sys.argv[1:],
        "checks": tally.lines,
        "figures": dict(account.rows()),
        "counters": account.counted,
        "resident_bytes": account.samples,
        "answers_s": [round(seconds, 4) for seconds in account.answers_s],
        "publishers": [
            {name: value for name, value in vars(one).items() if name != "acknowledged"}
            | {"acknowledged": sum(one.acknowledged)}
            for one in account.published
        ],
        "subscribers": [{"client_id": one.client_id, "delivered": one.delivered} for one in account.takers],
        "log": account.log,
    }
    write_json(folder / "raw.json", raw)
    write_text(folder / "summary.md", summary(account, arguments, tally, facts))
    print(f"wrote {folder.relative_to(root)}")


def summary(account, arguments, tally, facts):
    verdict = "**All held.**" if not tally.failed else f"**{tally.failed} of {tally.failed + tally.passed} did not hold.**"
    step = max(1, len(account.samples) // SAMPLES_SHOWN)
    lines = [
        f"# {arguments.seconds:g} s of ten times the load, {time.strftime('%Y-%m-%d')}",
        "",
        f"{verdict} The broker had a budget of {account.budget / MIB:.0f} MiB, {arguments.shards} shards on {facts['cpus_usable']} CPUs"
        f" that it shared with its load ({facts['cpu']}, Linux {facts['kernel']}). \"Ten times\": publishers sent as fast as they"
        " were let, while the slow consumers together were to read no more than a tenth of what pairs that keep up had taken just"
        f" before; they read {account.share():.1%} of it. Beside them {STALLED} read nothing, and {SLEEPERS} were away most of the time.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in account.rows()),
        "",
        "What was checked:",
        "",
        *(f"- {line}" for line in tally.lines),
        "",
        "What the broker counted:",
        "",
        *(f"- `{name}` {value:,}" for name, value in account.counters().items()),
        "",
        "| s | resident, MiB |",
        "|---:|---:|",
        *(f"| {elapsed:.1f} | {size / MIB:.1f} |" for elapsed, size in account.samples[::step]),
        "",
        f"Commit {facts['commit']}. Repeat it: `scripts/overload --seconds {arguments.seconds:g} --budget {arguments.budget}"
        f" --shards {arguments.shards}`.",
        "",
    ]
    return "\n".join(lines)
