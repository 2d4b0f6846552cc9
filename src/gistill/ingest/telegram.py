"""Chats as Telegram Desktop exports them: result.json, of one chat or of all of an account."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import files, jsontext, times
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Attached, Extract, counted
from gistill.ingest.tools import Tools

NAME = "Telegram"
ABOUT = (
    "result.json of Telegram Desktop: text put together from its parts, replies, files beside it"
)
SUFFIXES: tuple[str, ...] = (".json",)
NEEDS = Needs()

_CHAT = re.compile(
    rb'\s*\{\s*"name"\s*:\s*(?:"(?:[^"\\]|\\.)*"|null)\s*,\s*"type"\s*:\s*"[a-z_]+"\s*,'
    rb'\s*"id"\s*:\s*-?\d+\s*,\s*"messages"\s*:'
)
_ALL = re.compile(rb'\s*\{\s*"about"\s*:\s*"[^"]*Telegram', re.IGNORECASE)
_FILES = ("photo", "file")
_NOT_THERE = re.compile(
    r"\(File [^)]*\)"
)  # "(File not included. Change data exporting settings …)"


def accepts(name: str, head: bytes) -> bool:
    """By how such a file begins."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    return bool(_CHAT.match(head) or _ALL.match(head))


def read(blob: Blob, tools: Tools) -> Extract:
    """The messages in the order of the file. Raises: BadInput for broken JSON or another shape."""
    text = blob.data(files.LIMIT).decode("utf-8-sig", "replace")
    value = jsontext.parse(blob.name, text).value
    del text
    chat = _Chat()
    chats = list(_chats(value))
    for place, one in enumerate(chats):
        chat.read(one, f"{place}/")
    if not chats:
        raise BadInput(f"{blob.name} looks like a Telegram export and has no list of messages")
    chat.pieces.notes += chat.notes()
    return chat.pieces.extract(blob, _string(chats[0].get("name")) if len(chats) == 1 else "")


def _chats(value: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, dict):
        return
    if isinstance(value.get("messages"), list):
        yield value
    for key in ("chats", "left_chats"):
        listed = value.get(key)
        found = listed.get("list") if isinstance(listed, dict) else None
        for chat in found if isinstance(found, list) else ():
            if isinstance(chat, dict) and isinstance(chat.get("messages"), list):
                yield chat


class _Chat:
    def __init__(self) -> None:
        self.pieces = Pieces()
        self._counts: Counter[str] = Counter()

    def notes(self) -> list[str]:
        counts = self._counts
        return counted(
            (counts["system"], "system message", "skipped"),
            (counts["edited"], "message", "as last edited"),
            (counts["reactions"], "reaction", "left out"),
            (counts["absent"], "file", "not included in the export"),
            (counts["empty"], "message", "without text skipped"),
        )

    def read(self, chat: Mapping[str, Any], prefix: str) -> None:
        """Writes the messages; `prefix` keeps the ids of several chats apart."""
        counts = self._counts
        for message in chat["messages"]:
            if not isinstance(message, dict):
                counts["empty"] += 1
                continue
            if message.get("type") != "message":
                counts["system"] += 1
                continue
            names = [_string(message.get(key)) for key in _FILES]
            there = [name for name in names if name and not _NOT_THERE.match(name)]
            counts["absent"] += sum(1 for name in names if name) - len(there)
            reply = message.get("reply_to_message_id")
            written = self.pieces.add(
                jsontext.string(_said(message)),
                speaker=" ".join(jsontext.string(_string(message.get("from"))).split()) or None,
                kind="message",
                when=_when(message),
                key=f"{prefix}{message.get('id')}",
                reply_to=None if reply is None else f"{prefix}{reply}",
            )
            counts["empty"] += not written
            if written:
                counts["edited"] += "edited" in message
                reactions = message.get("reactions")
                counts["reactions"] += len(reactions) if isinstance(reactions, list) else 0
                last = len(self.pieces.entries) - 1
                self.pieces.attached += [Attached(name, last) for name in there]


def _said(message: Mapping[str, Any]) -> str:
    """What the message says; what it shows, in brackets, if it says nothing."""
    text = _joined(message.get("text")).strip()
    if not text:
        text = _joined(message.get("text_entities")).strip()
    poll = message.get("poll")
    if isinstance(poll, dict):
        answers = poll.get("answers")
        listed = answers if isinstance(answers, list) else []
        options = [_string(a.get("text")) for a in listed if isinstance(a, dict)]
        text = "\n".join(filter(None, (text, _string(poll.get("question")), *options)))
    if not text:
        text = _string(message.get("sticker_emoji"))
    if not text:
        shown = _string(message.get("media_type")) or next((k for k in _FILES if k in message), "")
        text = f"[{shown.replace('_', ' ')}]" if shown else ""
    origin = _string(message.get("forwarded_from"))
    return f"[forwarded from {origin}] {text}" if origin and text else text


def _joined(parts: Any) -> str:
    """A text that may be given in parts, some of them marked bold, a link and so on."""
    if isinstance(parts, str):
        return parts
    said = []
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            text, link = _string(part.get("text")), _string(part.get("href"))
            said.append(f"{text} ({link})" if link and link != text else text)
        else:
            said.append(_string(part))
    return "".join(said)


def _when(message: Mapping[str, Any]) -> dt.datetime | None:
    for key in ("date_unixtime", "date"):
        if isinstance(moment := times.moment(message.get(key)), dt.datetime):
            return moment
    return None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
