from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from gistill.errors import BadInput
from gistill.ingest.blob import Blob


def test_bytes_in_memory_can_be_read_again_and_again() -> None:
    blob = Blob.of("a/b.TAR.Gz", b"hello")
    assert (blob.suffix, blob.size, blob.path) == (".gz", 5, None)
    assert (blob.head(2), blob.data(5), blob.data(5)) == (b"he", b"hello", b"hello")
    assert blob.sha256() == hashlib.sha256(b"hello").hexdigest()


def test_a_limit_is_said() -> None:
    with pytest.raises(BadInput, match="a is larger than 1 MiB; split it"):
        Blob.of("a", bytes(2 << 20)).data(1 << 20)


def test_on_disk_is_a_copy_that_goes_or_the_file_itself(tmp_path: Path) -> None:
    with Blob.of("a.png", b"x").on_disk() as path:
        assert (path.read_bytes(), path.suffix) == (b"x", ".png")
    assert not path.exists()
    own = tmp_path / "a"
    own.write_bytes(b"y")
    with Blob("a", 1, lambda: own.open("rb"), own).on_disk() as path:
        assert path == own
    assert own.exists()


def test_bytes_are_hashed_once_and_not_read_at_all_beyond_a_limit() -> None:
    opened: list[io.BytesIO] = []

    def opener() -> io.BytesIO:
        opened.append(io.BytesIO(b"hello"))
        return opened[-1]

    blob = Blob("a", 5, opener)
    assert blob.sha256() == blob.sha256() == hashlib.sha256(b"hello").hexdigest()
    assert len(opened) == 1
    with pytest.raises(BadInput, match="larger"):
        blob.data(4)
    assert len(opened) == 1
