"""Recordings that lie near the report, so that a cited moment can be played."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gistill.artifacts.report.claims import escape
from gistill.types import Segment, Thread


def links(thread: Thread, beside: Path | None) -> dict[str, str]:
    """By the name of a recording, its URL relative to the folder `beside`, where the report lies;
    of recordings inside archives there is none."""
    if beside is None:
        return {}
    timed = {segment.at.source for segment in thread.segments if segment.at.time is not None}
    if not timed:
        return {}
    from gistill.ingest import audio, video

    found = {}
    for name in sorted(timed):
        path = Path(name)
        if path.suffix.lower() in (*audio.SUFFIXES, *video.SUFFIXES) and os.path.isfile(path):
            try:
                near = Path(os.path.relpath(path.absolute(), beside.absolute()))
            except ValueError:  # on another drive
                continue
            found[name] = quote(near.as_posix())
    return found


def button(segment: Segment, urls: Mapping[str, str]) -> str:
    """A link to the moment of `segment`, which browsers open there; empty if there is none."""
    url = urls.get(segment.at.source)
    if url is None or segment.at.time is None:
        return ""
    start = f"{segment.at.time[0]:.1f}"
    return (
        f'<a class="play" href="{escape(url)}#t={start}" target="_blank" '
        f'aria-label="Play from here">&#9654;</a>'
    )
