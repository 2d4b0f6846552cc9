"""What was seen keeps to its share, so that it does not crowd out what was said.

Text of images, captions and frames stand in the thread where they were shown. A deck on the screen
or a chat full of screenshots can hold several times the words of the talk around it, and much of
them twice. What was told before is left out, and so is what goes beyond the share, and both are
counted as unread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from gistill.segmentation import sentences
from gistill.segmentation.chunk import Atom, Count, cost, cut, piece
from gistill.types import Kind, Segment

SEEN: frozenset[Kind] = frozenset(("image_text", "caption", "frame"))
_STEADY = 1 / 3  # of the share: what may be seen in the long run for each token that is said
_ALBUM = 0.5  # of a chunk: pictures in a row that fill this much are a matter of their own
_RUN = 3  # words in a row that are compared
_TOLD = 0.7  # of a sentence's runs of words, from which on it says nothing new
_WORD = re.compile(r"\w+")

Runs = frozenset[tuple[str, ...]]


class Admitted(NamedTuple):
    """The segments to read, in order, and what is left out: whole segments and pieces of them, for
    want of room and because they were told before."""

    kept: list[Segment]
    left: list[Atom]
    told: list[Atom]


def admit(
    segments: Sequence[Segment], costs: Mapping[str, int], count: Count, *, room: int, share: float
) -> Admitted:
    """`segments` such that in any `room` tokens in a row at most `share` were seen, and over a
    long thread a third of that.

    What may be seen is earned by what is said, and saved up (a token bucket). `costs` are tokens
    by id. Where all fits into `room` nothing is left out. Pictures that alone fill half of it in a
    row, with no word between them, are bounded by nothing: nobody speaks there whom they could
    crowd out; and none are with a share of 1. With a share of 0 nothing seen is read. The result
    depends on what came before only: like chunks, it stays when the thread grows.
    """
    if not any(segment.kind in SEEN for segment in segments):
        return Admitted(list(segments), [], [])
    if share > 0 and sum(costs[segment.id] for segment in segments) <= room:
        return Admitted(list(segments), [], [])
    new, told = _new(segments, count)
    found = Admitted([], [], told)
    rate = share * _STEADY
    # With this much saved, and what is earned beside it, a chunk cannot hold more than the share.
    saved = most = (share - rate) * room
    for is_seen, run in groupby(new, key=lambda segment: segment.kind in SEEN):
        # Of what was seen there may be parts alone.
        atoms = [Atom(s, cost(s, count) if is_seen else costs[s.id]) for s in run]
        tokens = sum(atom.tokens for atom in atoms)
        if not is_seen or share == 1 or (share > 0 and tokens >= _ALBUM * room):
            found.kept.extend(atom.segment for atom in atoms)
            saved = min(most, saved + rate * tokens)
            continue
        for atom in atoms:
            if atom.tokens <= saved:
                found.kept.append(atom.segment)
                saved -= atom.tokens
            else:
                saved -= _in_part(atom, count, int(saved), most, found)
    return found


def _in_part(atom: Atom, count: Count, free: int, most: float, found: Admitted) -> int:
    """Keeps the start of a long picture where half of what may be saved is free; its tokens."""
    pieces = list(cut(atom.segment, count, free)) if free > most / 2 else []
    if len(pieces) > 1 and pieces[0].tokens <= free:
        found.kept.append(pieces[0].segment)
        found.left.extend(pieces[1:])
        return pieces[0].tokens
    found.left.append(atom)
    return 0


def _new(segments: Sequence[Segment], count: Count) -> tuple[list[Segment], list[Atom]]:
    """`segments` without the sentences of pictures that were told before, and these.

    A sentence was told if most of its runs of words occurred: containment of shingles, Broder 1997,
    "On the resemblance and containment of documents".
    """
    shown = {s.id: list(_sentences(s.text)) for s in segments if s.kind in SEEN}
    wanted = frozenset[tuple[str, ...]]().union(*(r for found in shown.values() for *_, r in found))
    told: set[tuple[str, ...]] = set()
    kept: list[Segment] = []
    left: list[Atom] = []
    for segment in segments:
        if segment.kind not in SEEN:
            kept.append(segment)
            told |= wanted & _runs(segment.text)
            continue
        marked: list[tuple[bool, int, int]] = []
        for start, end, runs in shown[segment.id]:
            # Too short to be compared, it goes with the sentence before.
            again = (
                len(runs & told) >= _TOLD * len(runs) if runs else bool(marked and marked[-1][0])
            )
            marked.append((again, start, end))
            told |= runs
        for again, same in groupby(marked, key=lambda one: one[0]):
            stretch = list(same)
            start, end = stretch[0][1], stretch[-1][2]
            part = segment if end - start == len(segment.text) else piece(segment, start, end)
            if again:
                left.append(Atom(part, cost(part, count)))
            else:
                kept.append(part)
    return kept, left


def _sentences(text: str) -> list[tuple[int, int, Runs]]:
    """Start, end and runs of words of each sentence; the gap behind one belongs to it."""
    marks = [0, *(start for start, _ in sentences.spans(text)[1:]), len(text)]
    return [(a, b, _runs(text[a:b])) for a, b in pairwise(marks)]


def _runs(text: str) -> Runs:
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[n : n + _RUN]) for n in range(len(words) - _RUN + 1))
