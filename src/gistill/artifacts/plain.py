"""Text made safe to show: what was said stays, what would steer a terminal or a page goes.

A transcript may hold escape sequences, unpaired surrogates or direction overrides; a terminal
obeys the first, no file can encode the second, and the third make a line read as another one.
"""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK = re.compile(r"\s+")
_WORD = re.compile(r"\S+")


def visible(text: str) -> str:
    """`text` with its line breaks as "\\n" and every unsafe character as U+FFFD."""
    return _UNSAFE.sub("\ufffd", _LINE_END.sub("\n", text))


def line(text: str) -> str:
    """`visible` text on one line."""
    return _BLANK.sub(" ", visible(text)).strip()


def cells(text: str) -> int:
    """Terminal columns that `text` takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def shorten(text: str, width: int) -> str:
    """The first words of `text` that fit `width` columns, with an ellipsis if any are left out.

    A word too long for the line (text without spaces) is cut between characters.
    """
    # A character takes a column or none, and combining ones are few: far more need not be measured.
    if len(text) <= 4 * width and cells(text) <= width:
        return text
    end = used = 0
    while end < len(text) and used + _cell(text[end]) < width:
        used += _cell(text[end])
        end += 1
    head = text[:end]
    word_start = head.rfind(" ")
    if text[end : end + 1] != " " and word_start > end // 2:
        head = head[:word_start]
    return head.rstrip(" ,;:.") + "…"


def wrap(text: str, width: int | None) -> str:
    """`text` in lines of at most `width` columns; None leaves it on one line.

    Lines break at spaces, and before or after a wide character, since the scripts that use them
    have no spaces. A longer word stays whole, so that an address can still be copied.
    """
    if width is None:
        return text
    lines: list[str] = []
    current, used = "", 0
    for word in _WORD.findall(text):
        for n, piece in enumerate(_pieces(word)):
            blank = " " if n == 0 and current else ""
            size = cells(piece)
            if current and used + len(blank) + size > width:
                lines.append(current)
                current, used, blank = "", 0, ""
            current += blank + piece
            used += len(blank) + size
    return "\n".join([*lines, current])


def _pieces(word: str) -> list[str]:
    """`word` cut where a line may break; closing marks stay with what they follow."""
    if word.isascii():
        return [word]
    pieces: list[str] = []
    for char in word:
        wide = unicodedata.east_asian_width(char) in "WF"
        joins = unicodedata.category(char) in ("Pe", "Pf", "Po", "Mn", "Me", "Lm", "Sk", "Cf")
        after_wide = bool(pieces) and unicodedata.east_asian_width(pieces[-1][-1]) in "WF"
        if not pieces or (not joins and (wide or after_wide)):
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
