"""A driver of our own making: as much of `pynvml` as gistill asks for."""

from dataclasses import dataclass, field


class NVMLError(Exception):
    pass


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815  (the driver's name)


@dataclass
class Memory:
    used: int


@dataclass
class Gpu:
    used: int = 1000
    energy: int | None = 50_000
    processes: list[Process] = field(default_factory=list)


class Driver:
    """Stands for the module, over `gpus` that a test changes as it goes."""

    NVMLError = NVMLError

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, n):  # noqa: N802
        return self.gpus[n]

    def nvmlDeviceGetMemoryInfo(self, gpu):  # noqa: N802
        return Memory(gpu.used)

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):  # noqa: N802
        if gpu.energy is None:
            raise NVMLError("not supported")
        return gpu.energy

    def nvmlDeviceGetComputeRunningProcesses(self, gpu):  # noqa: N802
        return gpu.processes
