"""The commands as a user gives them: files and one line, or one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qmsum_fixture
from gistill.cli import main
from gistill.distill.dataset import Row, load, save
from threads import meeting


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def talks(folder: Path, count: int) -> list[str]:
    paths = []
    for number in range(count):
        path = folder / f"talk{number}.txt"
        turns = meeting(120 + number).segments
        text = "\n".join(f"{s.speaker}: {s.text}" for s in turns)
        path.write_text(text.replace("item", f"subject{number}"))
        paths.append(str(path))
    return paths


def test_threads_become_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["distill", "data", "--threads", *talks(tmp_path, 3), "--teacher", "extractive",
               "--out", "data", "--max-tokens", "400", "--overlap", "40", "--licence", "CC0",
               "--query", "What of the printer?"]  # fmt: skip
    assert main(command) == 0
    found = capsys.readouterr()
    assert found.out.strip() == "data"
    data, about = load(tmp_path / "data")
    assert all(data.values())
    assert f"train {len(data['train'])}, dev {len(data['dev'])}" in found.err
    assert (about.licence, "3 threads" in about.description) == ("CC0", True)
    assert {"local", "query"} <= {row.task for row in data["train"]}


def test_qmsum_becomes_data(tmp_path: Path) -> None:
    folder = qmsum_fixture.write(tmp_path / "qmsum")
    command = ["distill", "data", "--qmsum", str(folder), "--split", "val", "--hold-out", "0.34",
               "--out", "data", "--rows", "query=3", "whole=1", "--words", "20", "60",
               "--local-words", "60", "120", "--dev-words", "50"]  # fmt: skip
    assert main(command) == 0
    data, about = load(tmp_path / "data")
    assert data["train"]
    assert data["dev"]
    assert about.licence == "MIT (QMSum)"
    asked = [row for row in data["train"] if row.task == "query"]
    assert len(asked) % 3 == 0
    assert all((row.distractors or 0) <= 0.5 for row in asked)


def test_a_student_is_trained_exported_and_gone_on_with(
    llama: Path, data: dict[str, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(data, tmp_path / "data")
    command = ["distill", "train", "--data-dir", "data", "--out_dir", "out", "--model", str(llama),
               "--max-steps", "4", "--r", "4", "--alpha", "8", "--batch_tokens", "300",
               "--evals", "1", "--val-tokens", "8", "--lr", "0.01", "--dora"]  # fmt: skip
    assert main(command) == 0
    found = capsys.readouterr()
    assert found.out.strip() == str(Path("out/lora_student"))
    assert "step 1 of 4: loss" in found.err
    assert "best by ROUGE-Lsum" in found.err
    record = json.loads(Path("out/run.json").read_text())
    assert record["settings"]["dora"]
    assert record["settings"]["lr"] == 0.01
    assert record["data_dir"] == str(tmp_path / "data")
    assert main([*command, "--seed", "3"]) == 2
    assert "--restart" in capsys.readouterr().err
    assert main([*command, "--seed", "3", "--restart"]) == 0
    assert json.loads(Path("out/run.json").read_text())["settings"]["seed"] == 3
    capsys.readouterr()
    assert main(["distill", "export", "out/lora_student", "--out", "forms", "--to", "hf"]) == 0
    assert Path("forms/hf/config.json").is_file()
    assert "1.0000" in capsys.readouterr().out


def test_tasks_can_be_chosen(llama: Path, data: dict[str, list[Row]], tmp_path: Path) -> None:
    save(data, tmp_path / "data")
    command = ["distill", "train", "--data_dir", "data", "--out_dir", "out", "--model", str(llama)]
    assert main([*command, "--tasks", "fuse"]) == 2  # there are none
    assert main([*command, "--tasks", "query", "--max_steps", "1", "--evals", "0"]) == 0


def test_where_the_default_model_is_away_the_bundled_one_is_meant(
    data: dict[str, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    save(data, tmp_path / "data")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert main(["distill", "train", "--data_dir", "data", "--offline"]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note.startswith("note: the model google/flan-t5-base is not on this machine")
    assert note.endswith("the bundled model is used instead")
    assert error.endswith("run: gistill models get")  # this home has none either
    assert main(["distill", "train", "--data_dir", "data", "--offline", "--model", "a/b"]) == 1
    assert "bundled" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["data", "--threads", "a.txt", "--out", "x"], "threads need a teacher"),
        (["data", "--threads", "a.txt", "--out", "x", "--teacher", "echo"], "a.txt"),
        (["data", "--qmsum", "nowhere", "--out", "x"], "holds no QMSum train"),
        (["data", "--qmsum", ".", "--out", "x", "--rows", "poem=3"], "TASK=N"),
        (["data", "--qmsum", ".", "--out", "x", "--words", "9", "3"], "--words takes a minimum"),
        (["data", "--qmsum", ".", "--out", "x", "--max-distractors", "1"], "below 1"),
        (["data", "--qmsum", ".", "--out", "x", "--min-support", "2"], "from 0 to 1"),
        (["data", "--qmsum", ".", "--out", "x", "--evidence"], "--fill"),
        (["train", "--data_dir", "nowhere"], "holds no training data"),
        (["train", "--rank", "0"], "rank is 0"),
        (["export", "nowhere", "--out", "x", "--to", "onnx"], "cannot export to onnx"),
        (["export", "nowhere", "--out", "x", "--to", ","], "cannot export to nothing"),
        (["export", "nowhere", "--out", "x"], "is no LoRA adapter"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distill", *command]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_adapters_of_a_loose_gguf_file_are_refused(
    data: dict[str, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:  # fmt: skip
    from tiny_gguf import write_gguf

    save(data, tmp_path / "data")
    model = write_gguf(tmp_path / "tiny.gguf")
    assert main(["distill", "train", "--data_dir", "data", "--model", str(model)]) == 2
    assert "could not be opened again" in capsys.readouterr().err
