"""How well each passage of a thread fits a query.

What is asked about is talked of for minutes, in words that change: a passage counts as much for
what stands around it as for its own words. So BM25 and embedding scores are smoothed over several
widths, and a small network over them, trained on QMSum train by `scripts/train_locator.py`, sees
each passage among its neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.retrieval.embed import embed
from gistill.retrieval.terms import stem, terms, topic, words
from gistill.segmentation import sentences
from gistill.segmentation.render import clean
from gistill.types import Segment

Scores = NDArray[np.float32]

PASSAGE_WORDS = 60
_CUT_WORDS = 400  # a longer segment is cut at sentence ends
_WIDTHS = (0, 1, 2, 4, 8)  # standard deviations of the smoothing, in passages
_REACHES = (1, 3, 6)  # passages to each side within which query terms are counted together
_FEEDBACK = 8  # best passages whose mean stands for the answer (pseudo relevance feedback)


@dataclass(frozen=True, slots=True)
class Passages:
    """Runs of whole pieces of about `PASSAGE_WORDS` words each.

    pieces: the segments, those of over 400 words cut at sentence ends into pieces of the same id.
    runs: (start, end) into `pieces`, in order and without gaps.
    """

    pieces: tuple[Segment, ...]
    runs: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]  # words of each piece, the speaker's name counted as one

    def texts(self) -> list[str]:
        """The cleaned text of each run, without speakers."""
        return [" ".join(clean(p.text) for p in self.pieces[a:b]) for a, b in self.runs]

    def share(self, speakers: frozenset[str]) -> Scores:
        """The share of each run's words that these speakers say."""
        said = [
            n if (p.speaker or "").lower() in speakers else 0
            for p, n in zip(self.pieces, self.lengths, strict=True)
        ]
        return np.array(
            [sum(said[a:b]) / sum(self.lengths[a:b]) for a, b in self.runs], dtype=np.float32
        )


def passages(segments: Sequence[Segment], size: int = PASSAGE_WORDS) -> Passages:
    """Packs segments into runs that close at `size` words, or before a piece that overshoots."""
    pieces = tuple(piece for segment in segments for piece in _cut(segment))
    lengths = tuple(len(piece.text.split()) + 1 for piece in pieces)
    runs, start, total = [], 0, 0
    for i, length in enumerate(lengths):
        if total and total + length > 1.3 * size:
            runs.append((start, i))
            start, total = i, 0
        total += length
        if total >= size:
            runs.append((start, i + 1))
            start, total = i + 1, 0
    if start < len(pieces):
        runs.append((start, len(pieces)))
    return Passages(pieces, tuple(runs), lengths)


def named(query: str, speakers: Sequence[str]) -> frozenset[str]:
    """The speakers that `query` names, lower-cased; `Grad F` is not found in `Grad Fong`."""
    asked = f" {' '.join(words(query))} "
    found = {s.lower() for s in speakers if s and f" {' '.join(words(s))} " in asked}
    return frozenset(
        s for s in found if not any(s != other and f" {s} " in f" {other} " for other in found)
    )


class Index:
    """A thread's passages, ready for any number of queries; linear in the thread's length."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.passages = passages(segments)
        texts = self.passages.texts()
        self.embeddings = embed(texts)
        self.centre = self.embeddings.sum(axis=0) / max(1, len(texts))
        self._centred = _unit(self.embeddings - self.centre)
        self._bm25, self._vocabulary = _bm25([terms(text) for text in texts])
        pieces = self.passages.pieces
        self._speakers = tuple(dict.fromkeys(p.speaker for p in pieces if p.speaker))

    def __len__(self) -> int:
        return len(self.passages.runs)

    def bm25(self, wanted: Sequence[str]) -> Scores:
        """BM25 of every passage for these terms (k1 = 1.2, b = 0.75)."""
        known = [t for t in wanted if t in self._vocabulary]
        if not known:
            return np.zeros(len(self), np.float32)
        return np.asarray(self._bm25.get_scores(known), dtype=np.float32)

    def cosine(self, text: str) -> Scores:
        """Cosine of every passage with `text`, both seen from the thread's mean."""
        return np.asarray(self._centred @ _unit(embed([text]) - self.centre)[0], np.float32)

    def features(self, query: str) -> Scores:
        """What the network sees of every passage, shape (passages, features)."""
        speakers = named(query, self._speakers)
        spoken = {stem(w) for name in speakers for w in words(name)}
        about = topic(query) or query
        wanted = [t for t in dict.fromkeys(terms(topic(query))) if t not in spoken]
        n = len(self)
        lexical, semantic = self.bm25(wanted), self.cosine(about)
        by_speaker = self.passages.share(speakers)
        columns = [smooth(_standard(s), w) for s in (lexical, semantic) for w in _WIDTHS]
        columns += [smooth(by_speaker, w) for w in _WIDTHS]
        for scores, width in ((lexical, 2), (lexical, 4), (semantic, 2), (semantic, 4)):
            columns.append(_standard(smooth(scores, width)))
        columns += [_peak(smooth(lexical, width)) for width in (2, 4)]
        columns += self._together(wanted)
        best = np.argsort(-(columns[15] + 0.5 * columns[17]), kind="stable")[:_FEEDBACK]
        answer = _unit(self._centred[best].mean(axis=0, keepdims=True))[0]
        columns += [smooth(_standard(self._centred @ answer), width) for width in (0, 2, 4)]
        at = np.arange(n) / max(n, 1)
        columns += [np.asarray(x, np.float32) for x in (at, (at - 0.5) ** 2)]
        columns += [np.full(n, x) for x in (bool(speakers), bool(wanted), len(wanted) / 5)]
        return np.stack(columns, axis=1).astype(np.float32)

    def asks_for_whole(self, query: str) -> bool:
        """Whether `query` names neither a topic nor a speaker."""
        return not topic(query) and not named(query, self._speakers)

    def typical(self) -> Scores:
        """How near each passage is to the thread's mean embedding."""
        return np.asarray(self.embeddings @ _unit(self.centre[None])[0], dtype=np.float32)

    def rank(self, query: str) -> Scores:
        """The score of every passage, higher is better; comparable within one query only."""
        return network().score(self.features(query)) if len(self) else np.zeros(0, np.float32)

    def closest(self, query: str) -> int | None:
        """The passage whose own words fit best; None where no passage shares a word."""
        scores = self.bm25(terms(topic(query)))
        return int(scores.argmax()) if scores.any() else None

    def _together(self, wanted: Sequence[str]) -> list[Scores]:
        """The share of the query's terms, weighted by rarity, found within each reach."""
        n = len(self)
        hits = np.array([self.bm25([t]) > 0 for t in wanted]).reshape(len(wanted), n)
        weight = np.log1p(n / (hits.sum(axis=1) + 0.5))
        weight = weight / max(weight.sum(), 1e-9)
        sums = np.pad(np.cumsum(hits, axis=1), ((0, 0), (1, 0)))
        at = np.arange(n)
        return [
            weight @ (sums[:, np.minimum(at + r + 1, n)] > sums[:, np.maximum(at - r, 0)])
            for r in _REACHES
        ]


