"""Recordings and films as FFmpeg opens them, by PyAV; what it cannot open is said in one line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gistill.errors import BadInput
from gistill.ingest import times
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs

if TYPE_CHECKING:
    from av.container import InputContainer

NEEDS = Needs("audio", ("av", "faster_whisper"))
# Nothing else is opened, whatever the file says it is: a playlist would have FFmpeg read other
# files, and from the network.
_FORMATS = "aac,aiff,avi,caf,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,w64,wav"
_EARLIEST = 1980  # what cameras without a clock write is before that


@contextmanager
def opened(blob: Blob) -> Iterator[InputContainer]:
    """The recording in `blob`. Raises: BadInput if FFmpeg cannot open it; MissingExtra."""
    NEEDS.check("reading recordings")
    with blob.on_disk() as path, container(path, blob.name) as opened:
        yield opened


@contextmanager
def container(path: Path, name: str) -> Iterator[InputContainer]:
    """`opened` for a file on disk; `name` is what people call it."""
    import av

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        # An absolute path cannot be taken for the address of something else.
        file = av.open(str(path.resolve()), container_options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise BadInput(
            f"{name} cannot be opened as a recording ({why(error)}); "
            "it is damaged, cut off or of another format"
        ) from None
    with file:
        yield file


def why(error: BaseException) -> str:
    """What FFmpeg says, without its number."""
    said = getattr(error, "strerror", None) or str(error)
    return str(said).splitlines()[0]


def begun(file: InputContainer) -> dt.datetime | None:
    """When the recording began, as far as the file says; its maker may have written the end."""
    for metadata in (file.metadata, *(stream.metadata for stream in file.streams)):
        stamp = metadata.get("creation_time", "")
        if len(stamp) == 8 and "date" in metadata:  # Broadcast WAV has day and time apart
            stamp = f"{metadata['date']} {stamp}"
        when = times.iso(stamp)
        if when and when.year >= _EARLIEST:
            return when
    return None


def seconds(file: InputContainer) -> float | None:
    """How long it says it is."""
    return file.duration / 1_000_000 if file.duration and file.duration > 0 else None


def clock(seconds: float) -> str:
    """`1:02:03`, or `02:03` under an hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
