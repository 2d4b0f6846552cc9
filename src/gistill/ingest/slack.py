"""Slack exports: a zip or folder with users.json, and a folder a channel with a file a day."""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import emoji, jsontext, times
from gistill.ingest.blob import Blob
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Export, Folder, Reading, counted
from gistill.types import Source

NAME = "Slack export"
ABOUT = "a zip or folder: users and mentions by name, threads, files that lie in the export"
SUFFIXES: tuple[str, ...] = (".zip",)

_LIMIT = 256 << 20  # bytes of one day of one channel
_DAY = re.compile(r"\d{4}-\d\d-\d\d\.json")
_LISTS = frozenset(("channels.json", "groups.json", "dms.json", "mpims.json"))
_FILE = re.compile(r"(?<![A-Z0-9])F[A-Z0-9]{6,}(?![A-Z0-9])")
_MARKUP = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
# What Slack itself writes: who came and went, and the like. A new topic says something.
_SYSTEM = frozenset(
    "channel_join channel_leave channel_archive channel_unarchive channel_name group_join "
    "group_leave group_archive group_unarchive group_name pinned_item unpinned_item bot_add "
    "bot_remove bot_enable bot_disable reminder_add reminder_delete sh_room_created huddle_thread "
    "channel_convert_to_private channel_posting_permissions app_conversation_join "
    "app_conversation_leave joiner_notification joiner_notification_for_inviter "
    "bot_message_deleted ekm_access_denied".split()
)


def accepts(folder: Folder) -> bool:
    """By users.json beside a list of channels or their days; or by days that hold Slack's times."""
    names = {PurePosixPath(path).name for path in folder.files}
    days = [path for path in folder.files if _DAY.fullmatch(PurePosixPath(path).name)]
    if "users.json" in names:
        return bool(days or names & _LISTS)
    return bool(days) and b'"ts"' in folder.files[days[0]].head(1 << 16)


def read(folder: Folder) -> Export:
    """A source a channel, its messages in time order.

    Raises: BadInput if it holds no messages, or a file of it is not JSON as Slack writes it.
    """
    people = _people(folder)
    uploads = _uploads(folder)
    channels: dict[str, list[Blob]] = {}
    rest = []
    for path, blob in folder.files.items():
        place = PurePosixPath(path)
        if _DAY.fullmatch(place.name):
            channels.setdefault(str(place.parent), []).append(blob)
        elif place.suffix != ".json":
            rest.append(blob)
    names = _channel_names(folder, people)
    sources = []
    counts: Counter[str] = Counter()
    unknown: set[str] = set()
    for where, days in channels.items():
        own = PurePosixPath(where).name
        channel = _Channel(own, people, uploads)
        source = channel.read(f"{folder.name}/{names.get(own, own)}".removesuffix("/"), days)
        pieces = channel.pieces
        if pieces.entries:
            reading = Reading(pieces.entries, (), f"#{own}", pieces.attached)
            sources.append((source, reading))
        counts += channel.counts
        unknown |= channel.unknown
    if not channels:
        raise BadInput(f"{folder.name} looks like a Slack export and holds no day of messages")
    notes = counted(
        (counts["system"], "system message", "skipped"),
        (counts["deleted"], "deleted message", "left out"),
        (counts["edited"], "message", "as last edited"),
        (counts["reactions"], "reaction", "left out"),
        (counts["files"], "file", "linked and not in the export"),
        (counts["empty"], "message", "without text skipped"),
        (len(unknown), "user", "unknown to users.json shown by id"),
    )
    return Export(sources, rest, notes)


