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
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from gistill.retrieval.embed import embed
from gistill.retrieval.network import Scores, network
from gistill.retrieval.question import Speakers, cues, parts
from gistill.retrieval.terms import stem, terms, topic, words
from gistill.segmentation import sentences
from gistill.segmentation.render import clean
from gistill.types import Segment

PASSAGE_WORDS = 60
_CUT_WORDS = 400  # a longer segment is cut at sentence ends
_WIDTHS = (0, 1, 2, 4, 8)  # standard deviations of the smoothing, in passages
_REACHES = (1, 3, 6)  # passages to each side within which query terms are counted together
_LOCAL = (2, 4)  # widths at which scores are compared within the thread again
_BLOCKS = (1, 2, 4, 8)  # passages before and after a place that are compared
_FEEDBACK = 8  # best passages whose mean stands for the answer


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


class Index:
    """A thread's passages, ready for any number of queries; linear in the thread's length."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.passages = passages(segments)
        texts = self.passages.texts()
        self.embeddings = embed(texts)
        self.centre = self.embeddings.sum(axis=0) / max(1, len(texts))
        self._centred = _unit(self.embeddings - self.centre)
        self._bm25, self._vocabulary = _bm25([terms(text) for text in texts])
        self._speakers = Speakers.of(segments)

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
        n, speakers = len(self), self._speakers.named(query)
        spoken = frozenset(stem(w) for name in speakers for w in words(name))
        about, within = parts(query)
        whole = self._matches(query, spoken)
        columns = list(whole)
        for part in (about, within):  # alike where there is one alone
            columns += self._matches(part, spoken) if within and topic(part) else whole
        by_speaker = self.passages.share(speakers)
        columns += [smooth(by_speaker, width) for width in _WIDTHS]
        columns += self._like_the_best(whole)
        columns += self._cohesion
        at = np.arange(n)
        places = (at / max(n, 1), (at / max(n, 1) - 0.5) ** 2, at / 20, (n - at) / 20)
        columns += [place.astype(np.float32) for place in places]
        known = [bool(speakers), bool(topic(query)), bool(within), np.log1p(n), *cues(query)]
        columns += [np.full(n, value) for value in known]
        return np.stack(columns, axis=1).astype(np.float32)

    def asks_for_whole(self, query: str) -> bool:
        """Whether `query` names neither a topic nor a speaker."""
        return not topic(query) and not self._speakers.named(query)

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

    def _matches(self, text: str, spoken: frozenset[str]) -> list[Scores]:
        """How well passages and their surroundings fit `text`, by words and by embeddings; words
        of speakers' names are not looked for in what is said."""
        wanted = [t for t in dict.fromkeys(terms(topic(text))) if t not in spoken]
        lexical, semantic = self.bm25(wanted), self.cosine(topic(text) or text)
        columns = [smooth(_standard(s), w) for s in (lexical, semantic) for w in _WIDTHS]
        columns += [_standard(smooth(s, w)) for s in (lexical, semantic) for w in _LOCAL]
        columns += [_peak(smooth(lexical, w)) for w in _LOCAL]
        return columns + self._together(wanted)

    def _like_the_best(self, matches: Sequence[Scores]) -> list[Scores]:
        """How near passages are to the mean of those that match best (pseudo relevance
        feedback)."""
        lexical, semantic = matches[2 * len(_WIDTHS)], matches[2 * len(_WIDTHS) + len(_LOCAL)]
        best = np.argsort(-(lexical + 0.5 * semantic), kind="stable")[:_FEEDBACK]
        answer = _unit(self._centred[best].mean(axis=0, keepdims=True))[0]
        return [smooth(_standard(self._centred @ answer), width) for width in (0, *_LOCAL)]

    @cached_property
    def _cohesion(self) -> list[Scores]:
        """How alike what comes before a passage is to what begins with it: low where the topic
        changes (TextTiling: Hearst 1997)."""
        n, width = len(self), self._centred.shape[1]
        sums = np.zeros((n + 1, width), np.float32)
        np.cumsum(self._centred, axis=0, out=sums[1:])
        at = np.arange(n)
        found = []
        for reach in _BLOCKS:
            before = sums[at] - sums[np.maximum(at - reach, 0)]
            after = sums[np.minimum(at + reach, n)] - sums[at]
            found.append(_standard((_unit(before) * _unit(after)).sum(axis=1)))
        return found

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


def smooth(scores: Scores, width: float) -> Scores:
    """A Gaussian-weighted mean over neighbours; the ends are not pulled to zero."""
    if not width or not len(scores):
        return scores
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    total = np.convolve(scores, kernel)[reach : reach + len(scores)]
    norm = np.convolve(np.ones(len(scores)), kernel)[reach : reach + len(scores)]
    return np.asarray(total / norm, dtype=np.float32)


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
