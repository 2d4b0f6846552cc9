from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gistill.bench.qmsum import Query
from gistill.bench.systems import Options
from gistill.bench.systems.graphs import DAMPING, THRESHOLD, Graph, Weights, lexrank, textrank

Weigh = Callable[[Sequence[Sequence[str]]], Weights]

SENTENCES = [
    "the chip costs two euros".split(),
    "a better chip costs five euros".split(),
    "the case is made of rubber".split(),
    "rubber does not break".split(),
    "okay".split(),
    "the chip for two euros then".split(),
]


def plain_textrank(sentences: list[list[str]]) -> list[float]:
    """PageRank with loops, from the paper."""
    n = len(sentences)

    def link(a: list[str], b: list[str]) -> float:
        shared = sum(x == y for x in a for y in b)
        norm = math.log(len(a)) + math.log(len(b))
        return shared / norm if norm else float(shared)

    links = [[link(a, b) for b in sentences] for a in sentences]
    weights = [1 / n] * n
    for _ in range(200):
        weights = [
            (1 - DAMPING) / n * sum(weights)
            + DAMPING * sum(weights[j] * links[j][i] / sum(links[j]) for j in range(n))
            for i in range(n)
        ]
    return weights


def plain_lexrank(sentences: list[list[str]]) -> list[float]:
    """Eigenvector centrality with loops, from the paper."""
    n = len(sentences)
    idf = {w: math.log(n / (1 + sum(w in s for s in sentences))) for s in sentences for w in s}
    rows = [{w: s.count(w) / max(map(s.count, s)) * idf[w] for w in s} for s in sentences]

    def cosine(a: dict[str, float], b: dict[str, float]) -> float:
        norm = math.hypot(*a.values()) * math.hypot(*b.values())
        return sum(a[w] * b[w] for w in a.keys() & b.keys()) / norm if norm else 0.0

    links = [[float(cosine(a, b) > THRESHOLD) for b in rows] for a in rows]
    weights = [1 / n] * n
    for _ in range(500):
        weights = [
            sum(weights[j] * links[j][i] / max(sum(links[j]), 1) for j in range(n))
            for i in range(n)
        ]
    return weights


def test_textrank_is_that_of_the_paper() -> None:
    assert textrank(SENTENCES) == pytest.approx(plain_textrank(SENTENCES), abs=1e-5)


def test_lexrank_is_that_of_the_paper() -> None:
    assert lexrank(SENTENCES) == pytest.approx(plain_lexrank(SENTENCES), abs=1e-4)


def test_what_many_sentences_share_weighs_most() -> None:
    weights = textrank(SENTENCES)
    assert weights[[0, 1, 5]].min() > weights[[2, 3]].max()


@pytest.mark.parametrize("weigh", [textrank, lexrank])
@pytest.mark.parametrize("sentences", [[], [[]], [["one"]], [["a"], ["b"]]])
def test_little_text_has_finite_weights(weigh: Weigh, sentences: list[list[str]]) -> None:
    weights = weigh(sentences)
    assert len(weights) == len(sentences)
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("weigh", [textrank, lexrank])
def test_a_sentence_without_words_weighs_least(weigh: Weigh) -> None:
    weights = weigh([*SENTENCES, []])
    assert weights[-1] < weights[:-1].min()
    assert weights.sum() == pytest.approx(1)


def test_the_question_makes_no_difference(queries: list[Query]) -> None:
    graph = Graph("lexrank", Options(words=20).words)
    one, other = (graph.answer(q.meeting, q.question) for q in queries[:2])
    assert one == other
