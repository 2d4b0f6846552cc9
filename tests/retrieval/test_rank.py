"""Passages and their scores for a query."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.retrieval.locate import locate
from gistill.retrieval.network import network
from gistill.retrieval.rank import Index, passages, smooth
from gistill.retrieval.terms import terms
from threads import meeting, thread, threads

LIGHTHOUSE = [s.text for s in meeting(200).segments]
LIGHTHOUSE[120:124] = [
    "The lighthouse keeper found a sheep on the gallery stairs.",
    "How did the sheep climb the lighthouse stairs?",
    "Nobody locks the lighthouse door at night.",
    "Then lock the lighthouse, and bring the sheep home.",
]


@pytest.fixture(scope="module")
def index():
    return Index(thread(*LIGHTHOUSE).segments)


@given(threads, st.integers(5, 80))
def test_runs_cover_the_pieces_in_order_and_keep_their_size(talk, size):
    found = passages(talk.segments, size)
    assert [i for a, b in found.runs for i in range(a, b)] == list(range(len(found.pieces)))
    assert found.pieces == talk.segments  # none is long enough to be cut
    for a, b in found.runs:
        assert b - a == 1 or sum(found.lengths[a:b]) <= 1.3 * size
    for a, b in found.runs[:-1]:
        words = sum(found.lengths[a:b])
        assert words >= size or words + found.lengths[b] > 1.3 * size


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_the_pieces_of_a_long_segment_are_its_text(lengths):
    text = " ".join("Word " + "word " * (n - 1) + "end." for n in lengths)
    (segment,) = thread(text).segments
    pieces = passages([segment]).pieces
    assert "".join(piece.text for piece in pieces) == text
    assert {piece.id for piece in pieces} == {segment.id}
    spans = [piece.at.span for piece in pieces]
    assert (spans[0][0], spans[-1][1]) == segment.at.span
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    assert len(pieces) == 1 or len(text.split()) > 400


def test_a_speakers_share_is_of_words():
    found = passages(thread("Ann: one two three", "Bob: one", "Ann: one").segments)
    assert found.runs == ((0, 3),)
    assert found.share(frozenset({"ann"})) == pytest.approx([6 / 8])
    assert found.share(frozenset({"ann", "bob"})) == pytest.approx([1])
    assert found.share(frozenset()) == pytest.approx([0])


def test_passages_that_speak_of_it_come_first(index):
    scores = index.rank("Where was the sheep found?")
    best = int(np.argmax(scores))
    a, b = index.passages.runs[best]
    assert "sheep" in " ".join(piece.text for piece in index.passages.pieces[a:b])
    assert scores.shape == (len(index),)
    assert np.array_equal(scores, index.rank("Where was the sheep found?"))


def test_what_a_speaker_says_ranks_higher_when_a_part_of_the_name_is_asked_for():
    turns = [
        f"{who}: {text}"
        for who, text in zip(
            itertools.cycle(["Bob Ray"] * 9 + ["Cleo Ohm"]), LIGHTHOUSE, strict=False
        )
    ]
    turns[150:170] = [f"Ada Lovelace: {text}" for text in LIGHTHOUSE[150:170]]
    index = Index(thread(*turns).segments)
    share = index.passages.share(frozenset({"ada lovelace"}))
    scores = index.rank("What did Ada say?")
    assert scores[share > 0.5].mean() > scores[share == 0].mean()


def test_cohesion_is_low_where_the_topic_changes():
    one, two = "The ferry left the quay in fog.", "Our budget needs a second signature."
    index = Index(thread(*[one] * 60, *[two] * 60).segments)
    texts = index.passages.texts()
    change = next(i for i, text in enumerate(texts) if "budget" in text)
    wide = index._cohesion[2]
    assert abs(int(np.argmin(wide[1:])) + 1 - change) <= 1


def test_bm25_is_above_zero_just_where_a_term_is(index):
    scores = index.bm25(terms("sheep"))
    held = ["sheep" in text for text in index.passages.texts()]
    assert [score > 0 for score in scores] == held
    assert any(held)
    assert not index.bm25(["unheard"]).any()
    assert not index.bm25([]).any()


def test_cosine_is_a_cosine_and_highest_for_a_passage_itself(index):
    for run in (0, 7, len(index) - 1):
        scores = index.cosine(index.passages.texts()[run])
        assert scores.max() == pytest.approx(scores[run], abs=1e-5)
        assert np.abs(scores).max() <= 1 + 1e-5


def test_an_empty_query_asks_for_the_whole_and_a_speaker_does_not():
    index = Index(meeting(10).segments)
    assert index.asks_for_whole("")
    assert index.asks_for_whole("Summarize the discussion.")
    assert not index.asks_for_whole("What did Ada say?")
    named = Index(thread("Ada Lovelace: It works.", "Bob Ray: Does it?").segments)
    assert not named.asks_for_whole("What did Ada say?")  # by a part of her name
    assert not index.asks_for_whole("Summarize what was said of the printer.")


@settings(deadline=None, max_examples=40)
@given(threads, st.text(max_size=30))
def test_features_are_what_the_network_was_trained_on(talk, query):
    index = Index(talk.segments)
    features = index.features(query)
    assert features.shape == (len(index), network().mean.size)
    assert np.isfinite(features).all()
    assert np.isfinite(index.rank(query)).all()


def test_a_thread_of_noise_has_scores_too():
    index = Index(thread("Ann: {vocalsound}", "Bob: …").segments)
    assert np.isfinite(index.rank("budget")).all()
    assert np.isfinite(index.typical()).all()


def test_an_empty_thread_has_no_passages():
    index = Index([])
    assert len(index) == 0
    for scores in (index.bm25(["budget"]), index.rank("budget"), index.typical()):
        assert scores.shape == (0,)
    for query in ("What about the budget?", "Summarize the meeting."):
        assert locate([], query, 100, len).segments == ()


@settings(deadline=None)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=60),
    st.sampled_from([0, 1, 2, 4, 8]),
)
def test_smoothing_is_a_mean_of_neighbours(values, width):
    scores = np.array(values, np.float32)
    found = smooth(scores, width)
    assert found.shape == scores.shape
    assert found.min() >= scores.min() - 1e-3
    assert found.max() <= scores.max() + 1e-3
    assert smooth(scores[::-1], width) == pytest.approx(found[::-1], abs=1e-3)


def test_smoothing_spreads_a_peak_evenly():
    found = smooth(np.eye(1, 41, 20, dtype=np.float32)[0], 2)
    assert np.argmax(found) == 20
    assert found[:20] == pytest.approx(found[:20:-1], abs=1e-6)
    assert (np.diff(found[14:21]) > 0).all()
