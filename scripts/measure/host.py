"""Facts about the machine that a reader of the figures has to know. Nothing that names it."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

UNKNOWN = "not known"
CPUS = Path("/sys/devices/system/cpu")
TCP = Path("/proc/sys/net/ipv4")


def facts(root):
    """What does not change while it is measured."""
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "is_virtual": "hypervisor" in read("/proc/cpuinfo"),
        "governor": read(CPUS / "cpu0/cpufreq/scaling_governor") or f"{UNKNOWN} (virtual, or not shown)",
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "distribution": distribution(),
        "tcp_congestion_control": read(TCP / "tcp_congestion_control") or UNKNOWN,
        "mitigations": mitigations(),
        "rustc": output("rustc", "--version") or UNKNOWN,
        "commit": output("git", "-C", str(root), "rev-parse", "HEAD") or UNKNOWN,
        "has_uncommitted_changes": bool(output("git", "-C", str(root), "diff", "HEAD", "--name-only")),
        "python": platform.python_version(),
    }


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def output(*words):
    """What a program says, or nothing."""
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def cpu_model():
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", read("/proc/cpuinfo"), re.MULTILINE)
    return found.group(1) if found else f"{UNKNOWN} ({platform.machine()})"


def distribution():
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', read("/etc/os-release"), re.MULTILINE)
    return found.group(1) if found else UNKNOWN


def mitigations():
    """Each weakness of the CPU and what the kernel does about it: system calls cost more with some of them."""
    folder = CPUS / "vulnerabilities"
    found = {path.name: read(path) for path in sorted(folder.iterdir())} if folder.is_dir() else {}
    return {name: text for name, text in found.items() if text and text != "Not affected"}


def siblings(cores):
    """Pairs of those CPUs that are two threads of one core: they share what is measured."""
    groups = {core: read(CPUS / f"cpu{core}/topology/thread_siblings_list") for core in cores}
    return sorted((a, b) for a in cores for b in cores if a < b and groups[a] and groups[a] == groups[b])


def busy_share(seconds=1.0):
    """The share of all CPU time that is used while we do nothing. The load average would count the build before us."""
    used_before, all_before = used_ticks()
    time.sleep(seconds)
    used_after, all_after = used_ticks()
    return (used_after - used_before) / max(1, all_after - all_before)


def used_ticks():
    """Ticks in which a CPU was not idle nor waiting for a disk, and all ticks, since the machine started."""
    fields = [int(text) for text in read("/proc/stat").splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def stolen_ticks():
    """Ticks that a hypervisor has kept for itself, and all ticks, since the machine started."""
    fields = [int(text) for text in read("/proc/stat").splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def stolen_share(before, after):
    passed = after[1] - before[1]
    return (after[0] - before[0]) / passed if passed else 0.0
