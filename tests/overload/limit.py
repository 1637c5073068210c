"""A limit of memory for the broker that kills or fails what goes beyond it: a control group where we may make one, else the
address space."""

import os
import resource
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# The allocator sets addresses aside that it never uses, and each thread has a stack.
ADDRESSES_BESIDE = 2 << 30


class Group:
    """A control group of one process. More memory than it may have, and the kernel kills the process."""

    def __init__(self, bytes_max):
        self.is_first = (ROOT / "memory").is_dir()
        self.folder = (ROOT / "memory" if self.is_first else ROOT) / f"corecast-overload-{os.getpid()}"
        self.folder.mkdir()
        try:
            (self.folder / ("memory.limit_in_bytes" if self.is_first else "memory.max")).write_text(str(bytes_max))
        except OSError:
            self.folder.rmdir()
            raise
        self.said = f"control group v{1 if self.is_first else 2}, {bytes_max >> 20} MiB"

    def enter(self):
        """Called in the broker's process before it becomes the broker."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self):
        """The most it was charged, what the kernel holds for it included; nothing if it does not say."""
        try:
            return int((self.folder / ("memory.max_usage_in_bytes" if self.is_first else "memory.peak")).read_text())
        except OSError:
            return None

    def hits(self):
        """How often it came to its limit."""
        if self.is_first:
            return int((self.folder / "memory.failcnt").read_text())
        events = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
        return int(events["max"])

    def remove(self):
        self.folder.rmdir()


class Addresses:
    """A limit of address space: what goes beyond is not had, which ends the broker."""

    def __init__(self, bytes_max):
        self.bytes_max = bytes_max + ADDRESSES_BESIDE
        self.said = f"address space, {self.bytes_max >> 20} MiB (no control group may be made here)"

    def enter(self):
        resource.setrlimit(resource.RLIMIT_AS, (self.bytes_max, self.bytes_max))

    def peak(self):
        return None

    def hits(self):
        return 0

    def remove(self):
        pass


def limit(bytes_max):
    try:
        return Group(bytes_max)
    except OSError:
        return Addresses(bytes_max)
