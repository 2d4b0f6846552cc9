"""Which segments a sentence rests on, how well, and what in it rests on nothing.

Citations do not depend on the model: each sentence is aligned with the segments it can have come
from, by shared words (weighted by how rare they are there) and by sentence embeddings. The support
score is the mean of the two: the weighted share of the sentence's words that its cited segments
hold, and the best cosine between them, less for every name or number that none of them holds. A
sentence that tells what one speaker said, where others did, cites those (`attribution.py`).
`dev/LOG.md` says how the threshold was set.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gistill.attribution import People, as_written, without
from gistill.numbers import unsaid
from gistill.retrieval.embed import embed
from gistill.retrieval.terms import terms
from gistill.segmentation.render import render
from gistill.types import Claim, Segment

THRESHOLD = 0.35
_MOST_CITES = 3
_DOUBT = 0.8  # what each name or number that nobody said leaves of a sentence's support
_GAIN = 0.12  # share of the sentence's weight that one more citation must add

_NAME = re.compile(r"(?<![\w'’.])[A-ZÀ-ÖØ-ÞΑ-ΩА-Я][\w'’-]*")


@dataclass(slots=True)
class Evidence:
    """Segments that sentences may cite, made ready for matching. Empty lines are left out."""

    segments: tuple[Segment, ...]
    lines: tuple[str, ...] = field(init=False)
    _terms: list[frozenset[str]] = field(init=False)
    _places: dict[str, list[int]] = field(init=False)  # the lines that hold a term
    _people: People = field(init=False)
    _vectors: npt.NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [(s, line) for s in self.segments if (line := render(s))]
        self.segments = tuple(s for s, _ in pairs)
        self.lines = tuple(line for _, line in pairs)
        self._terms = [frozenset(terms(line)) for line in self.lines]
        self._places = {}
        for index, words in enumerate(self._terms):
            for term in words:
                self._places.setdefault(term, []).append(index)
        self._people = People(self.segments)
        self._vectors = embed(self.lines) if pairs else np.zeros((0, 1), np.float32)

    def ground(self, sentences: Sequence[str]) -> list[Claim]:
        """A claim for each sentence: its citations in thread order, support and flags.

        A sentence without any match is cited to nothing, with support 0.
        """
        if not sentences:
            return []
        if not self.segments:
            return [Claim(s, (), 0.0, flags(s, "")) for s in sentences]
        cosines = embed(sentences) @ self._vectors.T
        return [self._claim(s, row) for s, row in zip(sentences, cosines, strict=True)]

    def put_right(self, sentence: str) -> str:
        """`sentence`, begun with the name of who said the rest of it, where it wrongly begins with
        another's and one speaker clearly did."""
        named, rest = self._misnamed(sentence, self._weight(sentence))
        if not named:
            return sentence
        name, wrong = self._people.speaker(self._shares(rest)), as_written(sentence, named)
        return sentence.replace(wrong, name, 1) if name and wrong else sentence

    def _claim(self, sentence: str, cosines: npt.NDArray[np.float32]) -> Claim:
        misnamed, weight = self._misnamed(sentence, self._weight(sentence))
        total = sum(weight.values()) or 1.0
        score = (self._shares(weight) + np.clip(cosines, 0, 1)) / 2
        score[self._people.lines(misnamed)] = 0
        chosen: list[int] = []
        held: set[str] = set()
        for index in map(int, np.argsort(-score, kind="stable")[:12]):
            here = self._terms[index]
            new = sum(w for t, w in weight.items() if t in here and t not in held) / total
            if not chosen or new >= _GAIN:
                chosen.append(index)
                held |= here & weight.keys()
            if len(chosen) == _MOST_CITES:
                break
        share = sum(w for t, w in weight.items() if t in held) / total
        support = (share + float(np.clip(cosines[chosen].max(), 0, 1))) / 2
        if share == 0 and support < THRESHOLD:
            return Claim(sentence, (), 0.0, flags(sentence, ""))
        chosen.sort()
        # Pieces of one segment share its id.
        cites = tuple(dict.fromkeys(self.segments[i].id for i in chosen))
        said = "\n".join(self.lines[i] for i in chosen)
        invented = flags(sentence, said)
        name = as_written(sentence, misnamed) if misnamed else ""
        if name and name.casefold() not in said.casefold():
            invented = (name, *(flag for flag in invented if flag not in name))
        return Claim(sentence, cites, round(support * _DOUBT ** len(invented), 3), invented)

    def _misnamed(
        self, sentence: str, weight: dict[str, float]
    ) -> tuple[frozenset[str], dict[str, float]]:
        """The speakers with whom `sentence` wrongly begins, and `weight` without their names; else
        nobody, and all of it."""
        if named := self._people.begin(sentence):
            rest = without(weight, named)
            if self._people.miss(named, self._shares(rest)):
                return named, rest
        return frozenset(), weight

    def _weight(self, sentence: str) -> dict[str, float]:
        """How much each term of `sentence` weighs: by how rare it is, and one that occurs nowhere
        in the evidence as much as the rarest one that does."""
        lines = len(self.lines)
        return {t: math.log(1 + lines / len(self._places.get(t, "?"))) for t in terms(sentence)}

    def _shares(self, weight: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """The share of `weight` that each line holds."""
        shares = np.zeros(len(self.lines))
        for term, value in weight.items():
            shares[self._places.get(term, [])] += value
        return shares / (sum(weight.values()) or 1.0)


def flags(sentence: str, said: str) -> tuple[str, ...]:
    """Names, numbers and dates of `sentence` that do not occur in `said`, in order.

    A capitalized first word counts as a name only if it is capitalized again later on or is
    followed by another capitalized word: most sentences begin with an ordinary one.
    """
    known = said.casefold()
    found = unsaid(sentence, said)
    words = set(re.findall(r"[^\W_]+", known))
    names = [m for m in _NAME.finditer(sentence) if not _ordinary(m, sentence)]
    for name in names:
        parts = re.findall(r"[^\W_]+", re.sub(r"['’]s?$", "", name[0]).casefold())
        if not all(part in words for part in parts):
            found.append(re.sub(r"['’]s?$", "", name[0]))
    return tuple(dict.fromkeys(sorted(found, key=sentence.index)))


def _ordinary(match: re.Match[str], sentence: str) -> bool:
    word = match[0]
    if not terms(re.split("['’]", word)[0]):
        return True
    if match.start() > 0 and sentence[: match.start()].strip(" \"'“”‘’(["):
        return False
    rest = sentence[match.end() :]
    return not re.match(r" [A-ZÀ-ÖØ-Þ][\w]", rest) and not re.search(
        rf"\b{re.escape(word)}\b", rest
    )


def positions(
    claims: Sequence[Claim], segments: Sequence[Segment], bins: int = 10
) -> tuple[int, ...]:
    """How many citations of `claims` fall into each of `bins` equal parts of the thread."""
    place = {segment.id: index for index, segment in enumerate(segments)}
    counts = [0] * bins
    for claim in claims:
        for cite in claim.cites:
            counts[place[cite] * bins // len(place)] += 1
    return tuple(counts)


def support_rate(claims: Sequence[Claim], threshold: float = THRESHOLD) -> float:
    """The share of `claims` whose support reaches `threshold`; 0 for none."""
    sound = sum(claim.support >= threshold for claim in claims)
    return round(sound / len(claims), 4) if claims else 0.0
