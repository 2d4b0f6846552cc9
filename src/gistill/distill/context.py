"""What a student reads for a question: located passages, with as many distractors as wished.

At run time it reads what a locator found, never the gold spans alone, so that is what it has to be
trained on. Lengths are words at white space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistill.retrieval.locate import Located, locate
from gistill.retrieval.rank import Index, Passages
from gistill.segmentation.render import render
from gistill.teacher import local
from gistill.types import Segment

_LEAST = 5  # words of room below which no segment is worth looking for


@dataclass(frozen=True, slots=True)
class Context:
    """Segments in thread order, how the locator scored each, and the ids that are known to hold
    the answer (None where that is not known)."""

    segments: tuple[Segment, ...]
    scores: tuple[float, ...]
    gold: frozenset[str] | None

    @property
    def text(self) -> str:
        return local.lines(self.segments)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(segment.id for segment in self.segments)

    @property
    def is_gold(self) -> tuple[bool, ...]:
        """One a segment; empty where nothing is known to be gold."""
        return () if self.gold is None else tuple(i in self.gold for i in self.ids)

    @property
    def distractors(self) -> float | None:
        """The share of the words that are not gold."""
        if self.gold is None:
            return None
        total = sum(count_words(s.text) for s in self.segments)
        inside = sum(count_words(s.text) for s in self.segments if s.id in self.gold)
        return 1 - (round(inside / total, 4) if total else 0.0)


def count_words(text: str) -> int:
    return len(text.split())


def located(
    segments: Sequence[Segment],
    query: str,
    words: int,
    index: Index,
    gold: frozenset[str] | None = None,
) -> Context:
    """What the locator finds in at most `words` words; `index` is that of `segments`."""
    return _context(locate(segments, query, words, count_words, index), gold)


def favouring(
    segments: Sequence[Segment],
    query: str,
    words: int,
    index: Index,
    gold: frozenset[str],
    distractors: float,
    clue: str = "",
) -> Context:
    """Gold passages first, until all but the share `distractors` of `words` is used up, then
    whatever ranks best. Where not all of them fit, those that `clue` finds are chosen, or without
    one those that the query finds."""
    order = _favouring(index, query, gold, words, distractors, clue)
    found = locate(segments, query, words, count_words, _Ordered(index, order))
    return _context(found, gold)


def mixed(
    segments: Sequence[Segment],
    query: str,
    words: int,
    index: Index,
    gold: frozenset[str],
    distractors: float,
) -> Context:
    """Gold segments and others in the proportion that the share `distractors` says, together at
    most `words` words: the others are those that the locator takes for the best. With 0 there are
    no others. At least one gold segment is there, even where it is longer than `words`."""
    inside = [s for s in segments if s.id in gold and render(s)]
    if not inside:
        return located(segments, query, words, index, gold)
    room = max(1, round(words * (1 - distractors)))
    kept = locate(inside, query, room, count_words)
    if not kept.segments:  # passages are about 60 words long: no whole one fits
        kept = _start(inside, room)
    # By the words that are said, as `Context.distractors` counts: the share is never exceeded.
    said = sum(count_words(s.text) for s in kept.segments)
    share = int(said * distractors / (1 - distractors))
    others = _others(index, query, gold, share, words - kept.tokens)
    place = {segment.id: number for number, segment in enumerate(segments)}
    chosen = [*zip(kept.segments, kept.scores, strict=True), *others]
    chosen.sort(key=lambda pair: (place[pair[0].id], pair[0].at.span))
    return Context(tuple(s for s, _ in chosen), tuple(score for _, score in chosen), gold)


def _others(
    index: Index, query: str, gold: frozenset[str], words: int, room: int
) -> Iterator[tuple[Segment, float]]:
    """Pieces that are not gold, with their passages' scores, of the best passages first: at most
    `words` words of speech, and `room` words with the speakers' names."""
    scores = index.rank(query)
    for run in np.argsort(-scores, kind="stable"):
        first, last = index.passages.runs[run]
        for piece in index.passages.pieces[first:last]:
            said, cost = count_words(piece.text), count_words(render(piece)) + 1
            if piece.id not in gold and 1 < cost <= room and said <= words:
                words, room = words - said, room - cost
                yield piece, float(scores[run])
        if min(words, room) < _LEAST:
            return


def _start(segments: Sequence[Segment], words: int) -> Located:
    used, kept = 0, list[Segment]()
    for segment in segments:
        cost = count_words(render(segment)) + 1
        if kept and used + cost > words:
            break
        kept.append(segment)
        used += cost
    return Located(tuple(kept), (0.0,) * len(kept), used, ())


def _context(found: Located, gold: frozenset[str] | None) -> Context:
    return Context(found.segments, found.scores, gold)


class _Ordered(Index):
    """An index whose passages rank as given."""

    def __init__(self, index: Index, order: NDArray[np.float32]) -> None:
        self.__dict__.update(index.__dict__)
        self._order = order

    def rank(self, query: str) -> NDArray[np.float32]:
        return self._order


def _favouring(
    index: Index, query: str, gold: frozenset[str], words: int, distractors: float, clue: str
) -> NDArray[np.float32]:
    """Scores of passages: gold ones up to their share of the allowance first, the others of them
    last."""
    scores = index.rank(query)
    places = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")
    order = -places.astype(np.float32)
    left = (1 - distractors) * words
    is_gold = _gold_runs(index.passages, gold)
    for run in np.argsort(-(index.rank(clue) if clue else scores), kind="stable"):
        first, last = index.passages.runs[run]
        length = sum(index.passages.lengths[first:last])
        if is_gold[run] and length <= left:
            left -= length
            order[run] += len(places)
        elif is_gold[run]:
            order[run] -= len(places)
    return order


def _gold_runs(passages: Passages, gold: frozenset[str]) -> NDArray[np.bool_]:
    """Which passages have more than half of their words in gold segments."""
    found = []
    for first, last in passages.runs:
        lengths = passages.lengths[first:last]
        inside = sum(
            n
            for piece, n in zip(passages.pieces[first:last], lengths, strict=True)
            if piece.id in gold
        )
        found.append(2 * inside > sum(lengths))
    return np.array(found, dtype=bool)
