"""What a question asks for: by whom, about what, and within which discussion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from gistill.retrieval.terms import is_stop, words
from gistill.types import Segment

_ASIDE = re.compile(r"\([^()]*\)?")  # of a label: an office, a constituency
_SHARED = 2  # people whom a part of a name may stand for
# "What did Ann think of the case when discussing the budget?": a place, then what it is within.
_WITHIN = re.compile(
    r"\b(?:when|while|during|in)\b(?: \w+){0,3}? (?:consider(?:ing)?|debate|doing|"
    r"discuss(?:ing|ions?)?|introducing|it came to|mentioning|present(?:ing|ation)|"
    r"talk(?:ing|ed)?)\b",
    re.IGNORECASE,
)
# What tells whether an answer is long or a moment, and how it is talked of.
_CUES = tuple(
    re.compile(cue)
    for cue in (
        "summari[sz]e|describe",
        "why",
        "how",
        "present",
        "conclu|deci[ds]",
        "group|team|they",
        "think|thought|opinion",
        "discuss|talk",
        "respon|agree",
    )
)


class Speakers:
    """The speakers of a thread, to be recognized where a question names them.

    names: one a turn, None where nobody is named.
    ordinary: whether the thread itself uses these words in lower case, as no name's.
    """

    def __init__(self, names: Iterable[str | None], ordinary: Callable[[str], bool]) -> None:
        self._ordinary = ordinary
        self._words = {name: words(name) for name in dict.fromkeys(names) if name}
        self._held: dict[str, list[tuple[str, int]]] = {}  # word -> (name, place in it)
        for name, parts in self._words.items():
            for at, word in enumerate(parts):
                self._held.setdefault(word, []).append((name, at))

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> Speakers:
        """Those of `segments`, whose text tells which words are ordinary."""

        def written(text: str) -> bool:
            wanted = re.compile(rf"\b{re.escape(text)}\b")
            return any(wanted.search(segment.text) for segment in segments)

        return cls((segment.speaker for segment in segments), written)

    def named(self, query: str) -> frozenset[str]:
        """Those whom `query` names, lower-cased: by the whole name, or by a part of it that tells
        who is meant.

        `Grad F` is not found in `Grad Fong`, nor `Project Manager` in "the project": a part that
        several people share, or an ordinary word, names nobody.
        """
        asked, found, at = words(query), set[str](), 0
        capitals = {w for token in query.split()[1:] if token[0].isupper() for w in words(token)}
        while at < len(asked):
            length, who = self._longest(asked[at:])
            run = asked[at : at + length]
            whole = {name for name in who if self._words[name] == run}
            if whole or self._tells(run, who, capitals):
                found |= whole or who
            at += max(1, length)
        return frozenset(name.lower() for name in found)

    def _longest(self, asked: Sequence[str]) -> tuple[int, set[str]]:
        """The most of the first words of `asked` that stand together in names, and in whose."""
        best, who = 0, set[str]()
        for name, at in self._held.get(asked[0], ()):
            pairs = zip(asked, self._words[name][at:], strict=False)
            length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if length > best:
                best, who = length, {name}
            elif length == best:
                who.add(name)
        return best, who

    def _tells(self, run: Sequence[str], who: set[str], capitals: set[str]) -> bool:
        if all(is_stop(word) or len(word) < 3 for word in run):
            return False
        people = {tuple(words(_ASIDE.sub(" ", name))) for name in who}
        if len(people) > _SHARED:
            return False
        return capitals.issuperset(run) or not self._ordinary(" ".join(run))


def parts(query: str) -> tuple[str, str]:
    """What is asked about, and the discussion that it is part of; empty where none is named."""
    match = _WITHIN.search(query)
    return (query[: match.start()], query[match.end() :]) if match else (query, "")


def cues(query: str) -> list[float]:
    """For each sort of word whether `query` has it: a summary, why, how, a presentation, ..."""
    text = query.lower()
    return [float(bool(cue.search(text))) for cue in _CUES]
