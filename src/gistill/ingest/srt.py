"""SubRip (.srt) subtitles."""

from __future__ import annotations

import re

from gistill.ingest import captions
from gistill.ingest.lines import lines
from gistill.ingest.reading import Reading
from gistill.types import Source

NAME = "SubRip"
ABOUT = "cues with times; speakers from `Name: text`"
SUFFIXES: tuple[str, ...] = (".srt",)

_FIRST_CUE = re.compile(r"\s*\d+[ \t]*\r?\n\d{1,3}:\d\d:\d\d[,.]\d{1,3}\s*-->")


def accepts(name: str, text: str) -> bool:
    """By its suffix, or by a numbered first cue."""
    return bool(_FIRST_CUE.match(text)) or name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read(source: Source) -> Reading:
    """Cues in the order of the file. Raises BadInput if there is none."""
    cues = captions.cues(source.text, lines(source.text, marked=False))
    return captions.reading(source.name, source.text, cues)
