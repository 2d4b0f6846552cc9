from __future__ import annotations

import numpy as np

from gistill.bench.qmsum import Query
from gistill.bench.scores import rouge, tokens
from gistill.bench.systems import open_system
from gistill.bench.systems.oracle import greedy
from gistill.bench.systems.selection import sentences_of


def f1(text: str, reference: str) -> float:
    return float(rouge([text], [reference])[0, :2, 2].sum())


def test_the_oracle_takes_what_the_reference_says(queries: list[Query]) -> None:
    case = next(q for q in queries if q.key == "ES9001a/specific/0")
    output = open_system("oracle").answer(case.meeting, case.question)
    assert "s000004" in output.cites
    assert "the case will be made of rubber" in output.summary


def test_each_step_is_the_best_by_the_scorer_itself(queries: list[Query]) -> None:
    for query in queries:
        pieces = sentences_of(query.meeting)
        found = [tokens(piece.text) for piece in pieces]
        words = np.array([piece.words for piece in pieces])
        reference = query.question.answer
        first = greedy(found, tokens(reference), words, 100)[:1]
        best = max(f1(piece.text, reference) for piece in pieces)
        assert [f1(pieces[i].text, reference) for i in first] == ([best] if best else [])


def test_the_oracle_beats_every_other_choice_of_one_sentence(queries: list[Query]) -> None:
    query = queries[0]
    chosen = open_system("oracle").answer(query.meeting, query.question).summary
    reference = query.question.answer
    assert all(f1(chosen, reference) >= f1(p.text, reference) for p in sentences_of(query.meeting))


def test_the_limit_holds(queries: list[Query]) -> None:
    query = queries[0]
    pieces = sentences_of(query.meeting)
    found = [tokens(piece.text) for piece in pieces]
    words = np.array([piece.words for piece in pieces])
    reference = tokens(query.question.answer)
    for limit in (3, 8, 20):
        assert words[greedy(found, reference, words, limit)].sum() <= limit


def test_no_match_no_sentence() -> None:
    assert greedy([["a"], ["b"]], ["c"], np.array([1, 1]), 10) == []
