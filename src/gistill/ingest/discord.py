"""Channels as DiscordChatExporter writes them (https://github.com/Tyrrrz/DiscordChatExporter)."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import jsontext, times
from gistill.ingest.reading import Attached, Entry, Reading, counted, trimmed
from gistill.types import Source

NAME = "Discord"
ABOUT = "JSON of DiscordChatExporter: replies, files beside it"
SUFFIXES: tuple[str, ...] = (".json",)

_HEAD = re.compile(r'\s*\{\s*"guild"\s*:\s*\{.*?"channel"\s*:\s*\{', re.DOTALL)
_SPOKEN = frozenset(
    ("Default", "Reply", "0", "19", "20", "23", "ChatInputCommand", "ContextMenuCommand")
)


def accepts(name: str, text: str) -> bool:
    """By the guild and channel it begins with."""
    return bool(_HEAD.match(text, 0, 4096))


def read(source: Source) -> Reading:
    """The messages in the order of the file. Raises: BadInput for broken JSON or another shape."""
    value = jsontext.parse(source.name, source.text).value
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        raise BadInput(f"{source.name} looks like a Discord export and has no list of messages")
    entries: list[Entry] = []
    attached: list[Attached] = []
    counts: Counter[str] = Counter()
    for n, message in enumerate(messages):
        if not isinstance(message, dict):
            counts["empty"] += 1
            continue
        if str(message.get("type", "Default")) not in _SPOKEN:
            counts["system"] += 1
            continue
        entry = _entry(f"/messages/{n}", message)
        if entry is None:
            counts["empty"] += 1
            continue
        entries.append(entry)
        counts["edited"] += bool(message.get("timestampEdited"))
        counts["reactions"] += sum(_count(one) for _, one in _items(message, "reactions"))
        for _, file in _items(message, "attachments"):
            url = file.get("url")
            if isinstance(url, str) and "://" not in url:
                attached.append(Attached(url, len(entries) - 1))
            else:
                counts["linked"] += 1
    notes = counted(
        (counts["system"], "system message", "skipped"),
        (counts["empty"], "message", "without text skipped"),
        (counts["edited"], "message", "as last edited"),
        (counts["reactions"], "reaction", "left out"),
        (counts["linked"], "file", "on the web and not in the export"),
    )
    channel = value.get("channel")
    name = channel.get("name") if isinstance(channel, dict) else None
    title = f"#{jsontext.string(name)}" if isinstance(name, str) and name else ""
    return Reading(entries, notes, title, attached)


def _entry(pointer: str, message: Mapping[str, Any]) -> Entry | None:
    place = next((place for place in _texts(message) if place[1].strip()), None)
    if place is None:
        return None
    text = jsontext.string(place[1])
    start, end = trimmed(text, 0, len(text))
    moment = times.moment(message.get("timestamp"))
    reference = message.get("reference")
    parent = reference.get("messageId") if isinstance(reference, dict) else None
    return Entry(
        text=text[start:end],
        span=(start, end),
        speaker=_author(message.get("author")),
        kind="message",
        pointer=f"{pointer}/{place[0]}",
        when=moment if isinstance(moment, dt.datetime) else None,
        key=_id(message.get("id")),
        reply_to=_id(parent),
    )


def _texts(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a message can hold words, best first, with these."""
    places = [("content", message.get("content"))]
    for n, embed in _items(message, "embeds"):
        places += [(f"embeds/{n}/{key}", embed.get(key)) for key in ("description", "title")]
    for list_, key in (("attachments", "fileName"), ("stickers", "name")):
        places += [(f"{list_}/{n}/{key}", one.get(key)) for n, one in _items(message, list_)]
    return ((where, value) for where, value in places if isinstance(value, str))


def _items(message: Mapping[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    value = message.get(key)
    listed = enumerate(value) if isinstance(value, list) else ()
    return ((n, one) for n, one in listed if isinstance(one, dict))


def _author(author: Any) -> str | None:
    for key in ("nickname", "name"):
        value = author.get(key) if isinstance(author, dict) else None
        if isinstance(value, str) and value.strip():
            return " ".join(jsontext.string(value).split())
    return None


def _count(reaction: Mapping[str, Any]) -> int:
    count = reaction.get("count")
    return count if isinstance(count, int) else 1


def _id(value: Any) -> str | None:
    return jsontext.string(str(value)) if isinstance(value, str | int) else None
