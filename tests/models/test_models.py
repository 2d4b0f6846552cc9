from __future__ import annotations

from pathlib import Path

import pytest

from gistill import models
from gistill.errors import BadInput
from gistill.models import build, fetch


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))


def test_nothing_is_installed_to_begin_with() -> None:
    assert not models.is_installed("bundled")
    assert not models.is_installed("no-such-model")
    assert models.installed() == []
    (row,) = models.listing()
    assert (row["name"], row["fetched"], row["path"]) == ("bundled", False, None)
    with pytest.raises(BadInput, match="gistill models get bundled"):
        models.path("bundled")


def test_unknown_names_say_which_there_are() -> None:
    for call in (models.get, models.path):
        with pytest.raises(BadInput, match="choose one of: bundled"):
            call("no-such-model")


def test_get_builds_once(tiny_q4: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch, "weights", lambda spec, **options: tiny_q4)
    monkeypatch.setattr(build, "expectations", lambda name: [])
    said: list[str] = []
    folder = models.get(progress=said.append)
    assert said
    assert models.path("bundled") == folder
    assert models.installed() == ["bundled"]
    said.clear()
    assert models.get(progress=said.append) == folder
    assert said == []


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
