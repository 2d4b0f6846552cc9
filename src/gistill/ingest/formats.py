"""The table of readers. Adding a format is one module like its neighbours and one row here."""

from __future__ import annotations

from typing import NamedTuple

from gistill.ingest import posts, qmsum, srt, text, vtt
from gistill.ingest.reading import FileReader, FolderReader, Reader

# The first that accepts a file, by its name and first bytes, reads it; what none of them takes
# is read as text.
FILE_READERS: tuple[FileReader, ...] = ()
# The same for folders and archives as a whole; what none takes is read file by file.
FOLDER_READERS: tuple[FolderReader, ...] = ()
# The first that accepts a source reads it; plain text, the last, accepts any.
READERS: tuple[Reader, ...] = (vtt, srt, qmsum, posts, text)


class Format(NamedTuple):
    """A row for help texts: what is read, under which suffixes (`.gz` may follow any)."""

    name: str
    suffixes: tuple[str, ...]
    about: str


def formats() -> tuple[Format, ...]:
    """The formats gistill reads, in the order in which a source is offered to them."""
    return tuple(Format(reader.NAME, reader.SUFFIXES, reader.ABOUT) for reader in READERS)


def reader_for(name: str, text: str) -> Reader:
    """The reader that takes `text`, found by what it holds and by the suffix of `name`."""
    return next(reader for reader in READERS if reader.accepts(name, text))
