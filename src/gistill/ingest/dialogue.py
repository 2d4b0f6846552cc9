"""The turns of a text that is a conversation."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gistill.ingest import times, turns
from gistill.ingest.lines import Line
from gistill.ingest.reading import Entry, Reading, plural, trimmed
from gistill.types import Kind

# A paragraph that is a heading, a list or a stage direction, not the last speaker going on.
_ASIDE = re.compile(r"\s*(?:#|[-*+•]\s|[-=*_~]{3,}\s*$|[\[(*_][^\n]{0,200}[\])*_]\s*$)")


@dataclass(slots=True)
class _Run:
    """Lines that are one turn: its words are characters `start` to `end`."""

    speaker: str | None
    mark: turns.Mark | None
    start: int
    end: int


def dialogue(
    text: str, lines: Sequence[Line], people: frozenset[tuple[turns.Form, str]]
) -> Reading:
    """One entry a turn, where those in `people` open one.

    Lines that follow a turn belong to it. A paragraph after a blank line is an entry of its own:
    its speaker is the last one where names open most paragraphs, else nobody.
    """
    dates, unsure = _dates(lines)
    hours = _hours(lines)
    entries = []
    empty = 0
    late: turns.Mark | None = None  # a time that stood on a line of its own
    for run in _runs(text, lines, people):
        mark = run.mark
        start, end = trimmed(text, run.start, run.end)
        if start == end:
            if run.speaker is None:
                late = mark
            else:
                empty += 1
            continue
        if late and (mark is None or not (mark.clock or mark.iso or mark.slashed)):
            mark, late = late, None
        when = dates.get(mark.iso or mark.slashed) if mark else None
        spoken = run.speaker or mark
        kind: Kind = "message" if when else "utterance" if spoken else "paragraph"
        time = _span(mark, hours) if mark else None
        entries.append(Entry(text[start:end], (start, end), run.speaker, kind, None, time, when))
    notes = [f"{plural(empty, 'empty turn')} skipped"] if empty else []
    if unsure:
        notes.append("dates such as 3/4/2024 were read day first")
    return Reading(entries, notes)


def _runs(
    text: str, lines: Sequence[Line], people: frozenset[tuple[turns.Form, str]]
) -> list[_Run]:
    openings = [_opening(line.mark, people) for line in lines]
    opened = sum(bool(o) for line, o in zip(lines, openings, strict=True) if line.opens)
    carries = opened >= 0.5 * sum(line.opens for line in lines)
    runs: list[_Run] = []
    run: _Run | None = None
    for line, opening in zip(lines, openings, strict=True):
        if opening:
            run = _Run(*opening, line.end)
            runs.append(run)
        elif run and run.start >= run.end:  # a name on a line of its own
            run.start, run.end = line.start, line.end
        elif run and not line.opens:
            run.end = line.end
        else:
            aside = _ASIDE.match(text, line.start, line.end)
            speaker = run.speaker if run and carries and not aside else None
            run = _Run(speaker, None, line.start, line.end)
            runs.append(run)
    return runs


def _opening(
    mark: turns.Mark | None, people: frozenset[tuple[turns.Form, str]]
) -> tuple[str | None, turns.Mark, int] | None:
    """Who opens a turn, by which mark, and where the words begin; None if nobody does."""
    if mark and mark.name and (mark.form, mark.name) in people:
        return mark.name, mark, mark.start
    return (None, mark, mark.bare) if mark and mark.bare is not None else None


def _dates(lines: Iterable[Line]) -> tuple[dict[str | None, dt.datetime | None], bool]:
    """What the dates of the text name, and whether the order of day and month was a guess."""
    found: dict[str | None, dt.datetime | None] = {}
    slashed = []
    for line in lines:
        if line.mark and line.mark.iso:
            found[line.mark.iso] = times.iso(line.mark.iso)
        elif line.mark and line.mark.slashed:
            slashed.append(line.mark.slashed)
    dates, unsure = times.slashed(slashed)
    found.update(zip(slashed, dates, strict=True))
    return found, unsure


def _hours(lines: Iterable[Line]) -> bool:
    """Whether `10:02` is a time of day: a recording begins near 00:00, a day of talk does not."""
    clocks = [line.mark.clock for line in lines if line.mark and line.mark.clock]
    first = [int(clock.split(":")[0]) for clock in clocks if clock.count(":") == 1]
    return bool(first) and first[0] >= 6 and max(first) <= 23


def _span(mark: turns.Mark, hours: bool) -> tuple[float, float] | None:
    if not mark.clock:
        return None
    start = times.seconds(mark.clock, hours)
    end = times.seconds(mark.end, hours) if mark.end else start
    return start, max(start, end)
