"""The lines of a text that are not blank, with what stands before them and how they open."""

from __future__ import annotations

import re
from typing import NamedTuple

from gistill.ingest import turns

_LINE = re.compile(r"[^\r\n]+")


class Line(NamedTuple):
    """Characters `start` to `end` of the text; `opens` if no other line stands right above.

    `mark` says how it could open a turn, if that was asked for.
    """

    start: int
    end: int
    opens: bool
    mark: turns.Mark | None = None


def lines(text: str, marked: bool = True) -> list[Line]:
    """The lines of `text`, ended by any of \\n, \\r\\n and \\r; white space alone is blank."""
    found = []
    last = 0
    opens = True
    for match in _LINE.finditer(text):
        start, end = match.span()
        gap = text[last:start]
        opens = opens or max(gap.count("\n"), gap.count("\r")) > 1
        last = end
        if match[0].isspace():
            opens = True
        else:
            mark = turns.mark(text, start, end) if marked else None
            found.append(Line(start, end, opens, mark))
            opens = False
    return found
