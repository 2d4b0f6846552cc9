"""Mattermost bulk exports: JSON Lines that begin with a version."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gistill.errors import BadInput
from gistill.ingest import jsontext, times
from gistill.ingest.reading import Attached, Entry, Reading, counted, trimmed
from gistill.types import Source

NAME = "Mattermost"
ABOUT = "bulk exports as JSON Lines: posts with their replies, files beside it"
SUFFIXES: tuple[str, ...] = (".jsonl",)

_HEAD = re.compile(r'\s*\{\s*"type"\s*:\s*"version"\s*,')
_POSTS = ("post", "direct_post")


class _Post(NamedTuple):
    pointer: str
    post: Mapping[str, Any]
    key: str
    reply_to: str | None = None


def accepts(name: str, text: str) -> bool:
    """By its first line."""
    return bool(_HEAD.match(text))


def read(source: Source) -> Reading:
    """The posts in the order of the file, each followed by its replies.

    Raises: BadInput for broken JSON.
    """
    # One line alone is a JSON value too: the name says that these are lines.
    document = jsontext.parse(source.name, source.text)
    rows = document.value if isinstance(document.value, list) else [document.value]
    people = _people(rows)
    entries: list[Entry] = []
    attached: list[Attached] = []
    counts: Counter[str] = Counter()
    channels = set()
    for pointer, post, key, reply_to in _posts(rows):
        if str(post.get("type") or "").startswith("system_"):
            counts["system"] += 1
            continue
        entry = _entry(pointer, post, people)
        if entry is None:
            counts["empty"] += 1
            continue
        channels.add(str(post.get("channel", "")))
        counts["edited"] += bool(post.get("edit_at"))
        counts["reactions"] += len(_objects(post.get("reactions")))
        paths = (file.get("path") for file in _objects(post.get("attachments")))
        attached += [Attached(path, len(entries)) for path in paths if isinstance(path, str)]
        entries.append(entry._replace(key=key, reply_to=reply_to))
    if not entries:
        raise BadInput(f"{source.name} is a Mattermost export without any post")
    notes = counted(
        (counts["system"], "system message", "skipped"),
        (counts["edited"], "message", "as last edited"),
        (counts["reactions"], "reaction", "left out"),
        (counts["empty"], "message", "without text skipped"),
    )
    named = channels - {""}
    title = f"#{jsontext.string(named.pop())}" if len(channels) == len(named) == 1 else ""
    return Reading(entries, notes, title, attached)


def _people(rows: list[Any]) -> dict[str, str]:
    """Full names by user name, of users that have one."""
    found = {}
    for row in rows:
        user = row.get("user") if isinstance(row, dict) and row.get("type") == "user" else None
        if isinstance(user, dict) and isinstance(user.get("username"), str):
            full = " ".join(str(user.get(k) or "") for k in ("first_name", "last_name"))
            name = " ".join(full.split()) or str(user.get("nickname") or "")
            if name.strip():
                found[user["username"]] = jsontext.string(name.strip())
    return found


def _posts(rows: list[Any]) -> Iterator[_Post]:
    for n, row in enumerate(rows):
        kind = row.get("type") if isinstance(row, dict) else None
        post = row.get(kind) if kind in _POSTS else None
        if not isinstance(post, dict):
            continue
        yield _Post(f"/{n}/{kind}", post, str(n))
        replies = post.get("replies")
        for i, reply in enumerate(replies if isinstance(replies, list) else ()):
            if isinstance(reply, dict):
                yield _Post(f"/{n}/{kind}/replies/{i}", reply, f"{n}/{i}", str(n))


def _entry(pointer: str, post: Mapping[str, Any], people: Mapping[str, str]) -> Entry | None:
    places = [("message", post.get("message"))]
    files = post.get("attachments")
    for n, file in enumerate(files if isinstance(files, list) else ()):
        if isinstance(file, dict):
            places.append((f"attachments/{n}/path", file.get("path")))
    texts = ((where, value) for where, value in places if isinstance(value, str))
    found = next((place for place in texts if place[1].strip()), None)
    if found is None:
        return None
    text = jsontext.string(found[1])
    start, end = trimmed(text, 0, len(text))
    user = post.get("user")
    who = people.get(user, jsontext.string(user)) if isinstance(user, str) else None
    moment = times.moment(post.get("create_at"))
    when = moment if isinstance(moment, dt.datetime) else None
    pointer = f"{pointer}/{found[0]}"
    return Entry(text[start:end], (start, end), who or None, "message", pointer, when=when)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
