"""What work costs: wall time, CPU time, memory, and on NVIDIA GPUs memory and energy."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from gistill import nvidia

_EVERY = 0.05  # seconds between samples
_SPARING = 50  # a sample is followed by a pause of at least so many times what it took


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent since a tracker started; the GPU's share is None where no GPU was used."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss: int = 0  # bytes
    peak_vram: int | None = None  # bytes
    joules: float | None = None


class CostTracker:
    """Measures what this process and its descendants spend between `with` and its end.

    `.cost()` is a live snapshot; after the end it stays what it was then.

    seconds: wall time.
    cpu_seconds: user and system time of this process and all below it, those included that have
    ended meanwhile and were waited for (not on Windows). Children count to about 0.01 s each.
    peak_rss: the most resident memory of all these processes together. It is sampled, every 0.05 s
    or slower where looking takes long (at most 2 % of a core), so a shorter spike of the children
    may be missed; one of this process is not if it is the highest so far. Pages that processes
    share count once for each.
    peak_vram, joules: see `gistill.nvidia.Gpus`; memory is sampled likewise, energy is that of
    whole GPUs.

    What a server does for us elsewhere is not seen. `nvml` is the `pynvml` module or one like it;
    by default what is installed.
    """

    def __init__(self, *, nvml: Any = None) -> None:
        self._nvml = nvml
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._final: Cost | None = None

    def start(self) -> CostTracker:
        """Begins to measure; a tracker that is then forgotten stops by itself."""
        import psutil  # slow to import

        nvml = self._nvml or nvidia.installed()
        self._gpus = nvidia.Gpus(nvml) if nvml else None
        self._me = psutil.Process()
        self._peak, self._high = 0, _high_water()
        self._began, self._cpu = time.monotonic(), 0.0
        self._cpu = self._measure()
        weakref.finalize(self, self._stop.set)
        threading.Thread(target=_watch, args=(weakref.ref(self), self._stop), daemon=True).start()
        return self

    __enter__ = start

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._final = self.cost()
        self._stop.set()

    def cost(self) -> Cost:
        """What was spent so far."""
        if self._final is not None:
            return self._final
        with self._lock:
            cpu = self._measure()
            high = _high_water()
            return Cost(
                seconds=round(time.monotonic() - self._began, 3),
                cpu_seconds=round(max(0.0, cpu - self._cpu), 3),
                peak_rss=max(self._peak, high if high > self._high else 0),
                peak_vram=self._gpus.peak if self._gpus else None,
                joules=self._gpus.joules if self._gpus else None,
            )

    def sample(self) -> None:
        """Takes one sample more."""
        with self._lock:
            self._measure()

    def _measure(self) -> float:
        """Notes the memory held now; returns the CPU seconds spent by now."""
        import psutil

        family = _descendants(self._me.pid)
        rss: int = self._me.memory_info().rss
        cpu: float = 0.0
        for pid in family:
            # One that has just ended is gone from here, and in this process's account below.
            with contextlib.suppress(psutil.Error):
                child = psutil.Process(pid)
                with child.oneshot():
                    spent = child.cpu_times()
                    rss += child.memory_info().rss
                cpu += spent.user + spent.system + spent.children_user + spent.children_system
        self._peak = max(self._peak, rss)
        if self._gpus:
            self._gpus.sample({self._me.pid, *family})
        ended = os.times()
        return cpu + ended.children_user + ended.children_system + time.process_time()


def _watch(tracker: weakref.ref[CostTracker], stop: threading.Event) -> None:
    pause = _EVERY
    while not stop.wait(pause):
        alive = tracker()
        if alive is None:
            return
        began = time.thread_time()
        alive.sample()
        pause = max(_EVERY, _SPARING * (time.thread_time() - began))
        del alive  # while this waits, nothing must hold it


def _descendants(pid: int) -> list[int]:
    """The processes below one, in no order.

    Linux tells a process's children. Elsewhere all processes of the machine have to be asked for
    their parents, which on a busy one takes longer than a deadline may be overrun.
    """
    tasks = Path(f"/proc/{pid}/task")
    if not (tasks / str(pid) / "children").exists():
        import psutil

        try:
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:  # it has ended
            return []
    found: list[int] = []
    for task in _listed(tasks):
        with contextlib.suppress(OSError):  # it has ended
            found += map(int, (tasks / task / "children").read_text().split())
    return found + [below for child in found for below in _descendants(child)]


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # the process has ended
        return []


def _high_water() -> int:
    """The most memory this process has ever held, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
