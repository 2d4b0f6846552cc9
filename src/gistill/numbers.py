"""Numbers in a text, in digits or in English words, as cardinals or ordinals."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from text_to_num import find_numbers

_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]|\s+")
# Smaller ones in words count or name things more often than they state a figure: "one of the
# three", "the second half".
_STATED = 10


@dataclass(frozen=True, slots=True)
class _Word:
    """A token as the library wants it."""

    word: str

    def text(self) -> str:
        return self.word.encode("utf-8", "replace").decode()  # lone surrogates stop the library

    def nt_separated(self, _: _Word) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def numbers(text: str) -> set[str]:
    """The numbers of `text` in digits: "20" for "20th", "twenty" and "twentieth".

    Parts of "3.99" are among them, and of numbers said one after the other what they may be
    together: a price, a time or a year.
    """
    found = {_plain(m[0]) for m in _DIGITS.finditer(text)}
    said = _spelled(text, least=0)
    found.update(digits for _, _, digits in said)
    for (_, end, a), (start, _, b) in itertools.pairwise(said):
        if not text[end:start].strip():
            found.update((a + b, f"{a}.{b}", f"{a}:{b}"))
    return found | {part for number in found for part in re.split("[.,:]", number)}


def unsaid(text: str, said: str) -> list[str]:
    """The numbers of `text`, as written there, that `said` holds in no form, in order."""
    known = numbers(said)
    found = [(m.start(), m[0]) for m in _DIGITS.finditer(text) if _plain(m[0]) not in known]
    for start, end, digits in _spelled(text, least=_STATED):
        if digits not in known:
            found.append((start, text[start:end]))
    return [written for _, written in sorted(found)]


def _plain(digits: str) -> str:
    return _THOUSANDS.sub("", digits)


def _spelled(text: str, *, least: float) -> list[tuple[int, int, str]]:
    """(start, end, digits) of the numbers in words that are not below `least`."""
    tokens = list(_TOKEN.finditer(text))
    found = []
    for seen in find_numbers([_Word(m[0]) for m in tokens], "en", least):
        start, end = tokens[seen.start].start(), tokens[seen.end - 1].end()
        if not text[start:end].isnumeric() and (digits := _DIGITS.match(seen.text)):
            found.append((start, end, digits[0]))
    return found
