"""The account of a run, whole and stage by stage."""

import contextlib
import time

from gistill.spending import CostTracker, Meter
from gistill.teacher.generation import Answer
from gistill.types import Step


def answer(**kwargs):
    given = {"tokens_in": 1000, "tokens_out": 100, "seconds": 1.0, "by": "echo-1"} | kwargs
    return Answer(0, "t", **given)


def test_reused_answers_count_in_tokens_but_not_in_calls():
    meter = Meter()
    meter.add(answer())
    meter.add(answer(reused=True))
    spend = meter.spend()
    assert (spend.calls, spend.reused) == (1, 1)
    assert (spend.tokens_in, spend.tokens_out) == (2000, 200)
    assert spend.peak_rss > 10_000_000


def test_time_and_cpu_run_from_the_start():
    meter = Meter()
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    spend = meter.spend()
    assert spend.seconds >= spend.cpu_seconds * 0.9 >= 0.04
    assert Meter().spend().cpu_seconds < spend.cpu_seconds


def test_answers_are_counted_for_the_stage_under_way():
    meter = Meter()
    with meter.stage("local", 0):
        meter.add(answer())
        meter.add(answer(reused=True))
        time.sleep(0.05)
    meter.add(answer(tokens_in=7))  # counts for no stage
    with meter.stage("fuse", 1):
        meter.add(answer(tokens_out=3))
    local, fuse = meter.spent()
    assert local == Step("local", 0, 2, 2000, 200, local.seconds)
    assert fuse == Step("fuse", 1, 1, 1000, 3, fuse.seconds)
    assert local.seconds >= 0.05
    assert meter.spend().seconds >= local.seconds + fuse.seconds
    assert meter.spend().tokens_in == 3007


def test_a_stage_entered_twice_is_one_and_ends_when_it_fails():
    meter = Meter()
    with contextlib.suppress(KeyError), meter.stage("local", 0):
        meter.add(answer())
        raise KeyError
    meter.add(answer())
    with meter.stage("local", 0):
        meter.add(answer())
    (local,) = meter.spent()
    assert local.calls == 2


def test_a_stage_under_way_is_told_as_far_as_it_came():
    meter = Meter()
    with meter.stage("local", 0):
        meter.add(answer())
        time.sleep(0.02)
        (under_way,) = meter.spent()
        time.sleep(0.02)
    (ended,) = meter.spent()
    assert 0.02 <= under_way.seconds < ended.seconds
    assert under_way.calls == ended.calls == 1


def test_a_stage_in_which_nothing_was_generated_is_there():
    meter = Meter()
    with meter.stage("single", 0):
        pass
    assert [step.calls for step in meter.spent()] == [0]


def test_the_tracker_is_found_here():
    with CostTracker() as tracker:
        assert tracker.cost().seconds >= 0
