"""Lists of CPUs: read, written and shared out between the broker and loadgen."""

import os


class CoresError(ValueError):
    """A list of CPUs that cannot be read or that this process may not use."""


def parse_cores(text):
    """`0,2,4-7` as a list in the order given; each CPU once."""
    cores = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise CoresError(f"'{text}' is not a list of CPUs such as 0 or 0,2,4-7")
        cores.extend(range(int(first), int(last or first) + 1))
    if not cores or len(set(cores)) != len(cores):
        raise CoresError(f"'{text}' names no CPU, or one twice")
    return cores


def show_cores(cores):
    """The shortest way to write a list: `0,2,4-7`."""
    parts = []
    for core in cores:
        if parts and core == parts[-1][1] + 1:
            parts[-1][1] = core
        else:
            parts.append([core, core])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def usable_cores():
    return sorted(os.sched_getaffinity(0))


def check_cores(cores, usable):
    """Refuses what taskset would refuse later, in the middle of a measurement."""
    beyond = [core for core in cores if core not in usable]
    if beyond:
        raise CoresError(f"CPU {show_cores(beyond)} is not among those this process may use: {show_cores(usable)}")
    return cores


def share_out(usable):
    """Half for the broker, half for loadgen, who gets the odd one: loadgen must not be the limit. One CPU is shared."""
    if len(usable) == 1:
        return list(usable), list(usable)
    half = len(usable) // 2
    return list(usable[:half]), list(usable[half:])


def overlap(left, right):
    return sorted(set(left) & set(right))
