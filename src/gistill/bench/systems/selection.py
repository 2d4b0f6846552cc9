"""What the systems that select text have in common: sentences with their turns, cut to length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gistill.bench.systems import Output
from gistill.distill.qmsum import Meeting
from gistill.segmentation import sentences
from gistill.segmentation.render import clean

WORDS = 100  # of a selection, unless asked otherwise


@dataclass(frozen=True, slots=True)
class Piece:
    """A turn, or a sentence of one: its place in the meeting, whose turn, the cleaned text."""

    place: int
    segment: str
    text: str

    @property
    def words(self) -> int:
        return len(self.text.split())


def turns(meeting: Meeting) -> list[Piece]:
    """The turns that say something, without speakers, in order."""
    texts = ((segment.id, clean(segment.text)) for segment in meeting.segments)
    return [Piece(i, id, text) for i, (id, text) in enumerate(texts) if text]


def sentences_of(meeting: Meeting) -> list[Piece]:
    """The sentences of every turn, in order."""
    found = [(turn.segment, s) for turn in turns(meeting) for s in sentences.split(turn.text)]
    return [Piece(i, id, text) for i, (id, text) in enumerate(found)]


def first_words(ranked: Iterable[Piece], limit: int) -> Output:
    """Pieces from the best on, the last one cut, `limit` words in all; then in meeting order."""
    chosen: list[Piece] = []
    left = limit
    for piece in ranked:
        if left <= 0:
            break
        words = piece.text.split()[:left]
        chosen.append(Piece(piece.place, piece.segment, " ".join(words)))
        left -= len(words)
    return joined(chosen)


def joined(chosen: Sequence[Piece]) -> Output:
    """The pieces in meeting order, one a line, each cited to its turn."""
    ordered = sorted(chosen, key=lambda piece: piece.place)
    return Output(
        summary="\n".join(piece.text for piece in ordered),
        cites=tuple(dict.fromkeys(piece.segment for piece in ordered)),
    )
