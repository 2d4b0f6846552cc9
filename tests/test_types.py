"""What the data itself refuses, and what it works out."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill import types
from gistill.errors import BadInput
from gistill.types import Budget, Coverage, Locator, Plan, Segment, Step, Thread


@given(st.integers())
def test_a_token_budget_is_at_least_one(tokens):
    if tokens >= 1:
        assert Budget(tokens=tokens).tokens == tokens
    else:
        with pytest.raises(BadInput, match=f"token budget is {tokens};"):
            Budget(tokens=tokens)


@given(st.floats())
def test_a_time_budget_is_a_number_above_zero(seconds):
    if seconds > 0:
        assert Budget(seconds=seconds).seconds == seconds
    else:
        with pytest.raises(BadInput, match="time budget"):
            Budget(seconds=seconds)


def test_a_profile_is_one_of_three():
    assert [Budget(profile=p).profile for p in ("greedy", "fast", "quality")]
    with pytest.raises(BadInput, match="unknown profile 'Fast'"):
        Budget(profile="Fast")


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_coverage_is_the_share_that_was_read(read, total):
    assert Coverage(min(read, total), total).share == pytest.approx(min(1, read / total))


def test_of_nothing_everything_was_read():
    assert Coverage(0, 0).share == 1.0


def test_participants_are_in_order_of_their_first_turn():
    at = Locator("t.txt", (0, 1))
    names = ("Bob", None, "Ada", "Bob", "")
    turns = tuple(Segment(f"s{i:06d}", "x", at, name) for i, name in enumerate(names))
    assert Thread(turns, ()).participants == ("Bob", "Ada")


def test_a_plan_takes_as_long_as_its_steps():
    steps = (Step("local", 0, 3, 900, 300, 1.5), Step("fuse", 1, 1, 300, 100, 0.25))
    plan = Plan(steps, 3, 300, 30, 100, 100, "fast")
    assert plan.seconds == 1.75
    assert dataclasses.replace(plan, steps=()).seconds == 0


def test_all_data_is_frozen_and_slotted():
    found = [one for one in vars(types).values() if dataclasses.is_dataclass(one)]
    assert len(found) > 15
    for one in found:
        assert one.__dataclass_params__.frozen, one
        assert "__slots__" in vars(one), one
