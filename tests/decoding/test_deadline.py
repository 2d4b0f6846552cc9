"""Work runs until its deadline, and is left behind then."""

import threading
import time

import pytest

from gistill.decoding.deadline import Abandoned, until


def test_all_of_quick_work_comes_in_order():
    assert list(until(None, lambda emit: [emit(n) for n in range(5)] and None)) == [0, 1, 2, 3, 4]
    later = time.monotonic() + 60
    assert list(until(later, lambda emit: emit("x"))) == ["x"]


def test_what_work_raises_is_raised_after_what_it_emitted():
    def work(emit):
        emit(1)
        raise ValueError("no")

    items = until(time.monotonic() + 60, work)
    assert next(items) == 1
    with pytest.raises(ValueError, match="no"):
        next(items)


def test_at_the_deadline_the_rest_is_left_behind():
    told = threading.Event()

    def work(emit):
        emit("in time")
        time.sleep(0.3)
        try:
            emit("late")
        except Abandoned:
            told.set()
            raise

    assert list(until(time.monotonic() + 0.1, work)) == ["in time"]
    assert told.wait(10)


def test_what_was_there_in_time_counts_though_it_is_read_late():
    ready = threading.Event()

    def work(emit):
        emit(1)
        emit(2)
        ready.set()

    items = until(time.monotonic() + 0.2, work)
    assert next(items) == 1
    assert ready.wait(10)
    time.sleep(0.3)
    assert list(items) == [2]


def test_a_reader_that_goes_away_ends_the_work():
    told = threading.Event()

    def work(emit):
        try:
            for n in range(1000):
                emit(n)
                time.sleep(0.01)
        except Abandoned:
            told.set()
            raise

    items = until(None, work)
    assert next(items) == 0
    items.close()
    assert told.wait(10)
