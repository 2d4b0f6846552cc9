"""Invariants 1 and 7 of the design: nothing dropped, nothing over the limit, no tiny tail."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.errors import BadInput
from gistill.segmentation.chunk import cost, pack
from gistill.types import Locator, Segment


def words(text: str) -> int:
    return len(text.split())


def thread(texts: list[str], speaker: str | None = "Ada") -> list[Segment]:
    return [
        Segment(f"s{i:06d}", text, Locator("t", (i * 10_000, i * 10_000 + len(text))), speaker)
        for i, text in enumerate(texts)
    ]


sentence = st.lists(
    st.sampled_from("alpha beta gamma delta . pi. rho? sigma!".split()), min_size=1, max_size=40
)
turns = st.lists(
    st.lists(sentence.map(" ".join), min_size=1, max_size=8).map(" ".join), min_size=1, max_size=40
)


@given(turns, st.integers(60, 200), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_every_character_is_in_a_chunk_and_no_chunk_is_over(texts, max_tokens, overlap):
    segments = thread(texts)
    chunks = pack(segments, words, max_tokens=max_tokens, overlap=overlap)
    covered = {segment.id: 0 for segment in segments}
    for chunk in chunks:
        assert chunk.tokens <= max_tokens
        assert chunk.tokens == sum(cost(s, words) for s in chunk.segments)
        for piece in chunk.segments[chunk.overlap :]:
            covered[piece.id] += len(piece.text)
            start = int(piece.id[1:]) * 10_000
            a, b = piece.at.span[0] - start, piece.at.span[1] - start
            assert texts[int(piece.id[1:])][a:b] == piece.text
    assert covered == {segment.id: len(segment.text) for segment in segments}


@given(turns, st.integers(40, 200))
@settings(max_examples=100, deadline=None)
def test_no_chunk_is_under_half_the_median(texts, max_tokens):
    chunks = pack(thread(texts), words, max_tokens=max_tokens)
    sizes = [chunk.tokens for chunk in chunks]
    # The cut that balances the last two is made at a sentence or word, not at a token.
    assert min(sizes) >= statistics.median(sizes) / 2 - max(16, max_tokens / 16) / 2


@given(turns, turns, st.integers(60, 120), st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_appending_moves_only_the_last_two_chunks(before, more, max_tokens, overlap):
    options = {"max_tokens": max_tokens, "overlap": overlap}
    old = pack(thread(before), words, **options)
    new = pack(thread(before + more), words, **options)
    if len(old) > 2:
        assert new[: len(old) - 2] == old[:-2]


def test_overlap_repeats_whole_turns_of_the_chunk_before():
    segments = thread(["one two three." for _ in range(40)])
    first, second, *_ = pack(segments, words, max_tokens=60, overlap=12)
    assert second.overlap == 2
    assert second.segments[:2] == first.segments[-2:]


def test_everything_that_fits_is_one_chunk():
    segments = thread(["one two."] * 5)
    assert len(pack(segments, words, max_tokens=1000, overlap=10)) == 1
    assert pack([], words, max_tokens=100) == ()


def test_a_line_of_two_million_characters_is_cut_anywhere():
    segments = thread(["x" * 2_000_000], speaker=None)
    chunks = pack(segments, lambda text: len(text) // 4, max_tokens=1000)
    assert "".join(s.text for c in chunks for s in c.segments) == segments[0].text
    assert all(chunk.tokens <= 1000 for chunk in chunks)


def test_noise_costs_nothing_but_stays():
    segments = thread(["{vocalsound}", "Yes, we ship on Friday."])
    (chunk,) = pack(segments, words, max_tokens=50)
    assert [s.id for s in chunk.segments] == ["s000000", "s000001"]
    assert cost(segments[0], words) == 0


def test_max_tokens_must_exceed_overlap():
    with pytest.raises(BadInput, match="must be larger"):
        pack(thread(["a."]), words, max_tokens=64, overlap=64)
