"""WebVTT (https://www.w3.org/TR/webvtt1/): captions and transcripts, with voice tags."""

from __future__ import annotations

import re

from gistill.ingest import captions
from gistill.ingest.lines import lines
from gistill.ingest.reading import Reading
from gistill.types import Source

NAME = "WebVTT"
ABOUT = "cues with times; speakers from voice tags (`<v Name>`) or `Name: text`"
SUFFIXES: tuple[str, ...] = (".vtt",)

_SIGNATURE = re.compile(r"WEBVTT(?:[ \t]+(?:-\s*)?(?P<title>[^\r\n]*))?(?=[\r\n]|$)")
_NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?=\s|$)")


def accepts(name: str, text: str) -> bool:
    """By its signature, or by its suffix where that was lost."""
    return bool(_SIGNATURE.match(text)) or name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read(source: Source) -> Reading:
    """Cues in the order of the file. Raises BadInput if there is none."""
    signature = _SIGNATURE.match(source.text)
    title = (signature["title"] or "").strip() if signature else ""
    cues = captions.cues(source.text, lines(source.text, marked=False), _NO_CUE)
    return captions.reading(source.name, source.text, cues, title)
