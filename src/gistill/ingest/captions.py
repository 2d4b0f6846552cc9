"""Cues: what WebVTT and SRT have in common."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gistill.errors import BadInput
from gistill.ingest import times, turns
from gistill.ingest.lines import Line
from gistill.ingest.reading import Entry, Reading, plural, trimmed

_CLOCK = r"(\d{1,4}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?)"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_ARROW = re.compile(r"\s*\d[\d:.,]*\s*-->")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?(?:[ \t]([^<>\n]{0,200}))?>\s*", re.IGNORECASE)
_END_OF_VOICE = re.compile(r"\s*</v>\s*$", re.IGNORECASE)
# What a payload may begin with besides words: a position tag of SRT, a dash for each speaker.
_LEAD = re.compile(r"(?:\{\\[^}\n]{1,40}\}|[-–—]\s+(?=\S[^:\n]{0,40}:\s)|>>+\s*)*")


class Cue(NamedTuple):
    """`lines` are the payload; `time` is None if the timing line could not be read.

    `loose` text stood in a block of its own, without a timing line; it has the time of the cue
    before.
    """

    time: tuple[float, float] | None
    lines: list[Line]
    loose: bool = False


def cues(text: str, lines: Sequence[Line], comment: re.Pattern[str] | None = None) -> list[Cue]:
    """The cues of `text`; blocks that begin with a `comment` are left out."""
    found: list[Cue] = []
    commented = False
    for i, line in enumerate(lines):
        if _ARROW.match(text, line.start, line.end):
            if found and i and not line.opens:
                _drop_id(text, found, lines[i - 1])
            match = _TIMING.match(text, line.start, line.end)
            time = (times.seconds(match[1]), times.seconds(match[2])) if match else None
            found.append(Cue(time, []))
            commented = False
        elif line.opens:
            commented = bool(comment and comment.match(text, line.start, line.end))
            if not commented:
                found.append(Cue(found[-1].time if found else None, [line], loose=True))
        elif not commented:
            found[-1].lines.append(line)
    return found


def _drop_id(text: str, found: list[Cue], above: Line) -> None:
    """Takes the line above a timing line, if that is a cue's id, back from the cue before."""
    cue = found[-1]
    is_id = above.opens or text[above.start : above.end].strip().isdigit()
    if is_id and cue.lines and cue.lines[-1] is above:
        cue.lines.pop()
        if cue.loose and not cue.lines:
            found.pop()


def reading(name: str, text: str, cues: Sequence[Cue], title: str = "") -> Reading:
    """One entry a cue, or one a speaker where several speak in it.

    Cues stay in the order of the file; those that overlap or go back in time are noted.
    Raises: BadInput if there is no cue.
    """
    if all(cue.loose for cue in cues):
        raise BadInput(
            f"{name} holds no cue: expected lines such as 00:00:01.000 --> 00:00:04.000, "
            "each with text below it"
        )
    lines = [line for cue in cues for line in cue.lines]
    marks = {line.start: one for line in lines if (one := _mark(text, line))}
    people = turns.speakers(marks.values(), len(lines), len(cues), len(text))
    opening = {
        start: one for start, one in marks.items() if one.name and (one.form, one.name) in people
    }
    entries = [entry for cue in cues for entry in _entries(text, cue, opening)]
    return Reading(entries, _notes(cues), title)


def _entries(text: str, cue: Cue, opening: Mapping[int, turns.Mark]) -> Iterator[Entry]:
    for start, end, speaker in _spoken(text, cue.lines, opening):
        stop = _END_OF_VOICE.search(text, max(start, end - 16), end)
        start, end = trimmed(text, start, stop.start() if stop else end)
        if start < end:
            time = (cue.time[0], max(cue.time)) if cue.time else None
            yield Entry(text[start:end], (start, end), speaker, "utterance", None, time)


def _spoken(
    text: str, lines: Sequence[Line], opening: Mapping[int, turns.Mark]
) -> Iterator[tuple[int, int, str | None]]:
    """Start, end and speaker of each stretch of a payload, white space and end tags included."""
    if not lines:
        return
    begin, end = lines[0].start, lines[-1].end
    speaker = None
    voices = list(_VOICE.finditer(text, begin, end))
    if voices:
        yield begin, voices[0].start(), None
        bounds = [*(voice.start() for voice in voices), end]
        for voice, (_, stop) in zip(voices, pairwise(bounds), strict=True):
            yield voice.end(), stop, " ".join(html.unescape(voice[1] or "").split()) or None
        return
    for line in lines:
        if mark := opening.get(line.start):
            yield begin, line.start, speaker
            begin, speaker = mark.start, mark.name
        elif line is lines[0]:
            begin = _lead(text, line)
    yield begin, end, speaker


def _mark(text: str, line: Line) -> turns.Mark | None:
    """How `line` could open a turn by a name alone; cues have times of their own."""
    if _VOICE.match(text, line.start, line.end):
        return None
    mark = turns.mark(text, _lead(text, line), line.end)
    return mark if mark and mark.form == "plain" else None


def _lead(text: str, line: Line) -> int:
    """Where the words of `line` begin, after tags and dashes."""
    match = _LEAD.match(text, line.start, line.end)
    return match.end() if match else line.start


def _notes(cues: Sequence[Cue]) -> list[str]:
    timed = [cue for cue in cues if not cue.loose]
    known = [cue.time for cue in timed if cue.time]
    counts = (
        (sum(b[0] < a[0] for a, b in pairwise(known)), "cue", "going back in time kept in place"),
        (sum(a[0] <= b[0] < a[1] for a, b in pairwise(known)), "overlapping cue", "kept"),
        (sum(end < start for start, end in known), "cue", "ending before the start kept"),
        (len(timed) - len(known), "cue", "with a time that cannot be read kept without it"),
        (len(cues) - len(timed), "text", "without a time line kept after the cue above"),
        (sum(not cue.lines for cue in cues), "empty cue", "skipped"),
    )
    return [f"{plural(count, noun)} {what}" for count, noun, what in counts if count]
