"""The folder of a report: its name, its raw files, and no paths of the machine in them."""

import json
import re
from pathlib import Path

# An absolute path with at least two parts; what stands before it may not make it a fraction, a unit or an address.
PATH = re.compile(r"(?<![\w./$#+-])/(?:[\w.@+-]+/)+(?=[\w.@+-])")


def new_folder(parent, date, topic):
    """`parent/DATE-TOPIC`, or with -2, -3 behind it: a report is never written over."""
    for number in range(1, 1000):
        folder = Path(parent) / (f"{date}-{topic}" if number == 1 else f"{date}-{topic}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"{parent} has a thousand reports of {date}-{topic}")


def scrub(value):
    """Leaves of every absolute path its last part, in all texts of a JSON value."""
    if isinstance(value, str):
        return PATH.sub("", value)
    if isinstance(value, dict):
        return {key: scrub(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(inner) for inner in value]
    return value


def file_name(text):
    return re.sub(r"[^\w.-]", "-", text)


def write_json(path, value):
    path.write_text(json.dumps(scrub(value), indent=1) + "\n")


def write_text(path, text):
    path.write_text(scrub(text))


def write_raw(folder, measured):
    """host.json and one file a run, `SCENARIO.BROKER.RUN.json`."""
    raw = folder / "raw"
    raw.mkdir()
    brokers = {entry.label: {"kind": entry.kind, "version": entry.version} for entry in measured.entries}
    brokers |= {absent.label: {"not_measured": absent.reason} for absent in measured.absent}
    write_json(
        folder / "host.json",
        {
            "schema": 1,
            "host": measured.host,
            "command": measured.command,
            "brokers": brokers,
            "is_complete": measured.is_complete,
            "warnings": measured.warnings,
        },
    )
    for run in measured.runs:
        name = ".".join(file_name(part) for part in (run.scenario, run.label, str(run.number)))
        write_json(raw / f"{name}.json", {"schema": 1, **vars(run)})
