"""What lies in zip, tar and gzip archives, as blobs: nothing is written under a member's name."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

from gistill.errors import BadInput
from gistill.ingest.blob import Blob
from gistill.ingest.files import GZIP
from gistill.ingest.reading import Folder, plural

# On all archives of one thread together.
MEMBERS = 100_000
UNPACKED = 16 << 30  # bytes: recordings are large
RATIO = 200  # unpacked to packed: text reaches 20, a bomb 1,000
DEPTH = 3  # archives inside archives
_SMALL = 64 << 20  # bytes below which a ratio is no threat
_PIECE = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: one without members
_USTAR = slice(257, 262)
_OUTSIDE = re.compile(r"(?:^|/)\.\.(?:/|$)|^/|^[A-Za-z]:")
_HIDDEN = re.compile(r"(?:^|/)(?:\.[^/]|__MACOSX/|Thumbs\.db$|desktop\.ini$)")

# What reading a member of a damaged archive raises, and what opening the archive may beside.
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, OSError),
)
_UNOPENED = (*BROKEN, ValueError, struct.error)


class _Member(NamedTuple):
    """`why` it cannot be read, if it cannot; `link` if it is no file."""

    path: str
    size: int
    packed: int
    opener: Callable[[], BinaryIO]
    link: bool = False
    why: str = ""


class Archives:
    """Opens archives and keeps them open until it is closed, for their blobs read from them.

    skipped: what was left out and is no loss, for people. refused: what could not or may not be
    read, and why, by the names its blobs would have.
    """

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.refused: dict[str, str] = {}
        self._stack = ExitStack()
        self._members = self._unpacked = 0

    def close(self) -> None:
        self._stack.close()

    def open(self, blob: Blob, depth: int = 0) -> Folder | None:
        """What lies in `blob` if it is an archive, else None; `depth` counts those around it.

        Raises: BadInput if it is damaged, or beyond a limit, which the message names.
        """
        head = blob.head(512)
        packed = head[:2] == GZIP
        if packed:
            head = unpacked_head(blob)
        if not (head.startswith(_ZIP) or head[_USTAR] == b"ustar"):
            return None
        if depth >= DEPTH:
            raise BadInput(f"{blob.name} lies in {DEPTH} archives already; unpack the outer ones")
        try:
            path = self._stack.enter_context((self.unpacked(blob) if packed else blob).on_disk())
            if head.startswith(_ZIP):
                members = _zipped(self._stack.enter_context(zipfile.ZipFile(path)))
            else:
                members = _tarred(self._stack.enter_context(tarfile.TarFile(path)))
            return Folder(blob.name, self._files(blob, members))
        except _UNOPENED as error:
            raise BadInput(f"{blob.name} is a damaged archive ({error}); fetch it again") from None

    def unpacked(self, blob: Blob) -> Blob:
        """What a gzip file holds, under its name without `.gz`, on disk while this is open.

        Raises: BadInput if it is damaged or beyond a limit.
        """
        handle, name = tempfile.mkstemp(prefix="gistill-")
        self._stack.callback(os.unlink, name)
        size = 0
        try:
            with os.fdopen(handle, "wb") as copy, gzip.open(blob.opener()) as file:
                while piece := file.read(_PIECE):
                    size += len(piece)
                    self._allow(blob.name, size, blob.size)
                    copy.write(piece)
        except BROKEN as error:
            raise BadInput(f"{blob.name} is damaged gzip ({error}); fetch it again") from None
        self._unpacked += size
        path = Path(name)
        bare = re.sub(r"(?i)\.gz$", "", re.sub(r"(?i)\.tgz$", ".tar", blob.name))
        return Blob(bare, size, lambda: path.open("rb"), path)

    def _files(self, blob: Blob, members: Iterable[_Member]) -> dict[str, Blob]:
        found: dict[str, Blob] = {}
        hidden = 0
        size = packed = 0
        for member in members:
            self._members += 1
            if self._members > MEMBERS:
                raise BadInput(f"{blob.name} holds more than {MEMBERS:,} files; unpack a part")
            path = member.path.replace("\\", "/")
            path = path.encode("utf-8", "replace").decode().removeprefix("./")
            if why := member.why or ("leads out of the archive" if _OUTSIDE.search(path) else ""):
                self.refused[f"{blob.name}/{path}"] = f"{blob.name}/{path} {why}"
            elif member.link or path in found:
                what = "is a link or no file" if member.link else "is there twice; one was read"
                self.skipped.append(f"{blob.name}: {path!r} {what}")
            elif _HIDDEN.search(path):
                hidden += 1
            else:
                size, packed = size + member.size, packed + member.packed
                self._allow(blob.name, size, packed or blob.size)
                found[path] = Blob(f"{blob.name}/{path}", member.size, member.opener)
        self._unpacked += size
        if hidden:
            self.skipped.append(f"{blob.name}: {plural(hidden, 'hidden file')} skipped")
        return dict(sorted(found.items()))

    def _allow(self, name: str, size: int, packed: int) -> None:
        if self._unpacked + size > UNPACKED:
            raise BadInput(f"{name} unpacks to more than {UNPACKED >> 30} GiB; unpack a part of it")
        if size > _SMALL and size > RATIO * packed:
            raise BadInput(
                f"{name} unpacks to more than {RATIO} times its size, as archives made to do harm "
                "do; unpack it yourself if you trust it"
            )


def unpacked_head(blob: Blob, size: int = 4096) -> bytes:
    """The first bytes of what a gzip file holds; empty if it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(blob.head(2 * size), size)
    except zlib.error:
        return b""


def encrypted(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & 0x1)


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if info.is_dir():
            continue
        why = "is encrypted; unpack it with its password" if encrypted(info) else ""
        link = stat.S_ISLNK(info.external_attr >> 16)
        packed, opener = info.compress_size, _opener(archive, info)
        yield _Member(info.filename, info.file_size, packed, opener, link, why)


def _opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: cast(BinaryIO, archive.open(info))


def _tarred(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if not info.isdir():
            opener = _extractor(archive, info)
            yield _Member(info.name, info.size, info.size, opener, not info.isreg())


def _extractor(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    def open() -> BinaryIO:
        file: IO[bytes] | None = archive.extractfile(info)
        assert file is not None  # it is a regular file
        return cast(BinaryIO, file)

    return open
