"""Files become a `Thread` of citable segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from gistill.errors import BadInput
from gistill.ingest import encoding, files
from gistill.ingest.formats import Format, formats, reader_for
from gistill.ingest.locate import resolve, resolver
from gistill.ingest.merge import merge
from gistill.types import Source, Thread

__all__ = ["Format", "assemble", "formats", "load", "resolve", "resolver"]


def load(paths: str | Path | Sequence[str | Path], *, stdin: BinaryIO | None = None) -> Thread:
    """Reads the files at `paths` as one thread; "-" is standard input, or `stdin` if given.

    Entries with dates are put in time order (without a zone they count as UTC for that); a file
    without dates stays whole, where it was named. Segment ids count in reading order, so they
    stay when text is appended. `segment.text` is exactly what `resolve` gives for `segment.at`.

    Raises: BadInput, in one line, for what cannot be read, and for what holds no text.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise BadInput("nothing to read; name a file, or - for standard input")
    distinct, notes = files.distinct(given)
    thread = assemble([files.read(path, stdin) for path in distinct])
    return replace(thread, notes=(*notes, *thread.notes)) if notes else thread


def assemble(raws: Sequence[files.Raw]) -> Thread:
    """`load` for what has been read already. Raises: BadInput."""
    notes: list[str] = []
    sources = []
    readings = []
    for raw in raws:
        source, note = _decoded(raw)
        reading = reader_for(source.name, source.text).read(source)
        if not reading.entries:
            raise BadInput(f"{source.name} holds no text that could be summarized")
        sources.append(source)
        readings.append(reading)
        said = [note] if note else []
        notes += [f"{source.name}: {one}" for one in (*said, *reading.notes)]
    segments, merged = merge(sources, readings)
    title = readings[0].title if len(readings) == 1 else ""
    return Thread(tuple(segments), tuple(sources), title, (*notes, *merged))


def _decoded(raw: files.Raw) -> tuple[Source, str]:
    """The text of `raw`, and a note on its encoding if that was in doubt."""
    try:
        text, note = encoding.decode(raw.data)
    except encoding.NotText as kind:
        looks = f" ({kind})" if str(kind) else ""
        names = ", ".join(row.name for row in formats())
        raise BadInput(
            f"{raw.name} looks like a binary file{looks}; gistill reads: {names}"
        ) from None
    if not text.strip("\0\ufeff \t\r\n\v\f"):
        raise BadInput(f"{raw.name} is empty")
    return Source(raw.name, raw.sha256, text), note
