"""WhatsApp chats exported as text, as Android and as iOS write them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from gistill.ingest import times
from gistill.ingest.reading import Attached, Entry, Reading, counted, trimmed
from gistill.types import Source

NAME = "WhatsApp"
ABOUT = "exported chats as text: both date styles, messages of many lines, files beside it"
SUFFIXES: tuple[str, ...] = (".txt",)

_MARKS = r"[\u200e\u200f\u202a-\u202e\ufeff]*"
_DATE = r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\.?"
_TIME = r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[\s\u202f\u00a0]?[AaPp]\.?\s?[Mm]\.?)?"
_STAMP = rf"{_DATE},?[ \u202f\u00a0]{_TIME}"
_HEADER = re.compile(
    rf"^{_MARKS}(?:\[(?P<ios>{_STAMP})\]|(?P<android>{_STAMP}) [-–](?=\s)){_MARKS}[ \t]?",
    re.MULTILINE,
)
# A name ends at the first colon; the lines that WhatsApp itself writes quote what they name.
_NAME = re.compile(rf"{_MARKS}(?:~[\s\u202f\u00a0]*)?(?P<name>[^:\n\"“”«»„]{{1,80}}):(?: |$)", re.M)
_OMITTED = re.compile(
    rf"{_MARKS}(?:<[^<>\n:]{{3,60}}>|[^\n]*\b(?:image|video|audio|sticker|GIF|document|photo"
    r"|Contact card|voice message|Bild|Video|Audio|Dokument) (?:omitted|weggelassen))\s*"
)
_DELETED = re.compile(
    rf"{_MARKS}(?:(?:This message was deleted|You deleted this message)(?: by admin[^\n]*)?"
    r"|(?:Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht))\.?\s*"
)
_EDITED = re.compile(rf"\s*{_MARKS}<(?:This message was edited|Diese Nachricht wurde bearbeitet)>")
_FILE = re.compile(
    rf"{_MARKS}(?:<[^<>:\n]{{2,30}}: (?P<ios>[^<>\n/\\]+\.\w{{2,5}})>"
    r"|(?P<android>[^<>:\n/\\]+\.\w{2,5}) \([^()\n]{4,40}\))"
)
# iOS puts a mark before what it writes itself, but also before places and polls.
_NOTICE = re.compile(r"\u200e(?!POLL)(?:(?!://)[\s\S])*")
_OTHER = {"omitted": _OMITTED, "deleted": _DELETED, "system": _NOTICE}
_ORDER = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})")
_SAMPLE = 20_000  # characters in which the second message must begin


class _Message(NamedTuple):
    stamp: str
    start: int  # of what follows the time
    end: int


def accepts(name: str, text: str) -> bool:
    """By how its first line and one soon after begin."""
    sample = text[:_SAMPLE].lstrip("\ufeff\r\n\t ")
    first = _HEADER.match(sample)
    return bool(first and _HEADER.search(sample, first.end()))


def read(source: Source) -> Reading:
    """The messages in the order of the file."""
    text = source.text
    messages = list(_messages(text))
    dates, unsure = times.slashed([_slashed(m.stamp) for m in messages])
    entries: list[Entry] = []
    attached: list[Attached] = []
    counts: Counter[str] = Counter()
    for message, date in zip(messages, dates, strict=True):
        when = times.iso(_iso(message.stamp)) or date
        named = _NAME.match(text, message.start, message.end)
        if not named:
            counts["system"] += 1
            continue
        start, end = trimmed(text, named.end(), message.end)
        if edited := _EDITED.search(text, max(start, end - 60), end):
            start, end = trimmed(text, start, edited.start())
            counts["edited"] += 1
        said = text[start:end]
        file = _FILE.match(said)
        kind = next((k for k, p in _OTHER.items() if p.fullmatch(said)), "")
        if start == end or (kind and not file):
            counts[kind or "empty"] += 1
            continue
        who = " ".join(named["name"].strip("\u200e\u200f\u202a\u202c").split())
        if file:
            attached.append(Attached(file["ios"] or file["android"], len(entries)))
        entries.append(Entry(said, (start, end), who, "message", when=when))
    notes = counted(
        (counts["system"], "system message", "skipped"),
        (counts["omitted"], "file", "left out of the export"),
        (counts["deleted"], "deleted message", "left out"),
        (counts["edited"], "message", "as last edited"),
        (counts["empty"], "empty message", "skipped"),
    )
    if unsure:
        notes.append("dates such as 3/4/2024 were read day first")
    return Reading(entries, notes, attached=attached)


def _messages(text: str) -> Iterator[_Message]:
    headers = list(_HEADER.finditer(text))
    ends = [match.start() for match in headers[1:]] + [len(text)]
    for match, end in zip(headers, ends, strict=True):
        yield _Message(match["ios"] or match["android"], match.end(), end)


def _slashed(stamp: str) -> str:
    """`stamp` with the marks between its numbers that `times.slashed` knows."""
    date, _, clock = stamp.replace("\u202f", " ").replace("\u00a0", " ").partition(" ")
    date = date.rstrip(",.").replace("-", "/")
    return f"{date} {re.sub(r'(?<=[0-9])[.](?=[0-9])', ':', clock)}"


def _iso(stamp: str) -> str:
    """`stamp` in ISO 8601 if its year comes first, else what is no date."""
    match = _ORDER.match(stamp)
    clock = _slashed(stamp).partition(" ")[2]
    if not match or not re.fullmatch(r"\d{1,2}:\d\d(?::\d\d)?", clock):
        return ""
    year, month, day = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}T{clock:0>{8 if clock.count(':') > 1 else 5}}"
