"""What Corecast counts itself: asked for by a signal, answered in its log."""

import os
import re
import signal
import time

REPORT = re.compile(r'report counters="([^"]*)"')
# The most that is read of what it has logged since.
ANSWER_BYTES_MAX = 1 << 20


def ask(process, log, patience_s):
    """{name: number}; `None` if no answer comes into the file with the descriptor `log` while the process lives and
    patience lasts."""
    seen = os.fstat(log).st_size
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and process.poll() is None:
        # Not by `seek`: the broker may write where this descriptor stands.
        found = REPORT.search(os.pread(log, ANSWER_BYTES_MAX, seen).decode(errors="replace"))
        if found:
            return {name: int(value) for name, value in (pair.split("=") for pair in found[1].split())}
        time.sleep(0.02)
    return None
