"""GPUs, on a driver of our own making: what is told, what is hidden, what is not ours."""

from fake_nvml import Driver, Gpu, Process
from gistill import nvidia


def test_what_other_processes_do_is_not_ours():
    gpu = Gpu(processes=[Process(7, 4000)])
    gpus = nvidia.Gpus(Driver(gpu))
    gpu.used, gpu.energy = 9000, 99_000
    gpus.sample({1, 2})
    assert gpus.peak is None
    assert gpus.joules is None


def test_the_peak_is_that_of_all_processes_and_gpus_at_one_time():
    first, second = Gpu(), Gpu()
    gpus = nvidia.Gpus(Driver(first, second))
    for a, b in [(100, 0), (300, 50), (10, 200)]:
        first.processes = [Process(1, a), Process(2, 5), Process(9, 10**9)]
        second.processes = [Process(1, b)] if b else []
        gpus.sample({1, 2})
    assert gpus.peak == 300 + 5 + 50


def test_energy_is_that_of_the_gpus_that_were_used():
    first, second = Gpu(), Gpu()
    gpus = nvidia.Gpus(Driver(first, second))
    second.processes = [Process(1, 100)]
    gpus.sample({1})
    second.processes = []
    first.energy += 1_000_000
    second.energy += 2_500
    gpus.sample({1})
    assert gpus.joules == 2.5


def test_a_gpu_without_an_energy_counter_has_no_joules():
    gpu = Gpu(energy=None, processes=[Process(1, 100)])
    gpus = nvidia.Gpus(Driver(gpu))
    gpus.sample({1})
    assert (gpus.peak, gpus.joules) == (100, None)


def test_memory_the_driver_keeps_to_itself_is_the_growth():
    gpu = Gpu(processes=[Process(1, None)])
    gpus = nvidia.Gpus(Driver(gpu))
    gpu.used += 700
    gpus.sample({1})
    gpu.used -= 900
    gpus.sample({1})
    assert gpus.peak == 700


def test_in_a_container_torch_tells_that_a_gpu_is_used(monkeypatch):
    class Torch:
        class cuda:  # noqa: N801
            is_initialized = staticmethod(lambda: started)

    monkeypatch.setitem(nvidia.sys.modules, "torch", Torch)
    idle, busy = Gpu(), Gpu(processes=[Process(40170, 500)])
    gpus = nvidia.Gpus(Driver(idle, busy))
    started = False
    busy.used += 800
    gpus.sample({1})
    assert gpus.peak is None
    started = True
    gpus.sample({1})
    busy.energy += 3_000
    assert (gpus.peak, gpus.joules) == (800, 3.0)


def test_without_a_driver_nothing_is_installed():
    nvml = nvidia.installed()
    assert nvml is None or nvml.nvmlDeviceGetCount() > 0
