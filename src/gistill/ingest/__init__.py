"""Files become a `Thread` of citable segments."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from gistill.errors import BadInput
from gistill.ingest import files
from gistill.ingest.blob import Blob
from gistill.ingest.formats import Format, formats
from gistill.ingest.intake import Intake
from gistill.ingest.locate import resolve, resolver
from gistill.ingest.merge import merge
from gistill.ingest.tools import Tools
from gistill.types import Thread

__all__ = ["Format", "Tools", "assemble", "formats", "load", "resolve", "resolver"]


def load(
    paths: str | Path | Sequence[str | Path],
    *,
    stdin: BinaryIO | None = None,
    tools: Tools | None = None,
) -> Thread:
    """Reads files, folders and archives as one thread; "-" is standard input, or `stdin` if given.

    Entries with dates are put in time order (without a zone they count as UTC for that); a file
    without dates stays whole, where it was named. Segment ids count in reading order, so they
    stay when text is appended. `segment.text` is exactly what `resolve` gives for `segment.at`.
    Of several files those that cannot be read are in `Thread.unread`, with the reason.

    Raises: BadInput, in one line, for a path that is not there, and if nothing could be read.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise BadInput("nothing to read; name a file, or - for standard input")
    distinct, notes = files.distinct(given)
    with closing(Intake(tools or Tools())) as intake:
        intake.notes += notes
        for path in distinct:
            if str(path) == "-":
                intake.blob(files.blob(path, stdin))
            else:
                intake.path(Path(path))
        return _thread(intake, distinct)


def assemble(raws: Sequence[files.Raw]) -> Thread:
    """`load` for what has been read already. Raises: BadInput."""
    with closing(Intake(Tools())) as intake:
        for raw in raws:
            intake.blob(Blob.of(raw.name, raw.data))
        return _thread(intake, [raw.name for raw in raws])


def _thread(intake: Intake, given: Sequence[object]) -> Thread:
    """Raises: BadInput if nothing was read."""
    if not intake.parts:
        wrong = list((intake.failed or intake.empty).values())
        if len(wrong) == 1:
            raise wrong[0]
        if wrong:
            raise BadInput(f"none of {len(wrong)} files could be read; the first: {wrong[0]}")
        raise BadInput(
            f"there is no file to read in {', '.join(map(str, given))}; hidden ones are left out"
        )
    empty = (str(error) for error in intake.empty.values())
    segments, sources, merged = merge(intake.parts)
    titles = [about.title for about in intake.threads if about.title]
    if not titles and len(intake.parts) == 1:
        titles = [intake.parts[0].reading.title]
    present = (name for about in intake.threads for name in about.participants)
    return Thread(
        tuple(segments),
        tuple(sources),
        titles[0] if len(titles) == 1 else "",
        (*intake.notes, *empty, *merged),
        intake.unread,
        tuple(dict.fromkeys(present)),
    )
