"""A ceiling for everything that selects: it sees the reference.

Greedy, as in Nallapati et al. (2017): the sentence that raises ROUGE-1 plus ROUGE-2 (F1) most is
added until none raises it or fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.bench.scores import tokens
from gistill.bench.systems import Latest, Options, Output
from gistill.bench.systems.selection import WORDS, Piece, joined, sentences_of
from gistill.distill.qmsum import Meeting, Question

Counts = NDArray[np.float64]


class Oracle:
    """At most `words` words of sentences, in meeting order."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._read = Latest(_tokenized)

    def settings(self) -> Mapping[str, Any]:
        return {"words": self._words, "objective": "rouge1 + rouge2"}

    def answer(self, meeting: Meeting, question: Question) -> Output:
        pieces, found = self._read(meeting)
        lengths = np.array([piece.words for piece in pieces])
        chosen = greedy(found, tokens(question.answer), lengths, self._words)
        return joined([pieces[i] for i in chosen])


def open(name: str, options: Options) -> Oracle:
    """The oracle."""
    return Oracle(options.words or WORDS)


def greedy(
    sentences: Sequence[Sequence[str]], reference: Sequence[str], words: NDArray[Any], limit: int
) -> list[int]:
    """Indices of the sentences chosen, `words` of which sum to at most `limit`."""
    known1, target1 = _targets(reference)
    known2, target2 = _targets(list(pairwise(reference)))
    hits1 = np.array([_hits(s, known1) for s in sentences])
    hits2 = np.array([_hits(list(pairwise(s)), known2) for s in sentences])
    sizes = np.array([len(s) for s in sentences])
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < len(sentences):
        size = sizes[chosen].sum() + sizes
        gains = _f1(hits1[chosen].sum(axis=0) + hits1, target1, size, len(reference))
        gains += _f1(hits2[chosen].sum(axis=0) + hits2, target2, size - 1, len(reference) - 1)
        gains[chosen] = 0
        gains[words[chosen].sum() + words > limit] = 0
        top = int(np.argmax(gains))
        if gains[top] <= best:
            break
        best = float(gains[top])
        chosen.append(top)
    return chosen


def _tokenized(meeting: Meeting) -> tuple[list[Piece], list[list[str]]]:
    pieces = sentences_of(meeting)
    return pieces, [tokens(piece.text) for piece in pieces]


def _targets(grams: Sequence[Hashable]) -> tuple[dict[Hashable, int], Counts]:
    counted = Counter(grams)
    return {gram: i for i, gram in enumerate(counted)}, np.array([*counted.values()], float)


def _hits(grams: Sequence[Hashable], known: Mapping[Hashable, int]) -> Counts:
    row = np.zeros(len(known))
    for gram in grams:
        if gram in known:
            row[known[gram]] += 1
    return row


def _f1(hits: Counts, target: Counts, size: Counts, length: int) -> Counts:
    matches = np.minimum(hits, target).sum(axis=1)
    return np.asarray(2 * matches / np.maximum(size + length, 1))
