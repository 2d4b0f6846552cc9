"""Packs segments into chunks: whole, balanced, overlapping, and stable when the thread grows.

Chunks are filled from the start, so that new segments at the end move only the last boundary.
A segment larger than half a chunk is cut at its sentences; every chunk but the last is therefore
at least half full, and a last one that would be smaller shares evenly with the one before it: no
tiny tail gets the same say in the summary as a full chunk.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gistill.errors import BadInput
from gistill.segmentation import sentences
from gistill.segmentation.packing import fill, middle
from gistill.segmentation.render import clean, render
from gistill.types import Chunk, Segment

Count = Callable[[str], int]
# The least a chunk must add: below it, a piece would be little more than its speaker's name.
_LEAST = 32


@dataclass(frozen=True, slots=True)
class Atom:
    """A segment, or a piece of one, and the tokens its line costs."""

    segment: Segment
    tokens: int


def cost(segment: Segment, count: Count) -> int:
    """Tokens of a segment's rendered line with its line break; 0 for one that is only noise."""
    line = render(segment)
    return count(line) + 1 if line else 0


def pack(
    segments: Sequence[Segment], count: Count, *, max_tokens: int, overlap: int = 0
) -> tuple[Chunk, ...]:
    """Chunks of at most `max_tokens`, which repeat up to `overlap` tokens of whole turns.

    `count` gives the tokens of a text. Everything in one chunk where it fits.

    Raises: BadInput if `max_tokens` does not exceed `overlap` by a few sentences' worth.
    """
    room = max_tokens - overlap
    if room < _LEAST:
        raise BadInput(
            f"max_tokens is {max_tokens} and overlap {overlap}; "
            f"max_tokens must be larger by at least {_LEAST}"
        )
    whole = [Atom(segment, cost(segment, count)) for segment in segments]
    if sum(atom.tokens for atom in whole) <= max_tokens:
        runs = [whole] if whole else []
    else:
        atoms = list(_cut_large(whole, count, room // 2))
        runs = [atoms[a:b] for a, b in fill([atom.tokens for atom in atoms], room)]
        if len(runs) > 1:
            runs[-2:] = _share(runs[-2] + runs[-1], count, room)
    chunks = []
    for number, run in enumerate(runs):
        shared = _overlap(runs[number - 1], overlap) if number else []
        content = [*shared, *_joined(run, count)]
        chunks.append(
            Chunk(
                id=f"c{number:04d}",
                segments=tuple(atom.segment for atom in content),
                tokens=sum(atom.tokens for atom in content),
                overlap=len(shared),
            )
        )
    return tuple(chunks)


def cut(segment: Segment, count: Count, limit: int) -> Iterator[Atom]:
    """Pieces of `segment` of at most `limit` tokens: at sentences, else at words, else anywhere."""
    spans = sentences.spans(segment.text) or [(0, len(segment.text))]
    # Gaps between sentences belong to the sentence before, so that no character is lost.
    name = count(f"{segment.speaker}: ") + 1 if segment.speaker else 1
    marks = [0, *(start for start, _ in spans[1:]), len(segment.text)]
    start, used = 0, 0
    for left, right in itertools.pairwise(marks):
        # Sentences are counted once each: their sum is never far below the piece's own count.
        tokens = count(clean(segment.text[left:right]))
        if left > start and used + tokens + name > limit:
            yield from _halved(segment, start, left, count, limit)
            start, used = left, 0
        used += tokens
    yield from _halved(segment, start, len(segment.text), count, limit)


def _halved(segment: Segment, start: int, end: int, count: Count, limit: int) -> Iterator[Atom]:
    tokens = _tokens(segment, start, end, count)
    if tokens <= limit or end - start <= 1:
        yield Atom(piece(segment, start, end), tokens)
        return
    middle = (start + end) // 2
    space = segment.text.rfind(" ", start, middle)
    if space <= start:
        space = segment.text.find(" ", middle, end - 1)
    middle = space + 1 if space > start else middle
    yield from _halved(segment, start, middle, count, limit)
    yield from _halved(segment, middle, end, count, limit)


def _tokens(segment: Segment, start: int, end: int, count: Count) -> int:
    return cost(piece(segment, start, end), count)


def piece(segment: Segment, start: int, end: int) -> Segment:
    """The part of `segment` from character `start` of its text to `end`."""
    offset = segment.at.span[0]
    at = replace(segment.at, span=(offset + start, offset + end))
    return replace(segment, text=segment.text[start:end], at=at)


def _cut_large(atoms: Iterable[Atom], count: Count, limit: int) -> Iterator[Atom]:
    for atom in atoms:
        if atom.tokens <= limit:
            yield atom
        else:
            yield from cut(atom.segment, count, limit)


def _share(atoms: list[Atom], count: Count, room: int) -> list[list[Atom]]:
    """The last two runs, split where their sizes differ least; one run where both fit."""
    total = sum(atom.tokens for atom in atoms)
    if total <= room:
        return [atoms]
    split = middle([atom.tokens for atom in atoms])
    left = sum(atom.tokens for atom in atoms[:split])
    if 2 * min(left, total - left) < room:
        # Whole turns do not balance: cut the larger one of the two that meet there.
        split = max(split - 1, min(split, len(atoms) - 1), key=lambda i: atoms[i].tokens)
        pieces = list(cut(atoms[split].segment, count, max(_LEAST // 2, room // 16)))
        atoms = [*atoms[:split], *pieces, *atoms[split + 1 :]]
        split = middle([atom.tokens for atom in atoms])
    return [atoms[:split], atoms[split:]]


def _overlap(run: list[Atom], limit: int) -> list[Atom]:
    taken: list[Atom] = []
    used = 0
    for atom in reversed(run):
        if used + atom.tokens > limit:
            break
        taken.append(atom)
        used += atom.tokens
    # A chunk repeated whole would be no chunk of its own.
    return taken[::-1] if len(taken) < len(run) else []


def _joined(atoms: Iterable[Atom], count: Count) -> list[Atom]:
    """Pieces of one segment that follow each other as one piece, which names its speaker once."""
    runs: list[list[Atom]] = []
    for atom in atoms:
        if runs and _goes_on(runs[-1][-1].segment, atom.segment):
            runs[-1].append(atom)
        else:
            runs.append([atom])
    joined: list[Atom] = []
    for pieces in runs:
        if len(pieces) > 1:
            first, last = pieces[0].segment, pieces[-1].segment
            at = replace(first.at, span=(first.at.span[0], last.at.span[1]))
            whole = replace(first, text="".join(p.segment.text for p in pieces), at=at)
            pieces = [Atom(whole, cost(whole, count))]
        joined += pieces
    return joined


def _goes_on(first: Segment, second: Segment) -> bool:
    return first.id == second.id and first.at.span[1] == second.at.span[0]
