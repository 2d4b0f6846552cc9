"""What this machine can lend: cores and memory, as the operating system and its limits have it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN = 4_000_000_000  # bytes, where the system does not say what is free


def cores() -> int:
    """Physical cores that this process may use, at least 1."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    siblings = set()
    for cpu in allowed:
        try:
            siblings.add((_CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(cpu))
    return max(1, min(len(siblings), _quota(len(allowed))))


def free_memory() -> int:
    """Bytes that could be taken now without swapping, within this process's control group."""
    free = _UNKNOWN
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = int(next(x for x in lines if x.startswith("MemAvailable")).split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        limit = int((_CGROUP / "memory.max").read_text())
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()))
    return max(0, free)


def _quota(default: int) -> int:
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return default
