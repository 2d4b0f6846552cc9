"""Posts of a chat, forum or transcript tool: a JSON list of objects, or one object a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import jsontext, times
from gistill.ingest.reading import Entry, Reading, plural, trimmed
from gistill.types import Source

NAME = "posts"
ABOUT = "JSON or JSON Lines objects with `text`, and `author`, `timestamp`, `id`, `reply_to`"
SUFFIXES: tuple[str, ...] = (".json", ".jsonl", ".ndjson")

# What exports call the same thing; the first name that is there with a value counts.
_LISTS = ("posts", "messages", "comments", "items", "segments", "data", "results")
_TEXT = ("text", "content", "body", "message", "msg", "comment")
_AUTHOR = (
    *("author", "user", "speaker", "sender", "from", "name", "username", "user_name"),
    *("author_name", "display_name", "nick", "by"),
)
_PERSON = ("display_name", "real_name", "name", "username", "login", "nick", "email", "id")
_TIME = (
    *("timestamp", "ts", "time", "datetime", "date", "created_at", "createdAt", "created"),
    *("created_utc", "sent_at", "posted_at", "when", "start"),
)
_ID = ("id", "message_id", "msg_id", "client_msg_id", "post_id", "uuid", "key", "ts")
_REPLY = (
    *("reply_to", "in_reply_to", "replyTo", "inReplyTo", "reply_to_id", "reply_to_message_id"),
    *("parent", "parent_id", "parentId", "thread_ts", "reference"),
)


def accepts(name: str, text: str) -> bool:
    """Any JSON: this reader says what is wrong with the rest."""
    return jsontext.sniff(name, text)


def read(source: Source) -> Reading:
    """The posts in the order of the file.

    Raises: BadInput for broken JSON and for JSON that holds no posts, saying what it holds.
    """
    document = jsontext.parse(source.name, source.text)
    prefix, posts, title = _posts(source.name, document.value)
    entries: list[Entry] = []
    empty = undated = 0
    for i, post in enumerate(posts):
        if post is None and document.by_line:
            continue
        entry, dated = _post(source.name, f"{prefix}/{i}", post)
        undated += not dated
        if entry:
            entries.append(entry)
        else:
            empty += 1
    if not entries and posts:
        keys = sorted({key for post in posts if isinstance(post, dict) for key in post})
        raise BadInput(
            f"{source.name} is JSON without any text: expected posts with one of "
            f"{', '.join(_TEXT)}; found {_listed(keys)}"
        )
    notes = [f"{plural(empty, 'post')} without text skipped"] if empty else []
    if undated:
        notes.append(f"{plural(undated, 'timestamp')} could not be read as a time")
    return Reading(entries, notes, title)


def _posts(name: str, value: Any) -> tuple[str, Sequence[Any], str]:
    """Pointer to the list of posts, the list, and the title of the thread if it has one."""
    if isinstance(value, list):
        return "", value, ""
    if isinstance(value, dict):
        title = _first(value, ("title", "topic", "channel", "name"))
        for key in _LISTS:
            if isinstance(value.get(key), list):
                return f"/{key}", value[key], jsontext.string(title) if _is_text(title) else ""
    found = f"an object with {_listed(value)}" if isinstance(value, dict) else _kind(value)
    raise BadInput(
        f"{name} is JSON of a shape gistill does not know: expected a list of posts, an object "
        f"with such a list ({', '.join(_LISTS)}) or a QMSum meeting; found {found}"
    )


def _post(name: str, pointer: str, post: Any) -> tuple[Entry | None, bool]:
    """The entry, if the post has a text, and whether its time, if any, could be read."""
    if not isinstance(post, dict):
        raise BadInput(f"{name} at {pointer}: expected a post as an object, found {_kind(post)}")
    field = next((key for key in _TEXT if _is_text(post.get(key))), None)
    stamp = _first(post, _TIME)
    moment = times.moment(stamp)
    if field is None:
        return None, True
    text = jsontext.string(post[field])
    start, end = trimmed(text, 0, len(text))
    when = moment if isinstance(moment, dt.datetime) else None
    key = _id(_first(post, _ID))
    reply = _id(_first(post, _REPLY))
    entry = Entry(
        text=text[start:end],
        span=(start, end),
        speaker=_person(post),
        kind="message",
        pointer=f"{pointer}/{field}",
        time=_span(moment, times.moment(post.get("end"))),
        when=when,
        key=key,
        reply_to=None if reply == key else reply,
    )
    return entry, moment is not None or stamp is None


def _person(post: Mapping[str, Any]) -> str | None:
    value = _first(post, _AUTHOR)
    if isinstance(value, dict):
        value = _first(value, _PERSON)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return (" ".join(jsontext.string(value).split()) or None) if isinstance(value, str) else None


def _span(start: object, end: object) -> tuple[float, float] | None:
    if not isinstance(start, float):
        return None
    return start, max(start, end) if isinstance(end, float) else start


def _id(value: Any) -> str | None:
    if isinstance(value, dict):
        value = _first(value, (*_ID, "messageId"))
    ok = isinstance(value, str | int | float) and not isinstance(value, bool)
    return jsontext.string(str(value)) if ok else None


def _first(post: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        value = post.get(name)
        if value or value == 0:  # the epoch and a first id may be 0; "", [] and {} say nothing
            return value
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not value.isspace()


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "nothing" if value is None else "a number")


def _listed(keys: Any) -> str:
    shown = [jsontext.string(str(key))[:40] for key in list(keys)[:8]]
    return ", ".join(shown) + (", …" if len(keys) > 8 else "") or "nothing"
