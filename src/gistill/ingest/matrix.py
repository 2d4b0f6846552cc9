"""Matrix rooms as Element exports them: JSON with the events of a room."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import jsontext, times
from gistill.ingest.reading import Entry, Reading, counted, trimmed
from gistill.types import Source

NAME = "Matrix"
ABOUT = "JSON that Element exports: replies, threads and edits"
SUFFIXES: tuple[str, ...] = (".json",)

_EVENT = re.compile(r'"origin_server_ts"\s*:')
_ROOM = re.compile(r'"(?:room_name|exported_by|chunk)"\s*:')
# What a client puts above a reply for those that cannot show what it answers.
_FALLBACK = re.compile(r"> <@[^>\n]*>[^\n]*(?:\n>[^\n]*)*\n+")
_SAMPLE = 20_000


def accepts(name: str, text: str) -> bool:
    """By the names of its first fields."""
    head = text[:_SAMPLE]
    return bool(jsontext.sniff(name, text) and _ROOM.search(head) and _EVENT.search(head))


def read(source: Source) -> Reading:
    """The messages in the order of the file, each as it was last edited.

    Raises: BadInput for broken JSON or another shape.
    """
    value = jsontext.parse(source.name, source.text).value
    key = next((k for k in ("messages", "chunk") if _is_list(value, k)), None)
    if key is None:
        raise BadInput(f"{source.name} looks like a Matrix export and has no list of messages")
    events = [(f"/{key}/{n}", e) for n, e in enumerate(value[key]) if isinstance(e, dict)]
    names = _names(events)
    edits, gone = _changes(events)
    counts: Counter[str] = Counter()
    entries = []
    for pointer, event in events:
        kind, content, id = event.get("type"), _object(event, "content"), _string(event, "event_id")
        if kind == "m.room.encrypted":
            counts["encrypted"] += 1
        elif kind == "m.reaction":
            counts["reactions"] += 1
        elif kind != "m.room.message":
            counts["system"] += kind != "m.room.redaction"
        elif id in gone or not content or "redacted_because" in _object(event, "unsigned"):
            counts["deleted"] += 1
        elif _relation(content).get("rel_type") != "m.replace":
            where, said = edits.get(id, (f"{pointer}/content", content))
            counts["edited"] += id in edits
            entry = _entry(f"{where}/body", said, content)
            counts["empty"] += entry is None
            if entry:
                sender = _string(event, "sender")
                moment = times.moment(event.get("origin_server_ts"))
                when = moment if isinstance(moment, dt.datetime) else None
                who = names.get(sender) or sender.removeprefix("@").partition(":")[0]
                entries.append(entry._replace(speaker=who or None, when=when, key=id or None))
    notes = counted(
        (counts["encrypted"], "message", "encrypted in the export and not readable"),
        (counts["system"], "event", "of the room skipped"),
        (counts["deleted"], "deleted message", "left out"),
        (counts["edited"], "message", "as last edited"),
        (counts["reactions"], "reaction", "left out"),
        (counts["empty"], "message", "without text skipped"),
    )
    return Reading(entries, notes, _string(value, "room_name"))


def _entry(pointer: str, said: Mapping[str, Any], first: Mapping[str, Any]) -> Entry | None:
    """`said` is the content as last edited, `first` as sent, which knows what it answers."""
    text = _string(said, "body")
    answered = _string(_object(_relation(first), "m.in_reply_to"), "event_id")
    fallback = _FALLBACK.match(text) if answered else None
    start, end = trimmed(text, fallback.end() if fallback else 0, len(text))
    if start == end:
        return None
    reply_to = answered or None
    return Entry(text[start:end], (start, end), kind="message", pointer=pointer, reply_to=reply_to)


def _names(events: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    """The last display name of each member, as far as the export has it."""
    found = {}
    for _, event in events:
        if event.get("type") == "m.room.member":
            who = _string(event, "state_key") or _string(event, "sender")
            if name := " ".join(_string(_object(event, "content"), "displayname").split()):
                found[who] = name
    return found


def _changes(
    events: list[tuple[str, dict[str, Any]]],
) -> tuple[dict[str, tuple[str, Mapping[str, Any]]], set[str]]:
    """Where the last edit of an event stands, by its id, and the ids of those taken back."""
    edits: dict[str, tuple[str, Mapping[str, Any]]] = {}
    gone = set()
    for pointer, event in events:
        content = _object(event, "content")
        relation = _relation(content)
        if event.get("type") == "m.room.redaction":
            gone |= {_string(event, "redacts"), _string(content, "redacts")} - {""}
        elif relation.get("rel_type") == "m.replace" and (new := _object(content, "m.new_content")):
            edits[_string(relation, "event_id")] = (f"{pointer}/content/m.new_content", new)
    return edits, gone


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(content, "m.relates_to")


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _string(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return jsontext.string(found) if isinstance(found, str) else ""


def _is_list(value: Any, key: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(key), list)
