"""Which rows are seen together: every one once an epoch, within the tokens of a pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.distill.batches import plan_batches, plan_steps, rate
from gistill.distill.settings import Settings

LENGTHS = [5 + i % 23 for i in range(200)]


@pytest.mark.parametrize("batching", ["bucket", "pack"])
def test_batches_hold_every_row_once_and_fit(batching: str) -> None:
    settings = Settings(batch_tokens=48, batching=batching)  # type: ignore[arg-type]
    batches = plan_batches(LENGTHS, settings, 0)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        lengths = [LENGTHS[i] for i in batch]
        size = sum(lengths) if batching == "pack" else max(lengths) * len(lengths)
        assert size <= 48 or len(batch) == 1
    assert batches != plan_batches(LENGTHS, settings, 1)
    assert batches == plan_batches(LENGTHS, settings, 0)


def test_rows_of_a_bucket_are_alike() -> None:
    batches = plan_batches(LENGTHS, Settings(batch_tokens=400), 0)
    padding = sum(max(LENGTHS[i] for i in b) * len(b) for b in batches) - sum(LENGTHS)
    assert padding < 0.1 * sum(LENGTHS)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 30))
def test_steps_have_their_passes(epochs: int, accumulate: int, processes: int, most: int) -> None:
    settings = Settings(batch_tokens=40, epochs=epochs, accumulate=accumulate, max_steps=most)
    steps = plan_steps(LENGTHS[:30], settings, processes)
    each = accumulate * processes
    assert all(len(step) == each for step in steps[:-1])
    assert 1 <= len(steps[-1]) <= each
    if most:
        assert len(steps) == most
        assert len(steps[-1]) == each
    else:
        seen = [i for step in steps for one in step for i in one]
        assert sorted(seen) == sorted(list(range(30)) * epochs)


def test_half_an_epoch_is_half_the_passes() -> None:
    whole = plan_steps(LENGTHS, Settings(batch_tokens=48))
    half = plan_steps(LENGTHS, Settings(batch_tokens=48, epochs=0.5))
    assert half == whole[: round(len(whole) / 2)]


def test_processes_share_what_one_alone_would_accumulate() -> None:
    alone = plan_steps(LENGTHS, Settings(batch_tokens=48, accumulate=4), 1)
    assert plan_steps(LENGTHS, Settings(batch_tokens=48, accumulate=2), 2) == alone


def test_the_rate_rises_and_falls() -> None:
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01
    assert 0 < rate(0, 1, 0.0) <= 1
