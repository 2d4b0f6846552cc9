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
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("QMSum val, Academic: 2 questions on 1 of 35 meetings; a part of")
    assert lines[2].split() == ["n", "2"]


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


def test_run_score_and_report(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for system in ("lead", "oracle"):
        runs.append(str(tmp_path / system))
        flags = ["--system", system, "--data", str(data), "--out", runs[-1], "--words", "20"]
        assert main(["bench", "qmsum", "run", *flags]) == 0
        said = capsys.readouterr()
        assert said.out.strip().endswith("predictions.jsonl")
        assert f"{qmsum_fixture.QUERIES}/{qmsum_fixture.QUERIES}" in said.err
    assert main(["bench", "qmsum", "score", *runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("QMSum val: 9 questions on 3 of 35 meetings; a part")
    assert "Paired differences" in lines
    assert main(["bench", "qmsum", "score", *runs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["run"] for one in found["runs"]] == ["lead", "oracle"]
    assert found["paired"][0]["against"] == "lead"
    assert found["paired"][0]["rouge1"]["mean"] > 0
    out = tmp_path / "page"
    assert main(["bench", "qmsum", "report", *runs, "--data", str(data), "--out", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "quality_latency.svg",
        "report.html",
        "report.md",
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--limit", "0"], "--limit takes 1 or more"),
        (["--split", "dev"], "unknown split"),
        (["--system", "nobody"], "unknown system"),
    ],
)
def test_flags_of_a_run_are_checked(
    tmp_path: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    said: str,
) -> None:
    given = ["--system", "lead", "--data", str(data), "--out", str(tmp_path / "x"), *flags]
    assert main(["bench", "qmsum", "run", *given]) == 2
    assert said in capsys.readouterr().err


def test_systems_are_listed_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "qmsum", "run", "--help"])
    assert "  longllama        LongLLaMA 3B" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--system", "lead", "--limit", "1"],
        ["lengths", "--split", "val", "--tokenizer", "TOKENIZER"],
        ["alpaca"],
        ["report", "RUN"],
    ],
)
def test_a_file_in_the_way_is_one_line(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    Tokenizer(models.WordLevel({"?": 0}, unk_token="?")).save(str(tmp_path / "tokenizer.json"))
    lead = ["bench", "qmsum", "run", "--system", "lead", "--data", str(data), "--limit", "1"]
    assert main([*lead, "--out", str(tmp_path / "lead")]) == 0
    (tmp_path / "file").touch()
    capsys.readouterr()
    names = {"TOKENIZER": str(tmp_path), "RUN": str(tmp_path / "lead")}
    flags = ["--data", str(data), "--out", str(tmp_path / "file" / "below")]
    assert main(["bench", "qmsum", *(names.get(word, word) for word in command), *flags]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("gistill: cannot write")


def test_a_page_without_the_data_shows_ids(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "lead")
    flags = ["--system", "lead", "--data", str(data), "--out", out, "--limit", "1"]
    assert main(["bench", "qmsum", "run", *flags]) == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QMSUM_DIR", raising=False)
    capsys.readouterr()
    assert main(["bench", "qmsum", "report", out]) == 0
    assert capsys.readouterr().err.startswith("note: cited turns are shown by their ids alone: no")
    assert "<b>s000000</b>" in (tmp_path / "outputs/report/report.html").read_text()
    assert main(["bench", "qmsum", "report", out, "--data", str(tmp_path)]) == 2


def test_runs_of_two_splits_are_not_compared(
    tmp_path: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QMSUM_DIR", str(data))
    qmsum_fixture.write(data, "test")
    runs = [str(tmp_path / split) for split in ("val", "test")]
    for split, out in zip(("val", "test"), runs, strict=True):
        flags = ["--system", "lead", "--data", str(data), "--split", split, "--out", out]
        assert main(["bench", "qmsum", "run", *flags]) == 0
    for command in ("score", "report"):
        capsys.readouterr()
        assert main(["bench", "qmsum", command, *runs]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
