from __future__ import annotations

import os
from pathlib import Path

import pytest

from exports import folder
from gistill.errors import BadInput
from gistill.ingest import folders


def test_files_come_by_name_and_hidden_ones_are_counted(tmp_path: Path) -> None:
    files = {"b/z.txt": "z", "b/a.txt": "a", "a.txt": "1", ".hidden": "x", "b/Thumbs.db": "x"}
    found, notes = folders.walk(folder(tmp_path, files))
    assert list(found.files) == ["a.txt", "b/a.txt", "b/z.txt"]
    assert found.files["b/a.txt"].name == f"{tmp_path}/b/a.txt"
    assert found.files["b/a.txt"].data(9) == b"a"
    assert notes == [f"{tmp_path}: 2 hidden files skipped"]


def test_links_are_followed_once_and_broken_ones_are_said(tmp_path: Path) -> None:
    folder(tmp_path, {"a/x.txt": "x"})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "gone")
    (tmp_path / "c.txt").symlink_to(tmp_path / "a" / "x.txt")
    os.mkfifo(tmp_path / "d")
    found, notes = folders.walk(tmp_path)
    assert list(found.files) == ["a/x.txt", "c.txt"]
    assert notes == [
        f"{tmp_path}: a/loop leads to a folder read already",
        f"{tmp_path}: b is no file (a broken link, a device)",
        f"{tmp_path}: d is no file (a broken link, a device)",
    ]


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "FILES", 1)
    with pytest.raises(BadInput, match="holds more than 1 files"):
        folders.walk(folder(tmp_path, {"a": "", "b": ""}))
