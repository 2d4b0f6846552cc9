"""QMSum meetings (https://github.com/Yale-LILY/QMSum): one as JSON, or one a line."""

from __future__ import annotations

import re
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import jsontext
from gistill.ingest.reading import Entry, Reading, plural, trimmed
from gistill.types import Source

NAME = "QMSum"
ABOUT = "meetings as JSON or JSON Lines: `meeting_transcripts` with `speaker` and `content`"
SUFFIXES: tuple[str, ...] = (".json", ".jsonl")

_FIELD = "meeting_transcripts"
_KEY = re.compile(rf'"{_FIELD}"\s*:')


def accepts(name: str, text: str) -> bool:
    """Any JSON that has a `meeting_transcripts`."""
    return jsontext.sniff(name, text) and bool(_KEY.search(text))


def read(source: Source) -> Reading:
    """The turns of each meeting in turn. Raises BadInput if one is not of QMSum's shape."""
    document = jsontext.parse(source.name, source.text)
    if isinstance(document.value, list):
        meetings = {f"/{i}": meeting for i, meeting in enumerate(document.value)}
    else:
        meetings = {"": document.value}
    entries: list[Entry] = []
    empty = held = 0
    for pointer, meeting in meetings.items():
        if meeting is None and document.by_line:
            continue
        held += 1
        found = _turns(source.name, pointer, meeting)
        spoken = [entry for entry in found if entry.text]
        entries += spoken
        empty += len(found) - len(spoken)
    notes = [f"{plural(empty, 'empty turn')} skipped"] if empty else []
    if held > 1:
        notes.append(f"{plural(held, 'meeting')} read one after the other")
    return Reading(entries, notes)


def _turns(name: str, pointer: str, meeting: Any) -> list[Entry]:
    turns = meeting.get(_FIELD) if isinstance(meeting, dict) else None
    if not isinstance(turns, list):
        place = f" at {pointer}" if pointer else ""
        raise BadInput(f"{name} is no QMSum meeting{place}: expected a list {_FIELD!r}")
    return [_turn(name, f"{pointer}/{_FIELD}/{i}", turn) for i, turn in enumerate(turns)]


def _turn(name: str, pointer: str, turn: Any) -> Entry:
    content = turn.get("content") if isinstance(turn, dict) else None
    speaker = turn.get("speaker") if isinstance(turn, dict) else None
    if not isinstance(content, str) or not isinstance(speaker, str | None):
        raise BadInput(
            f"{name} is no QMSum meeting at {pointer}: expected the texts 'speaker' and 'content'"
        )
    text = jsontext.string(content)
    start, end = trimmed(text, 0, len(text))
    who = " ".join(jsontext.string(speaker or "").split()) or None
    return Entry(text[start:end], (start, end), who, "utterance", f"{pointer}/content")
