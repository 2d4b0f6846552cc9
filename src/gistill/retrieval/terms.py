"""Words that a query is matched by: lower-cased, stemmed, without those that carry no topic."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’](?!s\b)[^\W_]+)?")  # a possessive's s is a word of its own
# Scripts written without spaces are matched by pairs of characters.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]{2,}")
_STOP = frozenset(
    """a about all also am an and any are as at be been being but by can could did do does doing
    done for from had has have having he her here hers him his how i if in into is it its just
    may me might mine more most must my no nor not of on only or other our ours over own same
    shall she should so some such s than that the their theirs them then there these they this
    those to too us very was we were what when where which who whom whose why will with would
    yes you your yours""".split()
)
# What questions about a conversation are phrased with, whatever they ask for.
_FRAME = frozenset(
    """accord according agenda attitude chat concern concerning conclude concluded content contents
    conversation describe described discuss discussed discusses discussing discussion
    discussions during everything explain explained focus general gist give group happen
    happened highlight highlights important key list main mean meant meeting meetings mention
    mentioned opinion opinions outline overall overview participant participants people person
    point points recap regard regarding said say saying sum summaries summarise summarised
    summarize summarized summary talk talked talking team tell thing things think thinking
    thought thoughts thread topic topics toward towards view views whole""".split()
)
_ENDINGS = "ations ation ings ing ies ied ers er ed es s ly e y".split()


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """`word` without its first fitting English ending; crude, and the same on both sides."""
    for ending in _ENDINGS:
        if len(word) > 3 and word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def words(text: str) -> list[str]:
    """The words of `text`, lower-cased; runs of unspaced script as overlapping pairs."""
    found: list[str] = []
    for match in _WORD.finditer(text.lower()):
        run = match[0]
        if _UNSPACED.fullmatch(run):
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            found.append(run)
    return found


def is_stop(word: str) -> bool:
    """Whether this lower-cased word carries no topic."""
    return word in _STOP


def terms(text: str) -> list[str]:
    """Stems of the words of `text` that are no stop words, in order, repeats kept."""
    return [stem(word) for word in words(text) if word not in _STOP]


def topic(query: str) -> str:
    """The words of `query` that name what it is about; empty if it asks for the whole."""
    return " ".join(w for w in words(query) if w not in _STOP and w not in _FRAME)
