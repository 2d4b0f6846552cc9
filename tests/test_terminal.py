"""Bars on a terminal, none elsewhere."""

from __future__ import annotations

import sys

import pytest

from gistill.terminal import Bars


def test_off_a_terminal_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as bars:
        assert not bars.moving
        bars.move("local", 1, 3)
        bars.say("mind the gap")
    assert capsys.readouterr().err == "mind the gap\n"


def test_bars_are_gone_when_they_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with Bars() as bars:
        assert bars.moving
        bars.move("local", 1, 3)
        bars.move("local", 2, 3, "two parts")
        bars.say("[not markup]")
    assert not bars.moving
    out, err = capsys.readouterr()
    assert out == ""
    assert "[not markup]" in err
    assert "two parts" in err
    assert "2/3" in err


def test_what_is_not_shown_does_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bars(shown=False) as bars:
        assert not bars.moving
