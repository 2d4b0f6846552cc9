from __future__ import annotations

import numpy as np
import pytest

from gistill.bench.paired import difference, interval
from gistill.errors import BadInput


def test_mean_is_over_questions_not_over_meetings() -> None:
    found = interval(np.array([0.0, 0.0, 0.0, 8.0]), ["a", "a", "a", "b"])
    assert found.mean == 2
    assert (found.queries, found.meetings) == (4, 2)


def test_equal_values_leave_no_doubt() -> None:
    found = interval(np.full(6, 5.0), list("aabbcc"))
    assert (found.low, found.high) == pytest.approx((5, 5))


def test_bootstrap_is_that_of_a_plain_loop_over_meetings() -> None:
    rng = np.random.default_rng(7)
    meetings = [f"m{i}" for i in rng.integers(0, 12, 80)]
    values = rng.normal(30, 5, 80)
    found = interval(values, meetings)
    groups = [values[[m == name for m in meetings]] for name in sorted(set(meetings))]
    means = [
        np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))]).mean()
        for _ in range(10_000)
    ]
    assert (found.low, found.high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.1)


def test_clusters_widen_the_interval() -> None:
    values = np.repeat([20.0, 30.0, 40.0, 25.0, 35.0], 20)
    clustered = interval(values, [f"m{i // 20}" for i in range(100)])
    apart = interval(values, [f"m{i}" for i in range(100)])
    assert clustered.high - clustered.low > 2 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same() -> None:
    values, meetings = np.arange(20.0), [f"m{i % 5}" for i in range(20)]
    assert interval(values, meetings, seed=3) == interval(values, meetings, seed=3)


def test_pairs_see_what_two_intervals_hide() -> None:
    """A steady small gain is clear although both means are most uncertain."""
    hard = np.linspace(10, 60, 30)
    meetings = [f"m{i // 3}" for i in range(30)]
    gain = difference(hard + 1 + 0.1 * np.sin(np.arange(30)), hard, meetings)
    assert gain.clear
    assert gain.mean == pytest.approx(1, abs=0.05)
    one = interval(hard, meetings)
    assert one.high - one.low > 10


def test_no_difference_is_not_clear() -> None:
    values = np.arange(10.0)
    swapped = values + np.tile([1.0, -1.0], 5)
    assert not difference(swapped, values, [f"m{i // 2}" for i in range(10)]).clear


@pytest.mark.parametrize(("scores", "meetings"), [([], []), ([1.0], ["a", "b"])])
def test_nothing_to_compare(scores: list[float], meetings: list[str]) -> None:
    with pytest.raises(BadInput, match="nothing to compare"):
        interval(np.array(scores), meetings)


def test_differences_are_of_the_same_questions() -> None:
    with pytest.raises(BadInput, match="not the same questions"):
        difference(np.zeros(2), np.zeros(3), ["a", "b"])
