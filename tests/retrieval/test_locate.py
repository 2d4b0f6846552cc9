from __future__ import annotations

import numpy as np
import pytest

from gistill.retrieval.embed import DIMENSIONS, embed
from gistill.retrieval.locate import locate
from gistill.retrieval.rank import Index, passages, smooth
from gistill.retrieval.terms import terms, topic
from gistill.types import Locator, Segment


def count(text: str) -> int:
    return len(text.split())


def thread(turns: int = 120) -> list[Segment]:
    subjects = ("the budget for the boiler", "holiday photos", "printer paper", "the football cup")
    made = []
    for i in range(turns):
        subject = subjects[i * len(subjects) // turns]
        text = f"We should talk about {subject}, point {i}, and then see who does what next."
        made.append(
            Segment(
                f"s{i:06d}", text, Locator("t.txt", (100 * i, 100 * i + len(text))), "Ann Bo"[:3]
            )
        )
    return made


def test_embeddings_are_unit_rows_and_empty_text_is_zero():
    rows = embed(["a boiler", "", "photos of a holiday"])
    assert rows.shape == (3, DIMENSIONS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 1], abs=1e-5)
    assert embed([]).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("query", ["Summarize the whole meeting.", "What were the main points?"])
def test_a_query_for_the_whole_spreads_over_the_thread(query: str):
    assert topic(query) == ""
    segments = thread()
    found = locate(segments, query, 400, count)
    places = [int(s.id[1:]) * 4 // len(segments) for s in found.segments]
    assert set(places) == {0, 1, 2, 3}


def test_a_topic_is_found_where_it_is_talked_of():
    segments = thread()
    found = locate(segments, "What was decided about the boiler?", 300, count)
    assert found.segments
    assert all("boiler" in s.text for s in found.segments)
    ids = [s.id for s in found.segments]
    assert ids == sorted(ids)
    assert set(ids) | set(found.left_out) == {s.id for s in segments}
    assert found.tokens <= 300
    assert len(found.scores) == len(found.segments)


def test_everything_is_kept_where_it_fits():
    segments = thread(8)
    found = locate(segments, "photos", 10_000, count)
    assert found.segments == tuple(segments)
    assert found.left_out == ()


def test_runs_cover_every_piece_once():
    found = passages(thread())
    assert [i for a, b in found.runs for i in range(a, b)] == list(range(len(found.pieces)))


def test_a_long_segment_is_cut_into_slices_of_itself():
    text = " ".join(f"Sentence number {i} is about the boiler and its pump." for i in range(80))
    segment = Segment("s000000", text, Locator("t.txt", (7, 7 + len(text))))
    pieces = passages([segment]).pieces
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces) == text
    assert all(text[p.at.span[0] - 7 : p.at.span[1] - 7] == p.text for p in pieces)
    whole = locate([segment], "boiler", 10_000, count)
    assert whole.segments == (segment,)


def test_an_index_serves_the_same_answer_as_none():
    segments = thread()
    index = Index(segments)
    assert locate(segments, "photos", 200, count, index) == locate(segments, "photos", 200, count)


def test_smoothing_leaves_a_constant_alone():
    assert smooth(np.ones(30, np.float32), 4) == pytest.approx(np.ones(30))


def test_terms_of_unspaced_script_are_pairs():
    assert terms("予算の話") == ["予算", "算の", "の話"]
