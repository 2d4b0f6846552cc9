"""How a citation is shown: the number of a cited segment, its place, its first words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from gistill.artifacts import plain
from gistill.segmentation.render import clean
from gistill.types import Chunk, Claim, Done, Kind, Segment, Summary, Thread

_NOUNS: dict[Kind, str] = {
    "utterance": "turn",
    "message": "message",
    "paragraph": "paragraph",
    "image_text": "passage",  # of an image, which may hold several
    "caption": "caption",
    "audio": "passage",
    "frame": "frame",
}


def nodes(summary: Summary) -> Iterator[Summary]:
    """`summary` and all below it, each after its children, in thread order."""
    for child in summary.children:
        yield from nodes(child)
    yield summary


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: "00:14:05"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def count(number: int, noun: str) -> str:
    """ "1 turn", "1,200 turns"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def runs(numbers: Iterable[int], dash: str = "–") -> str:
    """Numbers in order, three and more in a row as one: "1, 2, 5–7"."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(
        f"{run[0]}{dash}{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in found
    )


class Citations:
    """Numbers for the cited segments of one result, and the names of all segments.

    Numbers count from 1 in order of first citation: by the summary's sentences first, then by the
    notes on the parts, the rest of the tree, and what was folded into them. An id that names no
    segment of the thread gets no number and is never shown.

    segments: by id. ordinals: by id, the place in the thread counted from 1.
    chunks: by id. parts: by id, their number as readers see it, counted from 1.
    numbers: by id, of cited segments only. final: how many of them the summary itself cites.
    """

    def __init__(self, done: Done, thread: Thread) -> None:
        self.segments: dict[str, Segment] = {s.id: s for s in thread.segments}
        self.ordinals: dict[str, int] = {s.id: n for n, s in enumerate(thread.segments, 1)}
        self.parts: dict[str, int] = {c.id: n for n, c in enumerate(done.chunks, 1)}
        self.chunks: dict[str, Chunk] = {c.id: c for c in done.chunks}
        self.numbers: dict[str, int] = {}
        self._admit(claim.cites for claim in done.summary.claims)
        self.final = len(self.numbers)
        below = [*done.local, *(claim for node in nodes(done.summary) for claim in node.claims)]
        self._admit(claim.cites for claim in below)
        self._admit(merge.cites for claim in below for merge in claim.merged)

    def _admit(self, cites: Iterable[Sequence[str]]) -> None:
        for ids in cites:
            for segment in self.cited(ids):
                self.numbers.setdefault(segment.id, len(self.numbers) + 1)

    def cited(self, ids: Iterable[str]) -> list[Segment]:
        """The segments that `ids` name, in thread order, each once."""
        known = {id_ for id_ in ids if id_ in self.segments}
        return [self.segments[id_] for id_ in sorted(known, key=self.ordinals.__getitem__)]

    def brackets(self, ids: Iterable[str]) -> str:
        """ "[1]", "[2, 5-7]", or nothing where no known segment is cited."""
        numbers = {self.numbers[id_] for id_ in ids if id_ in self.numbers}
        return f"[{runs(numbers, '-')}]" if numbers else ""

    def place(self, segment: Segment) -> str:
        """Where a reader finds `segment`: its time or date, its page, or its number."""
        found = []
        if segment.at.time is not None:
            found.append(clock(segment.at.time[0]))
        elif segment.when is not None:
            found.append(date(segment.when))
        if segment.at.page is not None:
            found.append(f"page {segment.at.page:,}")
        return ", ".join(found) or f"{_NOUNS[segment.kind]} {self.ordinals[segment.id]:,}"

    def stretch(self, segments: Sequence[Segment]) -> str:
        """From where to where `segments` run: "00:14:05–00:20:00", "turns 12–40"."""
        # A heading among timed turns has no time: the stretch is told by those that have one.
        # Clocks of recordings start with each of them, so that several tell nothing together.
        if len({s.at.source for s in segments}) == 1:
            segments = [s for s in segments if s.at.time is not None] or segments
        else:
            segments = [s for s in segments if s.at.time is None] or segments
        segments = [s for s in segments if s.at.time or s.when] or segments
        first, last = self.place(segments[0]), self.place(segments[-1])
        if first == last:
            return first
        noun = _NOUNS[segments[0].kind]
        if first.startswith(noun) and last.startswith(noun):
            return f"{noun}s {first.removeprefix(noun).strip()}–{last.removeprefix(noun).strip()}"
        if first[:11] == last[:11] and len(first) == len(last) == 16:  # the same day
            last = last[11:]
        return f"{first} – {last}" if " " in first else f"{first}–{last}"


def date(when: dt.datetime) -> str:
    """Day and minute as the author's own clock showed them: "2026-03-04 14:05"."""
    return when.strftime("%Y-%m-%d %H:%M") if when.year > 999 else when.isoformat(" ", "minutes")


def elsewhere(segment: Segment) -> str:
    """Where else its words stand: " (also in plan.pdf, page 3)"; empty if nowhere."""
    if not segment.also:
        return ""
    at = segment.also[0]
    where = plain.line(at.source)
    if at.time is not None:
        where += f", {clock(at.time[0])}"
    if at.page is not None:
        where += f", page {at.page:,}"
    more = len(segment.also) - 1
    rest = f" and {count(more, 'place')} more" if more else ""
    return f" (also in {where}{rest})"


def noun(segments: Iterable[Segment]) -> str:
    """What to call `segments` together: "turn", "message", or "segment" when they differ."""
    names = {_NOUNS[segment.kind] for segment in segments}
    return names.pop() if len(names) == 1 else "segment"


def excerpt(segment: Segment, width: int) -> str:
    """The first words of `segment` on one line, transcribers' tags left out."""
    # Reading the start is enough, and a segment may be one line of megabytes.
    head = segment.text[: 8 * width]
    return plain.shorten(plain.line(clean(head)) or plain.line(head), width)


def weak(done: Done) -> frozenset[int]:
    """Indices of the summary's sentences below the support threshold.

    `Done` carries the share of sentences at or above it, which orders them just as well: the
    best-supported that many are the ones above.
    """
    claims = done.summary.claims
    ranked = sorted(range(len(claims)), key=lambda n: claims[n].support, reverse=True)
    return frozenset(ranked[round(done.support_rate * len(claims)) :])


def notes(done: Done, citations: Citations) -> list[tuple[Summary, list[Claim]]]:
    """The leaves of the tree, each with its deduplicated notes, in thread order.

    A note belongs to the first part whose own summary holds that sentence; one that no part holds
    word for word (its engine was replaced, say) goes with the part that holds its first citation.
    """
    leaves = [n for n in nodes(done.summary) if n.chunk in citations.chunks]
    by_text: dict[str, int] = {}
    by_segment: dict[str, int] = {}
    for n, leaf in enumerate(leaves):
        for claim in leaf.claims:
            by_text.setdefault(claim.text, n)
        for segment in citations.chunks[leaf.chunk or ""].segments:
            by_segment.setdefault(segment.id, n)
    grouped: list[list[Claim]] = [[] for _ in leaves]
    current = 0
    for claim in done.local:
        held = by_text.get(claim.text)
        if held is None:
            held = next((by_segment[i] for i in claim.cites if i in by_segment), current)
        current = held
        if grouped:
            grouped[held].append(claim)
    return list(zip(leaves, grouped, strict=True))
