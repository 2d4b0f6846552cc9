"""Who, a sentence says, said something, and who did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import dropwhile, takewhile

import numpy as np
import numpy.typing as npt

from gistill.retrieval.question import Speakers
from gistill.retrieval.terms import terms, words
from gistill.types import Segment

# Set on QMSum's reference answers, and the same with another name put in (dev/LOG.md).
_CLEAR = 0.4  # of a sentence, by weight of its words: what somebody's one line must hold to tell
_OWN = 0.5  # of what that line holds: what a line of the person named must
_RIVAL = 0.8  # of what that line holds: what makes another speaker as likely
# Of what people do, and of what they agree to, others speak: "You bring the pump?" "Fine."
_SAYING = re.compile(
    r"(?:add|argu|ask|believ|claim|comment|complain|consider|describ|emphasi[sz]|explain|express|"
    r"feel|felt|introduc|indicat|insist|mention|not(?:e[ds]?|ing)\b|observ|point(?:ed|s)?\b|present|"
    r"propos|question|rais|recommend|remark|remind|repl(?:y|ie)|report|said|say|stat(?:e[ds]?|ing)\b|"
    r"stress|suggest|suppos|talk|tell|think|thought|told|warn|wonder)"
)
_SOON = 3  # words after the name within which it stands


class People:
    """The speakers of `segments`, to be found in sentences about what they said."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._speakers = Speakers.of(segments)
        self._lines: dict[str, list[int]] = {}
        for index, segment in enumerate(segments):
            self._lines.setdefault((segment.speaker or "").lower(), []).append(index)

    def begin(self, sentence: str) -> frozenset[str]:
        """The speakers whom `sentence` names, in lower case, if it begins with one of them who, it
        says, said something; English alone."""
        opening = _opening(sentence)
        after = sentence.split()[len(opening.split()) :][:_SOON]
        if not self._speakers.named(opening) or not any(map(_SAYING.match, after)):
            return frozenset()
        return self._speakers.named(sentence)

    def lines(self, named: frozenset[str]) -> list[int]:
        """Where these speak."""
        return [index for name in named for index in self._lines[name]]

    def miss(self, named: frozenset[str], shares: npt.NDArray[np.float64]) -> bool:
        """Whether another said what a sentence says of `named`, and without speaking of them.

        shares: of the sentence without their names, what each line holds, 0 to 1.
        """
        best = int(shares.argmax())
        own = float(shares[self.lines(named)].max())
        if shares[best] < _CLEAR or own >= _OWN * shares[best]:
            return False
        return named.isdisjoint(self._speakers.named(self._segments[best].text))

    def speaker(self, shares: npt.NDArray[np.float64]) -> str | None:
        """Who said a sentence, if a line of theirs holds clearly more of it than any of others."""
        best = int(shares.argmax())
        name = self._segments[best].speaker
        others = [i for i, segment in enumerate(self._segments) if segment.speaker != name]
        if others and float(shares[others].max()) >= _RIVAL * shares[best]:
            return None
        return name


def without(weight: Mapping[str, float], named: frozenset[str]) -> dict[str, float]:
    """`weight` of the terms of a sentence, but for those of the names."""
    names = {term for name in named for term in terms(name)}
    return {term: value for term, value in weight.items() if term not in names}


def as_written(sentence: str, named: frozenset[str]) -> str:
    """How `sentence` writes the first of these names, one that it begins with: whole, or a part;
    empty where that cannot be told."""
    opening = _opening(sentence)
    for name in sorted(named, key=len, reverse=True):
        match = re.search(rf"\b{re.escape(name)}", sentence, re.IGNORECASE)
        if match and match.start() < len(opening):
            return match[0]
    parts = {word for name in named for word in words(name)}
    other = dropwhile(lambda word: not parts.issuperset(words(word)), opening.split())
    return " ".join(takewhile(lambda word: parts.issuperset(words(word)), other)).rstrip(",:")


def _opening(sentence: str) -> str:
    """The words before the first in lower case."""
    return " ".join(takewhile(lambda word: not word[0].islower(), sentence.split()))
