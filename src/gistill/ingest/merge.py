"""Several readings as one thread: order in time, ids, and who answers whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from gistill.ingest import times
from gistill.ingest.reading import Entry, Reading, plural
from gistill.types import Locator, Segment, Source


class Placed(NamedTuple):
    """An entry and the index of the source it came from."""

    source: int
    entry: Entry


def merge(
    sources: Sequence[Source], readings: Sequence[Reading]
) -> tuple[list[Segment], list[str]]:
    """All entries as segments s000000, s000001, … in reading order, and notes.

    Sources whose entries carry dates are merged by them, each with its neighbours of that sort;
    an entry without a date stays behind the one before it. A source without dates stays whole
    between its neighbours. Dates without a zone count as UTC here.
    """
    placed: list[Placed] = []
    notes: list[str] = []
    indexed = list(enumerate(readings))
    for dated, group in groupby(indexed, key=lambda item: any(e.when for e in item[1].entries)):
        run: list[tuple[dt.datetime, Placed]] = []
        for index, reading in group:
            if not dated:
                placed.extend(Placed(index, entry) for entry in reading.entries)
                continue
            keyed = _keyed(index, reading.entries)
            if back := sum(b[0] < a[0] for a, b in pairwise(keyed)):
                notes.append(
                    f"{sources[index].name}: {plural(back, 'step')} back in time put in order"
                )
            run.extend(keyed)
        run.sort(key=lambda item: item[0])
        placed.extend(item for _, item in run)
    segments, lost = _segments(sources, placed)
    if lost:
        notes.append(f"{plural(lost, 'reply', 'replies')} to posts that are not here")
    return segments, notes


def _keyed(index: int, entries: Sequence[Entry]) -> list[tuple[dt.datetime, Placed]]:
    last = next(times.utc(entry.when) for entry in entries if entry.when)
    keyed = []
    for entry in entries:
        last = times.utc(entry.when) if entry.when else last
        keyed.append((last, Placed(index, entry)))
    return keyed


def _segments(sources: Sequence[Source], placed: Sequence[Placed]) -> tuple[list[Segment], int]:
    """The segments, and how many of their replies go to posts that are not there."""
    ids: dict[tuple[int | None, str], str] = {}
    for i, (source, entry) in enumerate(placed):
        if entry.key is not None:
            # Ids of one export come first; another file may be its continuation.
            ids.setdefault((source, entry.key), _id(i))
            ids.setdefault((None, entry.key), _id(i))
    segments = []
    lost = 0
    for i, (source, entry) in enumerate(placed):
        reply = None
        if entry.reply_to is not None:
            reply = ids.get((source, entry.reply_to)) or ids.get((None, entry.reply_to))
            lost += reply is None
        name = sources[source].name
        at = Locator(name, entry.span, entry.pointer, entry.time, entry.page, entry.box)
        segments.append(
            Segment(_id(i), entry.text, at, entry.speaker, entry.kind, entry.when, reply)
        )
    return segments, lost


def _id(index: int) -> str:
    return f"s{index:06d}"
