"""Several sources as one thread: order in time, ids, who answers whom, what is there twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from gistill.ingest import repeats, times
from gistill.ingest.reading import Entry, plural
from gistill.types import Locator, Segment, Source

if TYPE_CHECKING:
    from gistill.ingest.intake import Part

_LONG = 80  # characters from which the same words in two sources are no accident


@dataclass(slots=True, eq=False)
class _Placed:
    """An entry, the name of its source, and what it is attached to.

    id: of the segment it becomes, or is folded into. also: the places of those folded into it.
    """

    source: str
    entry: Entry
    parent: _Placed | None = None
    id: str = ""
    also: list[Locator] = field(default_factory=list)

    @property
    def speaker(self) -> str | None:
        """A file that is attached is its poster's, unless it says whose words it holds."""
        return self.entry.speaker or (self.parent.speaker if self.parent else None)

    @property
    def when(self) -> dt.datetime | None:
        return self.entry.when or (self.parent.when if self.parent else None)


def merge(parts: Sequence[Part]) -> tuple[list[Segment], list[Source], list[str]]:
    """All entries as segments s000000, s000001, … in reading order, the sources, and notes.

    Sources whose entries carry dates are merged by them, each with its neighbours of that sort;
    an entry without a date stays behind the one before it. A source without dates stays whole
    between its neighbours. Dates without a zone count as UTC here. What is attached to an entry
    follows it. A file that is there twice, and a long passage that stands in two sources, is one
    segment that names both places.
    """
    placed: list[_Placed] = []
    notes: list[str] = []
    read = [part for part in parts if part.twin is None]
    for dated, group in groupby(read, key=lambda part: part.dated):
        run: list[tuple[dt.datetime, _Placed]] = []
        for part in group:
            if not dated:
                placed.extend(_entries(part))
                continue
            keyed = _keyed(part)
            if back := sum(b[0] < a[0] for a, b in pairwise(keyed)):
                notes.append(
                    f"{part.source.name}: {plural(back, 'step')} back in time put in order"
                )
            run.extend(keyed)
        run.sort(key=lambda item: item[0])
        placed.extend(item for _, item in run)
    _name_voices(placed)
    found = list(_all(parts))
    notes += _join_twins(placed, [part for part in found if part.twin])
    _cite_quotes(placed, found)
    folded = _folded(placed) if len(found) > 1 else []
    for n, one in enumerate(placed):
        one.id = f"s{n:06d}"
    for one, same in folded:
        one.id = same.id
        same.also.append(_locator(one))
    segments, lost = _segments(placed, [one for one, _ in folded])
    if lost:
        notes.append(f"{plural(lost, 'reply', 'replies')} to posts that are not here")
    if folded:
        notes.append(
            f"{plural(len(folded), 'passage')} that stood in another source before, word for "
            "word, read once and cited there too"
        )
    return segments, [part.source for part in found], notes


def _name_voices(placed: Sequence[_Placed]) -> None:
    """Voices are numbered recording by recording: where several have them, each is named with its
    own. The only voice in a message is its poster's."""
    voiced = [one for one in placed if one.entry.kind == "audio" and one.entry.speaker]
    heard: dict[str, set[str | None]] = {}
    for one in voiced:
        heard.setdefault(one.source, set()).add(one.entry.speaker)
    posted = {one.source for one in voiced if one.parent and len(heard[one.source]) == 1}
    several = len(heard) - len(posted) > 1
    for one in voiced:
        if one.source in posted:
            one.entry = one.entry._replace(speaker=None)
        elif several:
            named = f"{one.entry.speaker} ({one.source})"
            one.entry = one.entry._replace(speaker=named)


