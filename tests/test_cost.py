"""What work costs, measured on real processes that burn, hold and end."""

import gc
import os
import subprocess
import sys
import threading
import time

import pytest

from fake_nvml import Driver, Gpu, Process
from gistill.cost import CostTracker

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
HOLD = "held = bytearray({size}); print(len(held), flush=True); input()"


def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def child(code):
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_time_runs_while_it_sleeps_and_cpu_does_not():
    with CostTracker() as tracker:
        time.sleep(0.2)
        cost = tracker.cost()
    assert cost.seconds >= 0.2
    assert cost.cpu_seconds < 0.2


def test_own_cpu_is_counted_from_the_start_only():
    burn(0.2)
    with CostTracker() as tracker:
        burn(0.1)
    assert 0.1 <= tracker.cost().cpu_seconds < 0.25


def test_the_cpu_of_a_child_counts_while_it_lives_and_after():
    with CostTracker() as tracker:
        process = child(BURN.format(seconds=0.3) + "print('burnt', flush=True); input()")
        process.stdout.readline()
        alive = tracker.cost().cpu_seconds
        process.communicate("\n")
        after = tracker.cost().cpu_seconds
    assert alive >= 0.28  # a tick of the clock is 0.01 s
    assert alive <= after < alive + 0.25  # it is not counted twice


def test_what_a_child_did_before_does_not_count():
    process = child(BURN.format(seconds=0.3) + "print('burnt', flush=True); input()")
    process.stdout.readline()
    with CostTracker() as tracker:
        process.communicate("\n")
    assert tracker.cost().cpu_seconds < 0.25


def test_the_cpu_of_a_grandchild_counts():
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    with CostTracker() as tracker:
        child(code.format(seconds=0.3)).communicate()
    assert tracker.cost().cpu_seconds >= 0.28


def test_the_peak_is_that_of_all_processes_together():
    with CostTracker() as tracker:
        before = tracker.cost().peak_rss
        processes = [child(HOLD.format(size=100_000_000)) for _ in range(2)]
        for process in processes:
            process.stdout.readline()
        during = tracker.cost().peak_rss
        for process in processes:
            process.communicate("\n")
    assert before > 10_000_000
    assert before + 200_000_000 <= during <= before + 300_000_000
    assert tracker.cost().peak_rss >= during


def test_a_child_that_nobody_asked_about_is_sampled():
    with CostTracker() as tracker:
        process = child(HOLD.format(size=100_000_000))
        process.stdout.readline()
        time.sleep(1)
        process.communicate("\n")
        peak = tracker.cost().peak_rss
    assert peak >= 110_000_000


def test_after_the_end_the_cost_stands():
    with CostTracker() as tracker:
        pass
    cost = tracker.cost()
    time.sleep(0.02)
    assert tracker.cost() == cost


def test_an_error_goes_through():
    with pytest.raises(KeyError), CostTracker() as tracker:
        raise KeyError
    assert tracker.cost().peak_rss > 0


def test_a_forgotten_tracker_stops_looking():
    before = set(threading.enumerate())
    tracker = CostTracker().start()
    (watch,) = set(threading.enumerate()) - before
    del tracker
    gc.collect()
    watch.join(30)
    assert not watch.is_alive()


def test_a_gpu_is_accounted_for_and_none_is_nothing():
    gpu = Gpu()
    with CostTracker(nvml=Driver(gpu)) as tracker:
        assert (tracker.cost().peak_vram, tracker.cost().joules) == (None, None)
        gpu.processes = [Process(os.getpid(), 5000)]
        tracker.sample()
        gpu.processes = []
        gpu.energy += 1500
    assert (tracker.cost().peak_vram, tracker.cost().joules) == (5000, 1.5)
