"""Prose as paragraphs: what blank lines, headings, list items and early line ends set apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gistill.ingest.lines import Line
from gistill.ingest.reading import Entry, trimmed

_RULE = re.compile(r"\s*([-=*_#])(?:\s*\1){2,}\s*")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
_ITEM = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])\s+\S")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_WORD = re.compile(r"\S{1,24}")
_SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'”’)\]*_]*\s*$")


def paragraphs(text: str, lines: Sequence[Line]) -> Iterator[Entry]:
    """One entry a paragraph, heading, list item or fenced piece of code; rules are left out."""
    block: list[Line] = []
    fence = ""
    for line in lines:
        marker = _FENCE.match(text, line.start, line.end)
        if fence:  # code is one paragraph, blank lines and all
            block.append(line)
            if marker and marker[1] == fence:
                yield from _entry(text, block[0].start, line.end)
                block, fence = [], ""
            continue
        if line.opens or marker:
            yield from _parts(text, block)
            block = []
        fence = marker[1] if marker else ""
        block.append(line)
    yield from _parts(text, block)


def heading(text: str, lines: Sequence[Line]) -> str:
    """The first Markdown heading, if one stands in the first lines."""
    for line in lines[:20]:
        if match := _HEADING.match(text, line.start, line.end):
            return text[match.end() : line.end].strip(" #")
    return ""


def _parts(text: str, block: Sequence[Line]) -> Iterator[Entry]:
    """The paragraphs of a run of lines that no blank line parts."""
    width = max((line.end - line.start for line in block), default=0)
    first = 0
    for i, line in enumerate(block):
        if i + 1 == len(block) or _parted(text, line, block[i + 1], width):
            yield from _entry(text, block[first].start, line.end)
            first = i + 1


def _entry(text: str, start: int, end: int) -> Iterator[Entry]:
    if match := _HEADING.match(text, start, end):
        start = match.end()
    start, end = trimmed(text, start, end)
    if start < end and not _RULE.fullmatch(text, start, end):
        yield Entry(text[start:end], (start, end))


def _parted(text: str, above: Line, below: Line, width: int) -> bool:
    """Whether a new paragraph begins at `below` although no blank line says so."""
    if _ITEM.match(text, below.start, below.end):
        return True
    for line in (above, below):
        if _HEADING.match(text, line.start, line.end):
            return True
        if line.end - line.start < 200 and _RULE.fullmatch(text, line.start, line.end):
            return True
    # A wrapped line is full: one that ends a sentence where the next word had room was broken
    # on purpose.
    room = width - (above.end - above.start)
    word = _WORD.search(text, below.start, below.end)
    if word and room <= len(word[0]):
        return False
    return bool(_SENTENCE_END.search(text, max(above.start, above.end - 8), above.end))
