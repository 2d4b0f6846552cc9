from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.bench import scores
from gistill.errors import BadInput

TEXTS = st.lists(
    st.sampled_from("the cat sat . The meeting discussed meetings ! (They) agreed ? no".split()),
    max_size=30,
).map(" ".join)


def test_sentences_end_at_stops_and_line_breaks() -> None:
    text = 'Dr. J. Smith spoke. "Why?" Nobody knew, e.g. me.\nIt cost 3.5 euros! 12 came'
    assert scores.sentences(text) == [
        "Dr. J. Smith spoke.",
        '"Why?"',
        "Nobody knew, e.g. me.",
        "It cost 3.5 euros!",
        "12 came",
    ]


def test_sentences_of_nothing() -> None:
    assert scores.sentences(" \n \n") == []


@given(TEXTS)
def test_sentences_keep_every_word(text: str) -> None:
    assert " ".join(scores.sentences(text)).split() == text.split()


@settings(deadline=None)  # the first call imports the library
@given(TEXTS, TEXTS)
def test_rouge_is_that_of_the_library_itself(summary: str, reference: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    plain = RougeScorer(list(scores.METRICS), use_stemmer=True)
    lines = ["\n".join(scores.sentences(text)) for text in (reference, summary)]
    expected = plain.score(*lines)
    row = scores.rouge([summary], [reference])[0]
    for metric, found in zip(scores.METRICS, row, strict=True):
        assert tuple(found / 100) == pytest.approx(tuple(expected[metric]))


def test_rouge_by_hand() -> None:
    row = scores.rouge(["The cats sat."], ["A cat sat down."])[0]
    # Stems "cat" and "sat" of 3 and 4 words; the bigram "cat sat" of 2 and 3.
    assert row[0] == pytest.approx([200 / 3, 50, 400 / 7])
    assert row[1] == pytest.approx([50, 100 / 3, 40])
    assert row[2] == pytest.approx(row[0])


def test_lsum_looks_for_each_sentence_anywhere() -> None:
    row = scores.rouge(["Rain fell. Dogs ran."], ["Dogs ran. Rain fell."])[0]
    assert row[3, 2] == pytest.approx(100)
    assert row[2, 2] == pytest.approx(50)


def test_an_empty_summary_scores_nothing() -> None:
    found = scores.rouge(["", "same"], ["Something.", "same"])
    assert not found[0].any()
    assert found[1, 0, 2] == 100


def test_no_queries_have_no_scores() -> None:
    assert scores.rouge([], []).shape == (0, 4, 3)


def test_every_summary_needs_its_reference() -> None:
    with pytest.raises(BadInput, match="2 summaries, but 1 references"):
        scores.rouge(["a", "b"], ["a"])


def test_another_version_of_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scores._scorer.cache_clear()
    monkeypatch.setattr(scores.metadata, "version", lambda name: "0.2.0")
    with pytest.raises(BadInput, match=r"rouge-score==0\.1\.2"):
        scores.rouge(["a"], ["a"])


def test_scores_are_rows_of_numbers() -> None:
    assert scores.rouge(["a b"], ["a b"]).dtype == np.float64
    assert "0.1.2" in scores.SCORER
    assert scores.RULE in scores.SCORER