class _Channel:
    """One channel as it is written out, what was left out of it, and users nobody knows."""

    def __init__(self, own: str, people: Mapping[str, str], uploads: Mapping[str, Blob]) -> None:
        self._own = own
        self._people = people
        self._uploads = uploads
        self.pieces = Pieces()
        self.counts: Counter[str] = Counter()
        self.unknown: set[str] = set()

    def read(self, name: str, days: Sequence[Blob]) -> Source:
        digest = hashlib.sha256()
        for message in self._standing(days, digest.update):
            self._write(message)
        extract = self.pieces.extract(Blob.of(name, b""))
        return Source(name, digest.hexdigest(), extract.text)

    def _standing(self, days: Sequence[Blob], hash: Any) -> Iterator[Any]:
        """The messages as they stand in the end: edits applied, deletions gone."""
        late: dict[str, dict[str, Any] | None] = {}  # by ts: the last edit, or None
        found: list[dict[str, Any]] = []
        for blob in days:
            data = blob.data(_LIMIT)
            hash(data)
            for message in _messages(blob.name, data):
                subtype = message.get("subtype")
                edit = message.get("message")
                if subtype == "message_changed" and isinstance(edit, dict):
                    late[str(edit.get("ts"))] = edit
                elif subtype == "message_deleted":
                    late[str(message.get("deleted_ts"))] = None
                else:
                    found.append(message)
        for message in found:
            ts = str(message.get("ts"))
            if ts not in late:
                yield message
            elif (edit := late[ts]) is not None:
                yield {**message, **edit, "edited": True}
            else:
                self.counts["deleted"] += 1

    def _write(self, message: Mapping[str, Any]) -> None:
        subtype = _string(message.get("subtype"))
        counts = self.counts
        if subtype == "tombstone":
            counts["deleted"] += 1
            return
        if subtype in _SYSTEM:
            counts["system"] += 1
            return
        files = [f for f in _objects(message.get("files")) if f.get("mode") != "tombstone"]
        text = self._text(_string(message.get("text"))) or self._cards(message)
        if not text and files:
            named = (_string(f.get("name")) or _string(f.get("title")) or "a file" for f in files)
            text = f"shared {', '.join(named)}"
        ts = _string(message.get("ts"))
        root = _string(message.get("thread_ts"))
        moment = times.moment(ts)
        written = self.pieces.add(
            jsontext.string(text),
            speaker=self._speaker(message),
            kind="message",
            when=moment if isinstance(moment, dt.datetime) else None,
            key=f"{self._own}/{ts}",
            reply_to=f"{self._own}/{root}" if root and root != ts else None,
        )
        counts["empty"] += not written
        if not written:
            return
        counts["edited"] += bool(message.get("edited"))
        for reaction in _objects(message.get("reactions")):
            count = reaction.get("count")
            counts["reactions"] += count if isinstance(count, int) else 1
        here = [self._uploads.get(_string(f.get("id"))) for f in files]
        counts["files"] += here.count(None)
        self.pieces.attach([blob for blob in here if blob])

    def _cards(self, message: Mapping[str, Any]) -> str:
        """What the cards below a message say: bots often write nothing else."""
        said = []
        for card in _objects(message.get("attachments")):
            parts = [_string(card.get(key)) for key in ("pretext", "title", "text")]
            said += [part for part in parts if part] or [_string(card.get("fallback"))]
        return self._text("\n".join(filter(None, said)))

    def _speaker(self, message: Mapping[str, Any]) -> str | None:
        user = _string(message.get("user"))
        if user in self._people:
            return self._people[user]
        for key, names in (
            ("user_profile", ("display_name", "real_name", "name")),
            ("bot_profile", ("name",)),
        ):
            profile = message.get(key)
            if isinstance(profile, dict):
                for name in names:
                    if found := " ".join(_string(profile.get(name)).split()):
                        return jsontext.string(found)
        if name := _string(message.get("username")):
            return jsontext.string(name)
        if user:
            self.unknown.add(user)
        return jsontext.string(user or _string(message.get("bot_id"))) or None

    def _text(self, text: str) -> str:
        if "<" in text:
            text = _MARKUP.sub(self._resolved, text)
        if "&" in text:
            text = html.unescape(text)
        return emoji.resolved(text).strip()

    def _resolved(self, match: re.Match[str]) -> str:
        """Mentions, channels, dates and links as people see them."""
        sign, target, label = match[1], match[2], match[3] or ""
        if sign == "@":
            return "@" + (self._people.get(target) or label.lstrip("@") or target)
        if sign == "#":
            return "#" + (label or target)
        if sign == "!":
            return label or "@" + target.partition("^")[0]
        url = target.removeprefix("mailto:")
        return url if not label or label in (url, url.partition("://")[2]) else f"{label} ({url})"


def _messages(name: str, data: bytes) -> list[dict[str, Any]]:
    """Those of a day of a channel."""
    try:
        messages = json.loads(data, strict=False)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name} is not valid JSON: {error}") from None
    if not isinstance(messages, list):
        raise BadInput(f"{name} is no day of a Slack channel: expected a list of messages")
    return _objects(messages)


def _people(folder: Folder) -> dict[str, str]:
    """Names by user id."""
    found = {}
    for user in _listed(folder, "users.json"):
        profile = user.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"))
        name = next((n for n in (*names, user.get("name")) if _string(n).strip()), None)
        if name and isinstance(user.get("id"), str):
            found[user["id"]] = jsontext.string(" ".join(_string(name).split()))
    return found


def _channel_names(folder: Folder, people: Mapping[str, str]) -> dict[str, str]:
    """What people call the conversations whose folders are named by an id."""
    found = {}
    for chat in _listed(folder, "dms.json"):
        members = chat.get("members")
        if isinstance(members, list) and isinstance(chat.get("id"), str):
            names = (people.get(str(member), str(member)) for member in members)
            found[chat["id"]] = jsontext.string(", ".join(names))
    return found


def _listed(folder: Folder, name: str) -> list[dict[str, Any]]:
    """The objects of one of the lists that lie beside the channels; none if it is not there."""
    path = min((p for p in folder.files if PurePosixPath(p).name == name), key=len, default=None)
    if path is None:
        return []
    try:
        return _objects(json.loads(folder.files[path].data(_LIMIT), strict=False))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{folder.files[path].name} is not valid JSON: {error}") from None


def _uploads(folder: Folder) -> dict[str, Blob]:
    """Files in the export by the id in their path: attachments/F123-plan.pdf, F123/plan.pdf."""
    found = {}
    for path, blob in folder.files.items():
        if not path.endswith(".json"):
            found.update(dict.fromkeys(_FILE.findall(path), blob))
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return list(filter(_is_object, value)) if isinstance(value, list) else []


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
