"""TextRank and LexRank: sentences that other sentences resemble. The question is not looked at.

Both are what sumy 0.13 computes, iterated until it settles. sumy itself cannot be required here:
it needs pycountry, which is under the LGPL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.bench.scores import tokens
from gistill.bench.systems import Latest, Options, Output
from gistill.bench.systems.selection import WORDS, first_words, sentences_of
from gistill.distill.qmsum import Meeting, Question

DAMPING = 0.85
THRESHOLD = 0.1  # cosine from which LexRank links two sentences
_SETTLED = 1e-6  # change of the weights at which iteration ends

Weights = NDArray[np.float64]


class Graph:
    """The best sentences of a meeting by their weight in its graph."""

    def __init__(self, name: str, words: int) -> None:
        self._name, self._words = name, words
        self._made = Latest(self._make)

    def settings(self) -> Mapping[str, Any]:
        extra = {"damping": DAMPING} if self._name == "textrank" else {"threshold": THRESHOLD}
        return {"words": self._words, "unit": "sentence", **extra}

    def answer(self, meeting: Meeting, question: Question) -> Output:
        return self._made(meeting)

    def _make(self, meeting: Meeting) -> Output:
        pieces = sentences_of(meeting)
        weigh: Callable[[Sequence[Sequence[str]]], Weights] = (
            textrank if self._name == "textrank" else lexrank
        )
        weights = weigh([tokens(piece.text) for piece in pieces])
        ranked = (pieces[i] for i in np.argsort(-weights, kind="stable"))
        return first_words(ranked, self._words)


def open(name: str, options: Options) -> Graph:
    """The graph of that name."""
    return Graph(name, options.words or WORDS)


def textrank(sentences: Sequence[Sequence[str]]) -> Weights:
    """PageRank over shared words by log lengths (Mihalcea & Tarau 2004), one weight a sentence."""
    counts = _counts(sentences)
    shared = counts @ counts.T
    lengths = np.log(np.maximum(counts.sum(axis=1), 1))
    norm = lengths[:, None] + lengths[None, :]
    links = np.where(norm > 1e-9, shared / np.where(norm > 1e-9, norm, 1), shared)
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1e-12)
    n = len(sentences)
    return _stationary((1 - DAMPING) / max(n, 1) + DAMPING * links)


def lexrank(sentences: Sequence[Sequence[str]]) -> Weights:
    """Degree-normalized cosines above a threshold (Erkan & Radev 2004), one weight a sentence."""
    counts = _counts(sentences)
    n = len(sentences)
    tf = counts / np.maximum(counts.max(axis=1, keepdims=True, initial=0), 1)
    idf = np.log(n / (1 + (counts > 0).sum(axis=0)))
    rows = tf * idf
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    links = (rows @ rows.T > THRESHOLD).astype(float)
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1)
    return _stationary(links)


def _counts(sentences: Sequence[Sequence[str]]) -> Weights:
    """How often each word occurs in each sentence, shape (sentences, words)."""
    vocabulary: dict[str, int] = {}
    for sentence in sentences:
        for word in sentence:
            vocabulary.setdefault(word, len(vocabulary))
    counts = np.zeros((len(sentences), len(vocabulary)))
    for row, sentence in zip(counts, sentences, strict=True):
        for word, times in Counter(sentence).items():
            row[vocabulary[word]] = times
    return counts


def _stationary(links: Weights) -> Weights:
    """Power iteration from equal weights, which keep their sum whatever a row of `links` loses."""
    n = len(links)
    weights = np.full(n, 1 / max(n, 1))
    change = 1.0
    while n and change > _SETTLED:
        after = links.T @ weights
        after /= after.sum() or 1.0
        change = float(np.linalg.norm(after - weights))
        weights = after
    return weights
