from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gistill.bench import qmsum
from gistill.bench.qmsum import Query
from gistill.bench.scores import rouge
from gistill.bench.systems import Options, open_system


def summary(name: str, query: Query, **options: int) -> str:
    return open_system(name, Options(**options)).answer(query.meeting, query.question).summary


def test_lead_is_the_start(queries: list[Query]) -> None:
    assert summary("lead", queries[0], words=9) == (
        "Okay, welcome to the LCD remote project.\nI think"
    )


def test_bm25_finds_the_words_of_the_question(queries: list[Query]) -> None:
    chip = next(q for q in queries if "chip" in q.question.text)
    assert summary("bm25", chip, words=10) == "The chip costs two euros. A better chip costs five."


def test_bm25_without_a_known_word_is_the_start(queries: list[Query]) -> None:
    general = next(q for q in queries if q.meeting.id == "Bmr999" and q.kind == "general")
    assert summary("bm25", general, words=20).startswith("So, uh what about")


def test_gold_spans_in_meeting_order(queries: list[Query]) -> None:
    case = next(q for q in queries if q.key == "ES9001a/specific/0")
    output = open_system("gold-span-lead").answer(case.meeting, case.question)
    assert output.cites == ("s000001", "s000003", "s000004")


def test_general_questions_have_no_gold_spans(queries: list[Query]) -> None:
    assert summary("gold-span-lead", queries[0]) == summary("lead", queries[0])


def test_random_depends_on_its_seed(queries: list[Query]) -> None:
    drawn = {summary("random", queries[0], seed=seed, words=12) for seed in range(8)}
    assert len(drawn) > 1


LEAD = (16.43, 1.80, 9.66, 14.62)
BM25 = (24.17, 5.32, 14.72, 21.36)


@pytest.mark.parametrize(
    ("name", "words", "anchor", "near"), [("lead", 128, LEAD, 0.3), ("bm25", 100, BM25, 0.6)]
)
def test_floors_come_near_the_known_figures(
    real_data: Path, name: str, words: int, anchor: tuple[float, ...], near: float
) -> None:
    """The figures are the whole test split's; here are at least 25 of its 35 meetings."""
    queries = list(qmsum.queries(qmsum.load(real_data, "test")))
    system = open_system(name, Options(words=words))
    summaries = [system.answer(q.meeting, q.question).summary for q in queries]
    scores = rouge(summaries, [q.question.answer for q in queries])[:, :, 2].mean(axis=0)
    assert np.abs(scores - anchor).max() < near
