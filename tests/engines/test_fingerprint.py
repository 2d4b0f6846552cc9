from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gistill.engines import fingerprint as module
from gistill.engines.fingerprint import fingerprint


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "_LARGE", 100)
    made = tmp_path / "model"
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"w" * 200)
    (made / "config.json").write_text("{}", encoding="utf-8")
    return made


def test_it_follows_contents_and_names(folder: Path) -> None:
    first = fingerprint(folder)
    assert len(first) == 12
    (folder / "README.md").write_text("words", encoding="utf-8")
    assert fingerprint(folder) == first
    (folder / "config.json").write_text("{ }", encoding="utf-8")
    second = fingerprint(folder)
    (folder / "config.json").rename(folder / "other.json")
    assert len({first, second, fingerprint(folder)}) == 3


def test_large_files_are_hashed_once(folder: Path, tmp_path: Path) -> None:
    first = fingerprint(folder)
    kept = tmp_path / "home" / "fingerprints.json"
    known = json.loads(kept.read_text(encoding="utf-8"))
    assert len(known) == 1
    kept.write_text(json.dumps(dict.fromkeys(known, "0" * 64)), encoding="utf-8")
    assert fingerprint(folder) != first  # what was kept is believed


def test_a_change_of_weights_is_seen(folder: Path) -> None:
    first = fingerprint(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(b"x" * 200)
    os.utime(weights, ns=(1, 1))
    assert fingerprint(folder) != first


def test_neither_a_damaged_nor_an_unwritable_home_matters(folder: Path, tmp_path: Path) -> None:
    first = fingerprint(folder)
    (tmp_path / "home" / "fingerprints.json").write_text("{", encoding="utf-8")
    assert fingerprint(folder) == first
    os.environ["GISTILL_HOME"] = str(folder / "config.json")  # a file: nothing fits below
    assert fingerprint(folder) == first
