"""Bytes from paths and standard input; gzip is opened on the way."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gistill.errors import BadInput
from gistill.ingest.blob import Blob, limited

STDIN = "<stdin>"
LIMIT = 1 << 28  # bytes of one text, unpacked: a thread takes ten times that in memory
GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


class Raw(NamedTuple):
    """One input as it came: `sha256` is that of the file itself, `data` is unpacked."""

    name: str
    sha256: str
    data: bytes


def read(path: str | Path, stdin: BinaryIO | None = None) -> Raw:
    """The bytes at `path`, unpacked; "-" is standard input.

    Raises: BadInput as `blob` and `raw` do.
    """
    return raw(blob(path, stdin))


def blob(path: str | Path, stdin: BinaryIO | None = None) -> Blob:
    """The file at `path`, opened once to see that it can be; "-" is standard input.

    Standard input and what else can be read only once, such as a pipe, is read here.
    Raises: BadInput if there is no such file, it is a directory, it cannot be read, or has to be
    read here and holds more than `LIMIT` bytes.
    """
    name = display(path)
    if name == STDIN:
        return Blob.of(name, limited(stdin or sys.stdin.buffer, name, LIMIT))
    with _said(name), open(path, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or not facts.st_size:  # the kernel's have no size
            return Blob.of(name, limited(file, name, LIMIT))
    return Blob(name, facts.st_size, lambda: opened(path, name), Path(path))


def opened(path: str | Path, name: str) -> BinaryIO:
    """The file at `path`. Raises: BadInput under `name` if it cannot be opened."""
    with _said(name):
        return open(path, "rb")


def raw(blob: Blob) -> Raw:
    """All bytes of `blob`, gzip unpacked.

    Raises: BadInput if they are more than `LIMIT`, packed or unpacked, or damaged gzip.
    """
    packed = blob.data(LIMIT)
    sha256 = hashlib.sha256(packed).hexdigest()
    gzip = packed[:2] == GZIP
    return Raw(blob.name, sha256, _unpacked(packed, blob.name) if gzip else packed)


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Says in one line what the system has against opening or reading a file."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(f"there is no file {name}; check the path") from None
    except IsADirectoryError:
        raise BadInput(f"{name} is a directory; name the files in it") from None
    except PermissionError:
        raise BadInput(f"{name} may not be read; check its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        raise BadInput(f"{name} cannot be read: {error}") from None


def display(path: str | Path) -> str:
    """The name a source goes by: its path as given, fit to be printed."""
    return STDIN if str(path) == "-" else os.fsencode(path).decode("utf-8", "replace")


def distinct(paths: Sequence[str | Path]) -> tuple[list[str | Path], list[str]]:
    """`paths` without those that lead to a file named before, and a note for each of these."""
    kept: dict[str, str | Path] = {}
    notes = []
    for path in paths:
        place = STDIN if str(path) == "-" else os.path.realpath(path)
        if place in kept:
            notes.append(f"{display(path)} is {display(kept[place])} once more; it was read once")
        else:
            kept[place] = path
    return list(kept.values()), notes


def _unpacked(packed: bytes, name: str) -> bytes:
    """All gzip members of `packed`, one after another, as `gzip -dc` gives them."""
    out = io.BytesIO()
    rest = packed
    while rest.rstrip(b"\0"):
        stream = zlib.decompressobj(wbits=31)
        try:
            while not stream.eof:
                piece = stream.decompress(rest, _PIECE)
                rest = stream.unconsumed_tail
                if not piece and not rest and not stream.eof:
                    raise BadInput(f"{name} ends in the middle of its gzip stream; fetch it again")
                out.write(piece)
                if out.tell() > LIMIT:
                    raise BadInput(f"{name} unpacks to more than {LIMIT >> 20} MiB; split it")
        except zlib.error as error:
            raise BadInput(f"{name} is damaged gzip ({error}); fetch it again") from None
        rest = stream.unused_data
    return out.getvalue()
