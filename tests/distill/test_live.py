from __future__ import annotations

import sys
from typing import Any

import pytest

from gistill.distill.live import LossLine

LOSS = {"step": 10, "of": 20, "loss": 1.2345, "seconds": 3.2}
SCORE = {"step": 10, "rouge1": 30.0, "rouge2": 9.0, "rougeLsum": 28.0, "words": 41.0}


def shown(capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    with LossLine(**how) as line:
        line.show(LOSS)
        line.show(SCORE)
    found = capsys.readouterr()
    assert found.out == ""
    return found.err


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys).splitlines() == [
        "step 10 of 20: loss 1.234, 3 s",
        "step 10: ROUGE-Lsum 28.0, -1 30.0, -2 9.0, 41.0 words an answer",
    ]


def test_a_moving_line_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    text = shown(capsys)
    assert "loss 1.234" in text
    assert "10/20" in text
    assert "ROUGE-Lsum 28.0" in text


def test_other_processes_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, shown=False) == ""