def _all(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from _all([attached for _, attached in part.attached])


def _entries(part: Part, parent: _Placed | None = None) -> Iterator[_Placed]:
    """The entries of `part` in its order, each followed by those of what is attached to it."""
    attached: dict[int, list[Part]] = {}
    for index, one in part.attached:
        if one.twin is None:
            attached.setdefault(index, []).append(one)
    for index, entry in enumerate(part.reading.entries):
        placed = _Placed(part.source.name, entry, parent)
        yield placed
        for one in attached.get(index, ()):
            yield from _entries(one, placed)


def _keyed(part: Part) -> list[tuple[dt.datetime, _Placed]]:
    last = next(times.utc(entry.when) for entry in part.reading.entries if entry.when)
    keyed = []
    for placed in _entries(part):
        if placed.parent is None and placed.entry.when:
            last = times.utc(placed.entry.when)
        keyed.append((last, placed))
    return keyed


def _join_twins(placed: Sequence[_Placed], twins: Sequence[Part]) -> list[str]:
    """Adds the places in `twins`, which hold the same bytes as a part, to what stands in that."""
    there = {_locator(one): one for one in placed} if twins else {}
    notes = []
    for part in twins:
        assert part.twin is not None
        first = part.twin.source.name
        for entry in part.twin.reading.entries:
            if one := there.get(_locator(_Placed(first, entry))):
                one.also.append(_locator(_Placed(part.source.name, entry)))
        notes.append(f"{part.source.name} holds the same as {first}; it was read once")
    return notes


def _cite_quotes(placed: Sequence[_Placed], parts: Sequence[Part]) -> None:
    """Adds the places where a message is quoted to the message."""
    if not any(part.reading.quotes for part in parts):
        return
    here = {id(one.entry): one for one in placed}
    said: list[repeats.Said] = []
    sayers: list[_Placed] = []
    quotes: list[tuple[str, str]] = []
    places: list[Locator] = []
    for part in parts:
        if part.twin:
            continue
        key = part.source.name
        keys = []
        for entry in part.reading.entries:
            key = entry.key or key  # a long message is several entries, and the first has the key
            keys.append(key)
            if one := here.get(id(entry)):
                subject, _, rest = entry.text.partition("\n")
                words = rest if subject.startswith("Subject: ") else entry.text
                said.append(repeats.Said(words, key, entry.reply_to))
                sayers.append(one)
        for quote in part.reading.quotes:
            quotes.append((keys[quote.entry], quote.text))
            places.append(Locator(part.source.name, quote.span))
    for n, q in repeats.quoted(said, quotes):
        sayers[n].also.append(places[q])


def _folded(placed: list[_Placed]) -> list[tuple[_Placed, _Placed]]:
    """Takes long passages out of `placed` that stood in another source before, each with the one
    there: letter case and white space aside the words are the same, and so is who says them, as
    far as that is known."""
    first: dict[str, _Placed] = {}
    kept, folded = [], []
    for one in placed:
        if len(one.entry.text) >= _LONG:
            same = first.setdefault(" ".join(one.entry.text.casefold().split()), one)
            if same.source != one.source and len({same.speaker, one.speaker} - {None}) < 2:
                folded.append((one, same))
                continue
        kept.append(one)
    placed[:] = kept
    return folded


def _segments(placed: Sequence[_Placed], folded: Sequence[_Placed]) -> tuple[list[Segment], int]:
    """The segments, and how many of their replies go to posts that are not there."""
    ids: dict[tuple[str | None, str], str] = {}
    for one in (*placed, *folded):
        if one.entry.key is not None:
            # Ids of one export come first; another file may be its continuation.
            ids.setdefault((one.source, one.entry.key), one.id)
            ids.setdefault((None, one.entry.key), one.id)
    segments = []
    lost = 0
    for one in placed:
        entry = one.entry
        reply = one.parent.id if one.parent else None
        if entry.reply_to is not None:
            reply = ids.get((one.source, entry.reply_to)) or ids.get((None, entry.reply_to))
            lost += reply is None
        at, also = _locator(one), tuple(one.also)
        segments.append(
            Segment(one.id, entry.text, at, one.speaker, entry.kind, one.when, reply, also)
        )
    return segments, lost


def _locator(one: _Placed) -> Locator:
    entry = one.entry
    return Locator(one.source, entry.span, entry.pointer, entry.time, entry.page, entry.box)
