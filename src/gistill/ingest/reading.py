"""What a reader gives back, and what a reader is.

One rule says what a locator points into. Where a format holds what people wrote as they wrote it
(plain text, captions, most JSON), a `Reader` takes the file's own text as the source, and its
entries are slices of that, or of JSON strings in it. Where what people wrote has to be put together
or decoded first (mail, documents, images, recordings, the markup of Slack, the text parts of
Telegram), a `FileReader` or `FolderReader` writes it out as one text, that is the source, and its
entries are slices of that. It is one or the other for a whole format, never for a single message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.tools import Tools
from gistill.types import Box, Kind, Source


class Entry(NamedTuple):
    """A segment before the thread gives it an id; `text` is what `span` (and `pointer`) names.

    `key` is the id the source itself uses, `reply_to` the `key` of the entry this one answers.
    A named tuple, because a 10 MB thread has a hundred thousand of them.
    """

    text: str
    span: tuple[int, int]
    speaker: str | None = None
    kind: Kind = "paragraph"
    pointer: str | None = None
    time: tuple[float, float] | None = None
    when: dt.datetime | None = None
    key: str | None = None
    reply_to: str | None = None
    page: int | None = None
    box: Box | None = None


class Attached(NamedTuple):
    """A file that belongs to an entry, and is read as part of it: its entries follow that one,
    with its speaker and its time, as replies to it.

    A text names the file by its path beside the source; if it is not there, that is said.
    """

    file: Blob | str
    entry: int  # index into the entries of the reading


class Quote(NamedTuple):
    """Words of another that an entry repeats: in the source's text, but no entry. Where they are
    in the thread, this is a further place of theirs."""

    text: str
    span: tuple[int, int]
    entry: int  # index into the entries of the reading


class Reading(NamedTuple):
    """One source as read, in the source's order; `notes` says what was skipped or repaired."""

    entries: Sequence[Entry]
    notes: Sequence[str] = ()
    title: str = ""
    attached: Sequence[Attached] = ()
    quotes: Sequence[Quote] = ()


class Extract(NamedTuple):
    """A file that is not text, as read: `text` is what was read out of it."""

    blob: Blob
    text: str
    reading: Reading


class Reader(Protocol):
    """One format family. A module with these names is a reader; `formats.READERS` lists them.

    NAME and ABOUT are for people, SUFFIXES (lower case, with the dot) for people and `accepts`.
    """

    NAME: str
    ABOUT: str
    SUFFIXES: tuple[str, ...]

    def accepts(self, name: str, text: str) -> bool:
        """Whether this reader is the one for `text`; cheap, for every source is asked about."""
        ...

    def read(self, source: Source) -> Reading:
        """Reads `source` from start to end. Raises BadInput if it is not what it seemed."""
        ...


class FileReader(Protocol):
    """One format family that is not plain text. NEEDS is what it takes beyond Python."""

    NAME: str
    ABOUT: str
    SUFFIXES: tuple[str, ...]
    NEEDS: Needs

    def accepts(self, name: str, head: bytes) -> bool:
        """Whether this reader is the one for a file of this name that begins so."""
        ...

    def read(self, blob: Blob, tools: Tools) -> Extract:
        """Reads it from start to end; what cannot be read of it is said in the notes.

        Raises: BadInput if it is damaged or not what it seemed; MissingExtra.
        """
        ...


class Folder(NamedTuple):
    """A folder or an archive: its files by their path in it ("general/2024-05-01.json"), in the
    order of these paths. The blobs' own names begin with `name`."""

    name: str
    files: Mapping[str, Blob]


class Export(NamedTuple):
    """A folder as read: its texts as sources, the files of it that are to be read as any, and
    what was skipped or repaired in all of it."""

    sources: Sequence[tuple[Source, Reading]]
    rest: Sequence[Blob] = ()
    notes: Sequence[str] = ()


class FolderReader(Protocol):
    """An export of many files that is one thing. SUFFIXES are those of its archives, for people."""

    NAME: str
    ABOUT: str
    SUFFIXES: tuple[str, ...]

    def accepts(self, folder: Folder) -> bool:
        """Whether this is such an export; cheap."""
        ...

    def read(self, folder: Folder) -> Export:
        """Its texts as sources; files that belong to a message are attached to it.

        Raises: BadInput if it is not what it seemed.
        """
        ...


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """`start, end` moved inwards over white space; empty (start == end) if there is only that."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, start + len(piece.strip()))


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 cue`, `1,200 cues`; `many` is the plural of a `noun` that does not take an s."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def counted(*rows: tuple[int, str, str]) -> list[str]:
    """`3 reactions left out` for each (3, "reaction", "left out") whose number is not 0."""
    return [f"{plural(count, noun)} {what}" for count, noun, what in rows if count]
