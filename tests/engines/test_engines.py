from __future__ import annotations

import os
from pathlib import Path

import pytest

from gistill.engines import open_engine, spec_of, specs
from gistill.errors import BadInput


def holding(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_a_spec_stays() -> None:
    for spec in (*specs(), "echo:delay=1", "ct2:model?context=9", "openai:http://127.0.0.1/v1#m"):
        assert spec_of(spec) == spec


@pytest.mark.parametrize(
    ("names", "engine"),
    [
        (["openvino_model.xml", "openvino_model.bin", "config.json"], "openvino"),
        (["model.bin", "config.json", "shared_vocabulary.json"], "ct2"),
        (["model.bin", "config.json"], "hf"),
        (["config.json", "model.safetensors"], "hf"),
        (["adapter_config.json", "adapter_model.safetensors"], "hf"),
        (["adapter_config.json", "openvino_model.xml"], "hf"),
    ],
)
def test_a_folder_is_what_it_holds(names: list[str], engine: str, tmp_path: Path) -> None:
    folder = holding(tmp_path / "model", *names)
    assert spec_of(folder) == spec_of(str(folder)) == f"{engine}:{folder}"


def test_a_gguf_file(tmp_path: Path) -> None:
    file = holding(tmp_path / "model", "Tiny.Q8_0.GGUF") / "Tiny.Q8_0.GGUF"
    assert spec_of(file) == f"gguf:{file}"


def test_a_relative_path_and_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holding(tmp_path / "outputs", "config.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spec_of("outputs") == "hf:outputs"
    assert spec_of("~/outputs") == f"hf:{tmp_path / 'outputs'}"


def test_a_model_of_the_hub_and_a_missing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert spec_of("google/flan-t5-small") == "hf:google/flan-t5-small"
    (tmp_path / "google").mkdir()
    with pytest.raises(BadInput, match="there is no such path"):
        spec_of("google/flan-t5-small")


@pytest.mark.parametrize(
    "name",
    ["", "gpt", "a/b/c", "/nowhere/at/all", "../up", "./here", "a/b.gguf", "hff:a/b", Path("a/b")],
)
def test_what_is_nothing(name: str | os.PathLike[str]) -> None:
    with pytest.raises(BadInput) as caught:
        spec_of(name)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_says_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is no model.*\.gguf.*config\.json"):
        open_engine(holding(tmp_path / "model", "README.md"))
    with pytest.raises(BadInput, match="is no model"):
        spec_of(tmp_path / "model" / "README.md")


def test_a_path_opens(t5: Path, t5_ct2: Path) -> None:
    assert open_engine(t5).id == open_engine(f"hf:{t5}").id
    assert open_engine(str(t5_ct2)).id == open_engine(f"ct2:{t5_ct2}").id


@pytest.mark.parametrize("before", ["", "hf:", "gguf:", "openvino:", "ct2:"])
def test_a_path_of_nobody(before: str) -> None:
    with pytest.raises(BadInput, match="there is no user ~nosuchuser; give the whole path"):
        open_engine(f"{before}~nosuchuser/model")
