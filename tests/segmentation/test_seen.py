"""What is left out is told, nothing else is, and no chunk holds more than its share of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.segmentation.chunk import cost, pack
from gistill.segmentation.seen import SEEN, Admitted, admit
from gistill.types import Kind, Locator, Segment


def words(text: str) -> int:
    return len(text.split())


def thread(turns: Sequence[tuple[Kind, int]]) -> list[Segment]:
    """A segment of so many words for each turn, a sentence every eight; none is there twice."""
    found = []
    for n, (kind, size) in enumerate(turns):
        text = " ".join(f"w{n}x{i}." if i % 8 == 7 else f"w{n}x{i}" for i in range(size))
        at = Locator("t", (n * 10_000, n * 10_000 + len(text)))
        found.append(Segment(f"s{n:06d}", text, at, "Ada", kind))
    return found


def admitted(segments: Sequence[Segment], room: int, share: float = 0.25) -> Admitted:
    costs = {segment.id: cost(segment, words) for segment in segments}
    return admit(segments, costs, words, room=room, share=share)


_TURN = st.tuples(st.sampled_from(("utterance", "image_text", "frame")), st.integers(1, 40))


@given(
    st.lists(_TURN, min_size=1, max_size=60), st.integers(100, 300), st.sampled_from((0.1, 0.25))
)
@settings(deadline=None)
def test_every_character_is_kept_or_left_and_speech_is_never_left(turns, room, share):
    segments = thread(turns)
    found = admitted(segments, room, share)
    assert [s for s in found.kept if s.kind not in SEEN] == [
        s for s in segments if s.kind not in SEEN
    ]
    pieces = [*found.kept, *(atom.segment for atom in (*found.left, *found.told))]
    for segment in segments:
        own = sorted(p.at.span for p in pieces if p.id == segment.id)
        assert own[0][0] == segment.at.span[0]
        assert own[-1][1] == segment.at.span[1]
        assert all(a[1] == b[0] for a, b in pairwise(own))
    assert all(atom.tokens == cost(atom.segment, words) for atom in (*found.left, *found.told))


@given(st.lists(_TURN, min_size=1, max_size=60), st.integers(150, 300), st.integers(0, 20))
@settings(deadline=None)
def test_no_chunk_holds_more_than_its_share(turns, room, overlap):
    # A word after every picture: none stand in a row.
    spaced = [turn for one in turns for turn in (one, ("utterance", 3))]
    segments = thread(spaced)
    if sum(cost(s, words) for s in segments) <= room:
        return
    kept = admitted(segments, room).kept
    for chunk in pack(kept, words, max_tokens=room, overlap=overlap):
        assert sum(cost(s, words) for s in chunk.segments if s.kind in SEEN) <= room // 4


@given(st.lists(_TURN, min_size=1, max_size=40), st.lists(_TURN, min_size=1, max_size=20))
@settings(deadline=None)
def test_what_was_kept_stays_when_the_thread_grows(turns, more):
    before = thread([*turns, ("utterance", 200)])  # more than fits, and no pictures at the end
    after = thread([*turns, ("utterance", 200), *more])
    kept = admitted(before, 150).kept
    assert admitted(after, 150).kept[: len(kept)] == kept


def test_all_is_kept_where_all_fits_and_nothing_seen_with_a_share_of_nothing() -> None:
    segments = thread([("image_text", 50), ("utterance", 10)])
    assert admitted(segments, 100) == (segments, [], [])
    none = admitted(segments, 100, share=0.0)
    assert [segment.id for segment in none.kept] == ["s000001"]
    assert [atom.segment.id for atom in none.left] == ["s000000"]


def test_pictures_that_fill_half_a_chunk_in_a_row_are_a_matter_of_their_own() -> None:
    album = thread([("utterance", 80), *[("image_text", 20)] * 10, ("utterance", 80)])
    assert admitted(album, 150).left == []


def test_a_long_picture_is_kept_in_part() -> None:
    segments = thread([("utterance", 90), ("image_text", 70), ("utterance", 90)])
    found = admitted(segments, 160, share=0.35)
    assert [len(segment.text.split()) for segment in found.kept] == [90, 32, 90]
    assert sum(len(atom.segment.text.split()) for atom in found.left) == 38


def test_over_a_long_thread_a_third_of_the_share_is_seen() -> None:
    segments = thread([("utterance", 60), ("image_text", 15)] * 40)
    kept = admitted(segments, 120).kept
    seen = sum(cost(s, words) for s in kept if s.kind in SEEN)
    said = sum(cost(s, words) for s in kept if s.kind not in SEEN)
    burst = 120 * 0.25
    assert 0.07 * said < seen <= said * 0.25 / 3 + burst
    assert len(admitted(segments, 120, share=1.0).kept) == len(segments)


def texts(*turns: tuple[Kind, str]) -> list[Segment]:
    return [
        Segment(f"s{n:06d}", text, Locator("t", (n * 1000, n * 1000 + len(text))), None, kind)
        for n, (kind, text) in enumerate(turns)
    ]


def test_what_was_told_before_is_left_out_and_said() -> None:
    said = "We rent the barge from the harbour board until the end of June."
    new = "The deposit is nine hundred euros."
    segments = texts(
        ("utterance", said),
        ("image_text", f"{said.upper()} {new} Ok. We rent the barge from the harbour board."),
        ("frame", new),
        ("utterance", new),
    )
    found = admitted(segments, 40, share=1.0)
    assert [segment.text for segment in found.kept] == [said, f"{new} Ok. ", new]
    assert [segment.kind for segment in found.kept] == ["utterance", "image_text", "utterance"]
    assert [atom.segment.text for atom in found.told] == [
        f"{said.upper()} ", "We rent the barge from the harbour board.", new,
    ]  # fmt: skip
    assert found.left == []


def test_pieces_around_what_is_left_out_stay_apart() -> None:
    said = "We rent the barge from the harbour board until June."
    segments = texts(
        ("utterance", said),
        ("image_text", f"First of all. {said} The deposit is nine hundred euros."),
        ("utterance", "And that is all there is to say about it today, friends."),
    )
    kept = admitted(segments, 40, share=1.0).kept
    (chunk,) = pack(kept, words, max_tokens=200)
    for piece in chunk.segments:
        whole = segments[int(piece.id[1:])]
        start, end = (place - whole.at.span[0] for place in piece.at.span)
        assert piece.text == whole.text[start:end]
