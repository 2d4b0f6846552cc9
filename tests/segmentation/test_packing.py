"""Runs of neighbours within a limit."""

from hypothesis import given
from hypothesis import strategies as st

from gistill.segmentation.packing import fill, middle

sizes = st.lists(st.integers(0, 50), min_size=1, max_size=80)


@given(sizes, st.integers(1, 120))
def test_runs_are_contiguous_complete_and_within_room(sizes, room):
    runs = fill(sizes, room)
    assert [i for a, b in runs for i in range(a, b)] == list(range(len(sizes)))
    assert all(sum(sizes[a:b]) <= room or b - a == 1 for a, b in runs)


@given(sizes, sizes, st.integers(1, 120))
def test_appending_moves_only_the_last_run(sizes, more, room):
    before = fill(sizes, room)
    assert fill(sizes + more, room)[: len(before) - 1] == before[:-1]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=80))
def test_the_middle_splits_best(sizes):
    best = middle(sizes)
    assert 0 < best < len(sizes)

    def uneven(at):
        return abs(sum(sizes[:at]) - sum(sizes[at:]))

    assert uneven(best) == min(uneven(at) for at in range(1, len(sizes)))


def test_nothing_has_no_runs():
    assert fill([], 10) == []
