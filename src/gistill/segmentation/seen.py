"""What was seen keeps to its share of a chunk, so that it does not crowd out what was said.

Text of images, captions and frames stand in the thread where they were shown. A deck on the screen
or a chat full of screenshots can hold several times the words of the talk around it; beyond its
share of a chunk it is left out, and what was left out is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from gistill.segmentation.chunk import Atom, Count, cost, cut
from gistill.types import Kind, Segment

SEEN: frozenset[Kind] = frozenset(("image_text", "caption", "frame"))
_ALBUM = 0.5  # of a chunk: pictures in a row that fill this much are a matter of their own


class Admitted(NamedTuple):
    """The segments to read, in order, and what is left out: whole segments, and pieces of such as
    are read in part."""

    kept: list[Segment]
    left: list[Atom]


def admit(
    segments: Sequence[Segment], costs: Mapping[str, int], count: Count, *, room: int, share: float
) -> Admitted:
    """`segments` such that in any `room` tokens in a row at most `share` were seen.

    `costs` are tokens by id. Where all fits into `room` nothing is left out, and neither where
    pictures alone fill half of it in a row, with no word between them: nobody speaks there whom
    they could crowd out. With a share of 0 nothing seen is read. The result depends on what came
    before only: like chunks, it stays when the thread grows.
    """
    if not any(segment.kind in SEEN for segment in segments):
        return Admitted(list(segments), [])
    if share > 0 and sum(costs[segment.id] for segment in segments) <= room:
        return Admitted(list(segments), [])
    found = Admitted([], [])
    window = _Window(room)
    most = int(share * room)
    for is_seen, run in groupby(segments, key=lambda segment: segment.kind in SEEN):
        group = list(run)
        album = share > 0 and sum(costs[s.id] for s in group) >= _ALBUM * room
        for segment in group:
            tokens = costs[segment.id]
            if not is_seen or album:
                found.kept.append(segment)
                window.add(tokens, 0)
                continue
            free = most - window.seen_with(tokens)
            if tokens <= free:
                found.kept.append(segment)
            else:
                tokens = _in_part(segment, count, free, most, found)
            window.add(tokens, tokens)
    return found


class _Window:
    """The latest tokens kept, and how many of them were seen."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[tuple[int, int]] = deque()
        self._tokens = self._seen = 0

    def add(self, tokens: int, seen: int) -> None:
        self._items.append((tokens, seen))
        self._tokens += tokens
        self._seen += seen

    def seen_with(self, tokens: int) -> int:
        """What was seen among those that may stand in one chunk with `tokens` more."""
        while self._items and self._tokens + tokens - self._items[0][0] >= self._room:
            gone, seen = self._items.popleft()
            self._tokens -= gone
            self._seen -= seen
        return self._seen


def _in_part(segment: Segment, count: Count, free: int, most: int, found: Admitted) -> int:
    """Keeps the start of a long picture where half of the share is free; returns its tokens."""
    pieces = list(cut(segment, count, free)) if free > most // 2 else []
    if len(pieces) > 1 and pieces[0].tokens <= free:
        found.kept.append(pieces[0].segment)
        found.left.extend(pieces[1:])
        return pieces[0].tokens
    found.left.append(Atom(segment, cost(segment, count)))
    return 0
