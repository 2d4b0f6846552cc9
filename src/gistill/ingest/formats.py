"""The table of readers. Adding a format is one module like its neighbours and one row here."""

from __future__ import annotations

from typing import NamedTuple

from gistill.ingest import (
    audio,
    discord,
    docx,
    eml,
    epub,
    html,
    images,
    matrix,
    mattermost,
    mbox,
    msg,
    odt,
    pdf,
    posts,
    pptx,
    qmsum,
    slack,
    srt,
    table,
    telegram,
    text,
    video,
    vtt,
    whatsapp,
)
from gistill.ingest.reading import FileReader, FolderReader, Reader

# The first that accepts a file, by its name and first bytes, reads it; what none of them takes
# is read as text.
FILE_READERS: tuple[FileReader, ...] = (
    *(eml, mbox, msg, telegram),
    *(pdf, docx, pptx, odt, epub, table, html, images, audio, video),
)
# The same for folders and archives as a whole; what none takes is read file by file.
FOLDER_READERS: tuple[FolderReader, ...] = (slack,)
# The first that accepts a source reads it; plain text, the last, accepts any.
READERS: tuple[Reader, ...] = (
    *(vtt, srt, qmsum, discord, mattermost, matrix, posts),
    *(whatsapp, text),
)


class Format(NamedTuple):
    """A row for people: what is read, and under which suffixes (`.gz` may follow any).

    needs: the extra of gistill that brings what the reader takes, or nothing. missing: the modules
    of it that are not installed, or nothing.
    """

    name: str
    suffixes: tuple[str, ...]
    about: str
    needs: str = ""
    missing: str = ""


def formats() -> tuple[Format, ...]:
    """The formats gistill reads: texts, then other files, then exports of many files."""
    texts = (Format(one.NAME, one.SUFFIXES, one.ABOUT) for one in READERS)
    others = (
        Format(one.NAME, one.SUFFIXES, one.ABOUT, one.NEEDS.extra, ", ".join(one.NEEDS.missing))
        for one in FILE_READERS
    )
    folders = (Format(one.NAME, one.SUFFIXES, one.ABOUT) for one in FOLDER_READERS)
    return (*texts, *others, *folders)


def reader_for(name: str, text: str) -> Reader:
    """The reader that takes `text`, found by what it holds and by the suffix of `name`."""
    return next(reader for reader in READERS if reader.accepts(name, text))
