"""Memory and energy of NVIDIA GPUs, as the driver's own library (NVML) tells them.

Needs the `nvidia-ml-py` package, which the `torch` extra brings; without it, or without a GPU,
there is nothing to tell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import cache
from typing import Any


@cache
def installed() -> Any:
    """NVML, ready for use, or None where there is no package, no driver or no GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return pynvml if pynvml.nvmlDeviceGetCount() else None
    except pynvml.NVMLError:
        return None


class Gpus:
    """What some processes take of the GPUs, from the moment this is made.

    A GPU counts once one of the processes was seen on it; then its energy counts whole and from
    the start, whoever else works on it. Memory is what the driver says that each process holds.
    Where it does not say, the growth of the GPU's used memory stands for it: on Windows, and in a
    container whose process ids the driver does not know (no GPU lists any of the processes, and
    yet torch uses CUDA in this one).

    nvml: the `pynvml` module, initialized.
    peak: the most bytes held at one time over all GPUs; None while no GPU counts.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._gpus = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
        self._used = [self._memory(gpu) for gpu in self._gpus]
        self._energy = [self._millijoules(gpu) for gpu in self._gpus]
        self._ours: set[int] = set()
        self.peak: int | None = None

    def sample(self, pids: Collection[int]) -> None:
        """Notes what the processes `pids` hold now."""
        held = [self._held(n, pids) for n in range(len(self._gpus))]
        if all(size is None for size in held) and _torch_uses_cuda():
            held = [self._growth(n) or None for n in range(len(self._gpus))]
        self._ours |= {n for n, size in enumerate(held) if size is not None}
        if self._ours:
            self.peak = max(self.peak or 0, sum(filter(None, held)))

    @property
    def joules(self) -> float | None:
        """Energy taken by the GPUs that count; None while none does, or where one cannot tell."""
        taken = 0
        for n in self._ours:
            before, now = self._energy[n], self._millijoules(self._gpus[n])
            if before is None or now is None:
                return None
            taken += now - before
        return taken / 1000 if self._ours else None

    def _held(self, n: int, pids: Collection[int]) -> int | None:
        """Bytes that `pids` hold on a GPU; None if none of them is on it."""
        running = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, self._gpus[n]) or []
        sizes = [process.usedGpuMemory for process in running if process.pid in pids]
        if not sizes:
            return None
        return self._growth(n) if None in sizes else sum(sizes)

    def _growth(self, n: int) -> int:
        return max(0, self._memory(self._gpus[n]) - self._used[n])

    def _memory(self, gpu: Any) -> int:
        memory = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, gpu)
        return 0 if memory is None else int(memory.used)

    def _millijoules(self, gpu: Any) -> int | None:
        """Since the driver was loaded; None before Volta, which has no counter."""
        energy = self._ask(self._nvml.nvmlDeviceGetTotalEnergyConsumption, gpu)
        return None if energy is None else int(energy)

    def _ask(self, question: Callable[[Any], Any], gpu: Any) -> Any:
        try:
            return question(gpu)
        except self._nvml.NVMLError:
            return None


def _torch_uses_cuda() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
