"""Sources and threads from literals, checked against the rule that every reader must keep."""

from __future__ import annotations

import hashlib
import json
from email.message import EmailMessage
from typing import Any

from gistill.ingest import assemble, resolver
from gistill.ingest.blob import Blob
from gistill.ingest.files import Raw
from gistill.ingest.reading import Extract, FileReader, Reader, Reading
from gistill.ingest.repeats import plain
from gistill.ingest.tools import Tools
from gistill.types import Locator, Source, Thread


def raw(name: str, content: str | bytes) -> Raw:
    data = content.encode() if isinstance(content, str) else content
    return Raw(name, hashlib.sha256(data).hexdigest(), data)


def reading(reader: Reader, text: str, name: str = "") -> Reading:
    """What `reader` finds in `text`; every entry is checked to be the slice it claims to be."""
    source = Source(name or "input" + reader.SUFFIXES[0], "", text)
    found = reader.read(source)
    text_at = resolver(source)
    for entry in found.entries:
        assert entry.text == text_at(Locator(source.name, entry.span, entry.pointer))
        assert entry.text == entry.text.strip() != ""
    return found


def extract(reader: FileReader, name: str, content: str | bytes) -> Extract:
    """What `reader` reads out of a file; every entry is checked to be the slice it claims to be."""
    data = content.encode() if isinstance(content, str) else content
    found = reader.read(Blob.of(name, data), Tools())
    for entry in found.reading.entries:
        assert entry.text == found.text[slice(*entry.span)] == entry.text.strip() != ""
        entry.text.encode()
    assert all(one.entry < len(found.reading.entries) for one in found.reading.attached)
    return found


def thread(*files: tuple[str, str | bytes | Any]) -> Thread:
    """Named contents as a thread; what is neither text nor bytes is dumped as JSON."""
    found = assemble([raw(n, c if isinstance(c, str | bytes) else json.dumps(c)) for n, c in files])
    check(found)
    return found


def check(thread: Thread) -> None:
    """Ids count up, locators give the text back, replies go to segments that exist."""
    text_at = {source.name: resolver(source) for source in thread.sources}
    ids = {segment.id for segment in thread.segments}
    assert [s.id for s in thread.segments] == [f"s{i:06d}" for i in range(len(ids))]
    for segment in thread.segments:
        assert segment.text == text_at[segment.at.source](segment.at) != ""
        assert segment.reply_to is None or segment.reply_to in ids
        segment.text.encode()
        subject, _, rest = segment.text.partition("\n")  # a quote of a mail is without it
        words = rest if subject.startswith("Subject: ") else segment.text
        assert all(plain(words) in plain(text_at[at.source](at)) for at in segment.also)


def turns(found: Reading) -> list[tuple[str | None, str]]:
    return [(entry.speaker, entry.text) for entry in found.entries]


def mail(text: str = "We open in May.", **headers: str) -> EmailMessage:
    """A mail by Ada; an underscore in the name of a header stands for a hyphen."""
    message = EmailMessage()
    for name, value in {
        "From": "Ada Lovelace <ada@example.org>",
        "To": "ben@example.org",
        "Date": "Mon, 06 May 2024 10:00:00 +0200",
        "Message-ID": "<1@example.org>",
        "Subject": "Opening",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }.items():
        message[name] = value
    message.set_content(text)
    return message
