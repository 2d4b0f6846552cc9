"""Passages and their scores for a query."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.retrieval.locate import locate
from gistill.retrieval.rank import Index, Network, named, network, passages, smooth
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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What did Ann say?", {"ann"}),
        ("what did ANN and Bob agree on?", {"ann", "bob"}),
        ("What was Ann's idea?", {"ann"}),
        ("Did Annabel come?", set()),
        ("What did Ann Lee say?", {"ann lee"}),
        ("What did Al and Alan say?", {"al", "alan"}),
        ("Who was it?", set()),
    ],
)
def test_speakers_are_named_whole(query, found):
    assert named(query, ["Ann", "Ann Lee", "Bob", "Al", "Alan", ""]) == found


def test_passages_that_speak_of_it_come_first(index):
    scores = index.rank("Where was the sheep found?")
    best = int(np.argmax(scores))
    a, b = index.passages.runs[best]
    assert "sheep" in " ".join(piece.text for piece in index.passages.pieces[a:b])
    assert scores.shape == (len(index),)
    assert np.array_equal(scores, index.rank("Where was the sheep found?"))


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
    assert not index.asks_for_whole("Summarize what was said of the printer.")


@pytest.mark.parametrize("passages", [1, 2, 7, 40])
def test_the_network_sees_each_passage_among_its_neighbours(passages):
    """Against the same sums written out one by one."""
    dice = np.random.default_rng(passages)

    def drawn(*shape):
        return dice.normal(size=shape).astype(np.float32)

    net = Network(drawn(3), 1 + drawn(3) ** 2, drawn(3, 4), drawn(4), drawn(2, 5, 4, 4),
                  drawn(2, 4), drawn(4))  # fmt: skip
    features = drawn(passages, 3)
    units = np.maximum((features - net.mean) / net.scale @ net.hidden + net.hidden_bias, 0)
    for apart, kernel, bias in zip((1, 2), net.kernels, net.kernel_biases, strict=True):
        heard = np.tile(bias, (passages, 1))
        for at in range(passages):
            for tap in range(5):
                if 0 <= (beside := at + (tap - 2) * apart) < passages:
                    heard[at] += units[beside] @ kernel[tap]
        units = units + np.maximum(heard, 0)
    np.testing.assert_allclose(net.score(features), units @ net.out, rtol=1e-3, atol=1e-4)


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
