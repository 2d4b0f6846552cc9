from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import qmsum_fixture
from gistill.cli import main


def test_lengths(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    flags = ["--data", str(data), "--split", "val", "--tokenizer", str(tmp_path)]
    flags += ["--out", str(tmp_path / "out")]
    assert main(["bench", "qmsum", "lengths", *flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == qmsum_fixture.QUERIES
    assert (tmp_path / "out" / "input_lengths.svg").is_file()
    assert main(["bench", "qmsum", "lengths", *flags, "--domain", "Academic"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["n", "2"]


def test_alpaca(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "qmsum", "alpaca", "--data", str(data)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == qmsum_fixture.QUERIES
    assert list(rows[0]) == ["instruction", "input", "output"]
    out = tmp_path / "deep" / "val.jsonl"
    assert main(["bench", "qmsum", "alpaca", "--data", str(data), "--out", str(out)]) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == rows


def test_no_data_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "qmsum", "alpaca", "--data", str(tmp_path / "none")]) == 2
    assert "--data DIR" in capsys.readouterr().err
