from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gistill import models
from gistill.errors import BadInput
from gistill.models import build, fetch
from gistill.models.spec import Member, Wheel


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))


def test_nothing_is_installed_to_begin_with() -> None:
    assert not models.is_installed("bundled")
    assert not models.is_installed("no-such-model")
    assert models.installed() == []
    rows = list(models.listing())
    assert [row["name"] for row in rows] == list(models.NAMES)
    assert not any(row["fetched"] or row["path"] for row in rows)
    with pytest.raises(BadInput, match="gistill models get bundled"):
        models.path("bundled")


def test_unknown_names_say_which_there_are() -> None:
    for call in (models.get, models.path):
        with pytest.raises(BadInput, match="choose one of: bundled"):
            call("no-such-model")


def test_get_builds_once(tiny_q4: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch, "weights", lambda spec, **options: tiny_q4)
    monkeypatch.setattr(build, "expectations", lambda name: [])
    # The adapter that ships fits the real weights only.
    shipped = models.spec
    plain = replace(shipped("bundled"), adapter=None, adapter_sha256="")
    monkeypatch.setattr(models, "spec", lambda name: plain if name == "bundled" else shipped(name))
    said: list[str] = []
    folder = models.get(progress=said.append)
    assert said
    assert models.path("bundled") == folder
    assert models.installed() == ["bundled"]
    said.clear()
    assert models.get(progress=said.append) == folder
    assert said == []


def test_a_model_to_hear_with_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pieces = {"model.bin": b"weights", "config.json": b"{}"}
    path = tmp_path / "heard-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in pieces.items():
            archive.writestr(f"heard/{name}", content)
    members = tuple(
        Member.read(f"heard/{name}", hashlib.sha256(content).hexdigest())
        for name, content in pieces.items()
    )
    about = replace(
        models.spec("whisper-tiny.en"), wheels=(Wheel("heard", "1.0", "0" * 64, members),)
    )
    monkeypatch.setattr(models, "spec", lambda name: about)
    folder = models.get("whisper-tiny.en", wheel=path, offline=True)
    assert {name: (folder / name).read_bytes() for name in pieces} == pieces
    assert set(models.manifest(folder)["files"]) == set(pieces)
    path.unlink()
    assert models.get("whisper-tiny.en", offline=True) == folder


def test_a_gguf_file_is_built_once_and_again_when_it_changes(
    tiny_q4: Path, tiny_f16: Path, tmp_path: Path
) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(tiny_q4.read_bytes())
    first = models.from_gguf(source)
    built = (first / "manifest.json").stat().st_mtime_ns
    assert models.from_gguf(source) == first
    assert (first / "manifest.json").stat().st_mtime_ns == built
    source.write_bytes(tiny_f16.read_bytes())
    assert models.from_gguf(source) != first


def test_a_missing_gguf_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no GGUF file"):
        models.from_gguf(tmp_path / "none.gguf")


def test_a_damaged_manifest_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / models.MANIFEST).write_text("{")
    with pytest.raises(BadInput, match="is damaged"):
        models.manifest(tmp_path)
    assert models.manifest(tmp_path / "elsewhere") == {}
