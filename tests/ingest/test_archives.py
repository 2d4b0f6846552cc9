from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import zipped
from gistill.errors import BadInput
from gistill.ingest import archives
from gistill.ingest.archives import Archives
from gistill.ingest.blob import Blob


@pytest.fixture
def opened() -> Iterator[Archives]:
    with closing(Archives()) as found:
        yield found


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(opened: Archives, name: str, data: bytes) -> dict[str, bytes]:
    folder = opened.open(Blob.of(name, data))
    assert folder is not None
    assert all(blob.name == f"{name}/{path}" for path, blob in folder.files.items())
    return {path: blob.data(1 << 20) for path, blob in folder.files.items()}


FILES = {"b/c.txt": b"two", "a.txt": b"one"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(FILES)),
        ("a.tar", tarred(FILES)),
        ("a.tar.gz", tarred(FILES, "w:gz")),
        ("a.zip.gz", gzip.compress(zipped(FILES))),
        ("a.tar", tarred({f"./{name}": data for name, data in FILES.items()})),
    ],
)
def test_members_come_in_the_order_of_their_names(opened: Archives, name: str, data: bytes) -> None:
    found = read(opened, name, data)
    assert list(found.items()) == [("a.txt", b"one"), ("b/c.txt", b"two")]


def test_other_files_are_no_archives(opened: Archives) -> None:
    for data in (b"", b"hello", gzip.compress(b"hello"), b"\x1f\x8bnonsense"):
        assert opened.open(Blob.of("a", data)) is None


def test_paths_out_of_the_archive_links_and_copies_are_refused_and_said(opened: Archives) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("../up.txt", "/abs.txt", "C:\\win.txt", "a\\..\\..\\b.txt", "ok.txt"):
            archive.writestr(name, "x")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("ok.txt", "y")
    assert read(opened, "a.zip", out.getvalue()) == {"ok.txt": b"x"}
    assert len(opened.refused) == 4
    assert opened.refused["a.zip/../up.txt"] == "a.zip/../up.txt leads out of the archive"
    assert opened.skipped == [
        "a.zip: 'link' is a link or no file",
        "a.zip: 'ok.txt' is there twice; one was read",
    ]


def test_hidden_files_are_counted(opened: Archives) -> None:
    files = {"a.txt": b"", ".git/x": b"", "__MACOSX/a.txt": b"", "b/.DS_Store": b""}
    assert list(read(opened, "a.zip", zipped(files))) == ["a.txt"]
    assert opened.skipped == ["a.zip: 3 hidden files skipped"]


def test_encrypted_members_are_said(opened: Archives) -> None:
    data = bytearray(zipped({"a.txt": b"x", "b.txt": b"y"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert list(read(opened, "a.zip", bytes(data))) == ["b.txt"]
    assert "is encrypted" in opened.refused["a.zip/a.txt"]


def test_links_in_a_tar_are_said(opened: Archives) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    assert read(opened, "a.tar", out.getvalue()) == {}
    assert opened.skipped == ["a.tar: 'link' is a link or no file"]


def test_bombs_are_refused(opened: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_SMALL", 1 << 20)
    bomb = bytes(8 << 20)
    for name, data in (("a.zip", zipped({"a": bomb})), ("a.tgz", tarred({"a": bomb}, "w:gz"))):
        with pytest.raises(BadInput, match=f"{name} unpacks to more than 200 times its size"):
            opened.open(Blob.of(name, data))


def test_limits_hold_for_all_archives_together(
    opened: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 3)
    opened.open(Blob.of("a.zip", zipped(FILES)))
    with pytest.raises(BadInput, match=r"b\.zip holds more than 3 files"):
        opened.open(Blob.of("b.zip", zipped(FILES)))


def test_unpacked_bytes_have_a_limit(opened: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED", 5)
    with pytest.raises(BadInput, match="unpacks to more than 0 GiB"):
        opened.open(Blob.of("a.zip", zipped(FILES)))


def test_nesting_has_a_limit(opened: Archives) -> None:
    with pytest.raises(BadInput, match="lies in 3 archives already"):
        opened.open(Blob.of("a.zip", zipped(FILES)), depth=3)


@pytest.mark.parametrize("data", [zipped(FILES)[:60], b"PK\x03\x04" + b"x" * 100])
def test_damaged_archives_are_one_line(opened: Archives, data: bytes) -> None:
    with pytest.raises(BadInput, match=r"a\.zip is a damaged archive"):
        opened.open(Blob.of("a.zip", data))


SEEDS = st.sampled_from(
    [zipped(FILES), tarred(FILES), tarred(FILES, "w:gz"), gzip.compress(b"hello " * 9)]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(SEEDS, st.lists(st.tuples(st.integers(0, 11_000), st.integers(0, 255)), max_size=9))
def test_damage_anywhere_is_read_or_refused(data: bytes, damage: list[tuple[int, int]]) -> None:
    bytes_ = bytearray(data)
    for place, value in damage:
        bytes_[place % len(bytes_)] = value
    with closing(Archives()) as opened, suppress(BadInput, *archives.BROKEN):
        folder = opened.open(Blob.of("a", bytes(bytes_)))
        for blob in folder.files.values() if folder else ():
            blob.data(1 << 30)
