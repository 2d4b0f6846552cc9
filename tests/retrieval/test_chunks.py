"""Which chunks are read when not all can be."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.engines.extractive import Extractive
from gistill.retrieval.chunks import choose, spread
from gistill.segmentation import chunk
from threads import meeting, thread

count = Extractive().count


@given(st.integers(1, 200), st.integers(0, 250))
def test_a_spread_is_even_and_in_order(total, read):
    found = spread(total, min(read, total))
    assert len(found) == min(read, total)
    assert found == sorted(set(found))
    assert all(0 <= index < total for index in found)
    if len(found) > 1:
        assert (found[0], found[-1]) == (0, total - 1)
        gaps = [b - a for a, b in itertools.pairwise(found)]
        assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("read", [0, 1, 3])
def test_a_question_picks_the_chunks_that_speak_of_it(read):
    turns = [s.text for s in meeting(60).segments]
    turns[41] = "The lighthouse keeper found a sheep on the gallery stairs."
    chunks = chunk.pack(thread(*turns).segments, count, max_tokens=120)
    found = choose(chunks, read, "Where was the sheep found?", count)
    assert len(found) == read
    held = [any("sheep" in s.text for s in chunks[index].segments) for index in found]
    assert any(held) == (read > 0)


def test_without_a_question_or_with_time_for_all_it_is_a_spread():
    chunks = chunk.pack(meeting(60).segments, count, max_tokens=120)
    assert choose(chunks, 3, None, count) == spread(len(chunks), 3)
    assert choose(chunks, len(chunks), "budget?", count) == list(range(len(chunks)))
