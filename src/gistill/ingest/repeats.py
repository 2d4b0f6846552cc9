"""Messages that quote what they answer: further places of the same words, not new facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_LONG = 40  # characters from which words in a quote are no accident
_BACK = 20  # messages that a quote may reach back


class Said(NamedTuple):
    """An entry: its words, the key of its message, and of the one this answers, if any."""

    text: str
    key: str
    reply_to: str | None


def quoted(said: Sequence[Said], quotes: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Which of `said` is held by which of `quotes`, as indices.

    A quote is the key of the message that quotes, and the words. Only messages that it answers,
    and those that these answer, are looked at. Letter case, white space and the marks of quoting
    do not count.
    """
    by_key: dict[str, list[int]] = {}
    for n, one in enumerate(said):
        by_key.setdefault(one.key, []).append(n)
    for q, (key, words) in enumerate(quotes):
        held = plain(words)
        for n in _before(said, by_key, key):
            text = plain(said[n].text)
            if len(text) >= _LONG and text in held:
                yield n, q


def plain(text: str) -> str:
    """`text` without the marks of quoting, letter case, and more white space than one."""
    lines = (line.lstrip("> \t") for line in text.split("\n"))
    return " ".join(" ".join(lines).casefold().split())


def _before(said: Sequence[Said], by_key: Mapping[str, list[int]], key: str) -> Iterator[int]:
    """What the message with this key answers, directly or not, latest first."""
    seen = {key}
    for _ in range(_BACK):
        parents = (said[n].reply_to for n in by_key.get(key, ()))
        parent = next((one for one in parents if one), None)
        if parent is None or parent in seen:
            return
        seen.add(parent)
        key = parent
        yield from by_key.get(key, ())
