"""A named stream of bytes: a file on disk, or a member of an archive."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from gistill.errors import BadInput

_PIECE = 1 << 20


@dataclass(frozen=True)  # without slots, which leave no room for what is worked out once
class Blob:
    """Bytes that can be opened again and again.

    name: what people see and locators hold, "export.zip/general/2024-05-01.json".
    path: where it lies on disk, if it does.
    """

    name: str
    size: int
    opener: Callable[[], BinaryIO]
    path: Path | None = None

    @classmethod
    def of(cls, name: str, data: bytes) -> Blob:
        """Bytes that are in memory already."""
        return cls(name, len(data), lambda: io.BytesIO(data))

    @property
    def suffix(self) -> str:
        """Lower case, with the dot; empty without one."""
        return PurePosixPath(self.name).suffix.lower()

    def head(self, size: int = 4096) -> bytes:
        """The first bytes, for sniffing."""
        with self.opener() as file:
            return file.read(size)

    def data(self, limit: int) -> bytes:
        """All bytes. Raises: BadInput if they are more than `limit`."""
        if self.size > limit:
            raise _too_large(self.name, limit)
        with self.opener() as file:
            return limited(file, self.name, limit)

    def sha256(self) -> str:
        """Of all bytes, which are read once for that, however often it is asked for."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        with self.opener() as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """A path to the bytes, for libraries that want one; a member is unpacked for so long."""
        if self.path is not None:
            yield self.path
            return
        handle, name = tempfile.mkstemp(prefix="gistill-", suffix=self.suffix)
        try:
            with os.fdopen(handle, "wb") as copy, self.opener() as file:
                shutil.copyfileobj(file, copy, _PIECE)
            yield Path(name)
        finally:
            os.unlink(name)


def limited(file: BinaryIO, name: str, limit: int) -> bytes:
    """All that `file` holds. Raises: BadInput if that is more than `limit` bytes."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise _too_large(name, limit)
    return data


def _too_large(name: str, limit: int) -> BadInput:
    return BadInput(f"{name} is larger than {limit >> 20} MiB; split it")