@dataclass(frozen=True, slots=True)
class Network:
    """Standardized features, rectified units, and layers that add to each passage what its
    neighbours hold, each layer looking twice as far apart as the one before (dilated convolutions:
    Yu and Koltun 2016); one score."""

    mean: Scores
    scale: Scores
    hidden: Scores  # (features, units)
    hidden_bias: Scores
    kernels: Scores  # (layers, neighbours, units, units)
    kernel_biases: Scores  # (layers, units)
    out: Scores  # (units,)

    def score(self, features: Scores) -> Scores:
        units = np.maximum((features - self.mean) / self.scale @ self.hidden + self.hidden_bias, 0)
        for layer, (kernel, bias) in enumerate(zip(self.kernels, self.kernel_biases, strict=True)):
            units = units + np.maximum(_convolved(units, kernel, 2**layer) + bias, 0)
        return np.asarray(units @ self.out, dtype=np.float32)


@cache
def network() -> Network:
    """The weights that `scripts/train_locator.py` wrote beside this module."""
    with (resources.files(__package__) / "locator.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        return Network(*(arrays[name] for name in Network.__slots__))


def smooth(scores: Scores, width: float) -> Scores:
    """A Gaussian-weighted mean over neighbours; the ends are not pulled to zero."""
    if not width or not len(scores):
        return scores
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    total = np.convolve(scores, kernel)[reach : reach + len(scores)]
    norm = np.convolve(np.ones(len(scores)), kernel)[reach : reach + len(scores)]
    return np.asarray(total / norm, dtype=np.float32)


def _convolved(rows: Scores, kernel: Scores, apart: int) -> Scores:
    """For each row the sum over neighbours, `apart` rows from each other, of each times its own
    matrix; beyond the ends there is nothing."""
    reach = len(kernel) // 2 * apart
    padded = np.pad(rows, ((reach, reach), (0, 0)))
    parts = [padded[i * apart : i * apart + len(rows)] @ one for i, one in enumerate(kernel)]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def _bm25(documents: list[list[str]]) -> tuple[Any, frozenset[str]]:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every call at DEBUG
    if not any(documents):
        return None, frozenset()
    index = bm25s.BM25(k1=1.2, b=0.75)
    index.index(documents, show_progress=False)
    return index, frozenset(index.vocab_dict)


def _cut(segment: Segment) -> list[Segment]:
    if len(segment.text) < 4 * _CUT_WORDS or len(segment.text.split()) <= _CUT_WORDS:
        return [segment]
    cuts, total = [0], 0
    for start, end in sentences.spans(segment.text):
        length = len(segment.text[start:end].split())
        if total and total + length > PASSAGE_WORDS:
            cuts.append(start)
            total = 0
        total += length
    cuts.append(len(segment.text))
    origin = segment.at.span[0]
    return [
        replace(
            segment, text=segment.text[a:b], at=replace(segment.at, span=(origin + a, origin + b))
        )
        for a, b in pairwise(cuts)
    ]


def _unit(rows: Scores) -> Scores:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6), np.float32)


def _standard(scores: Scores) -> Scores:
    return np.asarray((scores - scores.mean()) / (scores.std() + 1e-6), np.float32)


def _peak(scores: Scores) -> Scores:
    return np.asarray(scores / (scores.max() + 1e-6), np.float32)
