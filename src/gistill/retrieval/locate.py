"""Which part of a thread to read for a query, within an allowance of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gistill.retrieval.network import Scores
from gistill.retrieval.rank import Index, Passages
from gistill.segmentation.render import render
from gistill.types import Segment

_MISSES = 16  # passages that did not fit after which the allowance counts as used up


@dataclass(frozen=True, slots=True)
class Located:
    """What was kept of a thread.

    segments: in thread order; of a segment of over 400 words perhaps only some sentences, as
        pieces that share its id and split its locator's span.
    scores: one a segment, its passage's; comparable within one query only.
    tokens: of the rendered segments, line ends counted as one each.
    left_out: ids of the segments of which nothing was kept.
    """

    segments: tuple[Segment, ...]
    scores: tuple[float, ...]
    tokens: int
    left_out: tuple[str, ...]


def locate(
    segments: Sequence[Segment],
    query: str,
    tokens: int,
    count: Callable[[str], int],
    index: Index | None = None,
) -> Located:
    """Keeps the passages that fit `query` best until `tokens` are used up, the one whose own words
    fit best before all.

    A query for the whole ("Summarize the meeting", "What were the main points?") matches no
    words: its passages are spread evenly, the most typical one of each stretch. `count` is the
    engine's; only text that is a candidate is counted. An `index` of the same segments saves
    building it anew for each query.
    """
    index = index or Index(segments)
    if index.asks_for_whole(query):
        scores = index.typical()
        order = _spread(scores, _stretches(index.passages, tokens, count))
    else:
        scores = index.rank(query)
        order = [int(run) for run in np.argsort(-scores, kind="stable")]
        # The network looks for minutes of talk; a fact said once may be in their one passage.
        if (closest := index.closest(query)) is not None:
            order.remove(closest)
            order.insert(0, closest)
    kept: dict[int, int] = {}  # piece -> run
    used = misses = 0
    for run in order:
        cost = _cost(index.passages, run, count)
        if used + cost > tokens:
            misses += 1
            if misses == _MISSES:
                break
            continue
        used += cost
        kept.update(dict.fromkeys(range(*index.passages.runs[run]), run))
    found = _joined(index.passages, kept)
    ids = {segment.id for segment, _ in found}
    return Located(
        segments=tuple(segment for segment, _ in found),
        scores=tuple(float(scores[run]) for _, run in found),
        tokens=used,
        left_out=tuple(dict.fromkeys(s.id for s in segments if s.id not in ids)),
    )


def _cost(passages: Passages, run: int, count: Callable[[str], int]) -> int:
    first, last = passages.runs[run]
    lines = (render(piece) for piece in passages.pieces[first:last])
    return sum(count(line) + 1 for line in lines if line)


def _stretches(passages: Passages, tokens: int, count: Callable[[str], int]) -> int:
    """Into how many stretches to cut the thread so that one passage of each fits."""
    runs = len(passages.runs)
    sample = range(0, runs, max(1, runs // 16))
    mean = sum(_cost(passages, run, count) for run in sample) / max(1, len(sample))
    return max(1, min(runs, int(0.9 * tokens / max(mean, 1.0))))


def _spread(scores: Scores, stretches: int) -> list[int]:
    """The best passage of every stretch, then the second best of every one, and so on."""
    edges = np.linspace(0, len(scores), stretches + 1).round().astype(int)
    ranked = [
        (place, run)
        for a, b in pairwise(edges)
        for place, run in enumerate(int(a + i) for i in np.argsort(-scores[a:b], kind="stable"))
    ]
    return [run for _, run in sorted(ranked)]


def _joined(passages: Passages, kept: dict[int, int]) -> list[tuple[Segment, int]]:
    """The kept pieces in thread order, neighbours of one segment joined again."""
    found: list[tuple[Segment, int]] = []
    last = -2
    for at in sorted(kept):
        piece = passages.pieces[at]
        if found and last == at - 1 and found[-1][0].id == piece.id:
            before, run = found[-1]
            span = (before.at.span[0], piece.at.span[1])
            whole = replace(before, text=before.text + piece.text, at=replace(piece.at, span=span))
            found[-1] = (whole, run)
        else:
            found.append((piece, kept[at]))
        last = at
    return found
