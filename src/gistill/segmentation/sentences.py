"""Where sentences end, in prose, in speech transcripts and in scripts without spaces."""

from __future__ import annotations

import itertools
import re

# What may close a sentence, and what may follow it (quotes, brackets) while still closing it.
_STOPS = ".!?…。！？｡؟۔।॥"
_CLOSERS = "\"'”’»)]}」』】）›*_`"
_ENDED = re.compile(f"[{re.escape(_STOPS)}][{re.escape(_CLOSERS)}]*$")
# nupunkt knows Western abbreviations; scripts without spaces after the stop are cut here.
_WIDE_STOP = re.compile(f"(?<=[。！？｡])[{re.escape(_CLOSERS)}]*(?=[^\\s{re.escape(_CLOSERS)}])")
_LINE = re.compile(r"[^\n]+")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
# nupunkt's cost grows with the length of one call; longer stretches are cut at white space first.
_STRETCH = 20_000


def spans(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of `text`, in order, without the white space around them.

    A line break ends a sentence. Text without any stop is one sentence a line.
    """
    found: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        for start, end in _stretches(text, line.start(), line.end()):
            found.extend(_split(text, start, end))
    return found


def split(text: str) -> list[str]:
    """The sentences of `text`, bullets and numbering removed."""
    return [_BULLET.sub("", text[start:end]) for start, end in spans(text)]


def ended(text: str) -> bool:
    """Whether `text` stops at the end of a sentence."""
    return bool(_ENDED.search(text.rstrip()))


def whole(text: str) -> str:
    """`text` up to the end of its last whole sentence; empty when it holds none."""
    kept = [(start, end) for start, end in spans(text) if ended(text[start:end])]
    return text[: kept[-1][1]].strip() if kept else ""


def _stretches(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = []
    while end - start > _STRETCH:
        cut = max(text.rfind(" ", start + 1, start + _STRETCH), start)
        cut = cut if cut > start else start + _STRETCH
        cuts.append((start, cut))
        start = cut
    cuts.append((start, end))
    return cuts


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from nupunkt import sent_spans

    found: list[tuple[int, int]] = []
    piece = text[start:end]
    if not piece.strip():
        return found
    for first, last in sent_spans(piece):
        marks = [first, *(m.end() for m in _WIDE_STOP.finditer(piece, first, last)), last]
        for a, b in itertools.pairwise(marks):
            part = piece[a:b]
            lead = len(part) - len(part.lstrip())
            if stripped := part.strip():
                found.append((start + a + lead, start + a + lead + len(stripped)))
    return found
