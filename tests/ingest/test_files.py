from __future__ import annotations

import gzip
import hashlib
import io
import os
from pathlib import Path

import pytest

from gistill.errors import BadInput
from gistill.ingest import files


def test_reads_bytes_and_names_them_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    assert files.read(path) == (str(path), hashlib.sha256(b"abc").hexdigest(), b"abc")


def test_gzip_is_opened_and_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 16
    path.write_bytes(packed)
    assert files.read(path)[1:] == (hashlib.sha256(packed).hexdigest(), b"one two")


def test_standard_input() -> None:
    assert files.read("-", io.BytesIO(gzip.compress(b"hi"))).data == b"hi"
    assert files.read("-", io.BytesIO(b"hi")).name == files.STDIN


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"abc" * 900)[:20], "ends in the middle"),
        (b"\x1f\x8bnot gzip", "damaged gzip"),
    ],
)
def test_damaged_gzip(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        files.read("-", io.BytesIO(data))


def test_limits_hold_packed_and_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LIMIT", 1 << 20)
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        files.read("-", io.BytesIO(b"x" * ((1 << 20) + 1)))
    with pytest.raises(BadInput, match="unpacks to more than 1 MiB"):
        files.read("-", io.BytesIO(gzip.compress(bytes(3 << 20))))


def test_missing_directory_and_odd_paths(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no file .*gone"):
        files.read(tmp_path / "gone")
    with pytest.raises(BadInput, match="is a directory; name the files in it"):
        files.read(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        files.read("a\0b")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BadInput, match="cannot be read"):
        files.read(tmp_path / "loop")


def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything; a file of the kernel's says no even to it
        path = Path("/proc/self/mem")
        with pytest.raises(BadInput, match="cannot be read"):
            files.read(path)
    else:
        with pytest.raises(BadInput, match="check its permissions"):
            files.read(path)


def test_permission_denied_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(BadInput, match="may not be read; check its permissions"):
        files.read("secret")


def test_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    link = tmp_path / "b.txt"
    link.symlink_to(path)
    kept, notes = files.distinct([path, "-", link, "-"])
    assert kept == [path, "-"]
    assert len(notes) == 2
    assert "read once" in notes[0]


def test_names_can_be_printed() -> None:
    files.display(os.fsdecode(b"caf\xe9.txt")).encode()
