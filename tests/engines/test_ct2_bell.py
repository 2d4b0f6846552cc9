from __future__ import annotations

from types import SimpleNamespace

import pytest

from gistill.engines import ct2_bell
from gistill.engines.ct2_bell import Bell
from gistill.types import Request


def test_the_deadline_rings_before_the_step_that_would_be_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = [0.0, 3.0, 5.0, 6.0, 7.0]
    clock = iter(times)
    monkeypatch.setattr(ct2_bell, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bell = Bell([(0, Request("", "", 16))], None, 8.5, 0.0, False)
    rang = [bell(SimpleNamespace(step=n, batch_id=0, token="a")) for n in range(len(times))]
    assert rang == [False, False, False, False, True]


class Words:
    """A tokenizer whose tokens are words."""

    def token_to_id(self, token: str) -> str | None:
        return None if token == "<unknown>" else token

    def decode(self, ids: list[str]) -> str:
        return " ".join(ids)


def test_what_is_new_is_handed_over_with_its_place() -> None:
    bell = Bell([(7, Request("", "", 16)), (4, Request("", "", 16))], Words(), None, 0.0, True)
    told: list[tuple[int, str]] = []

    def listen(index: int, text: str) -> None:
        told.append((index, text))

    for step, token in enumerate(["We", "<unknown>", "agreed."]):
        assert not bell(SimpleNamespace(step=step, batch_id=0, token=token))
        bell.hand_over(listen)
    assert not bell(SimpleNamespace(step=0, batch_id=1, token="No."))
    bell.hand_over(listen)
    bell.hand_over(listen)
    assert told == [(7, "We"), (7, "We agreed."), (4, "No.")]
    assert bell.written() == [["We", "<unknown>", "agreed."], ["No."]]


def test_a_row_that_winds_down_ends_at_a_sentence() -> None:
    bell = Bell([(0, Request("", "", 4, wind_down=2))], Words(), None, 0.0, False)
    tokens = ["We.", "do", "agree."]
    assert [bell(SimpleNamespace(step=i, batch_id=0, token=t)) for i, t in enumerate(tokens)] == [
        False,
        False,
        True,
    ]
    assert bell.ended == {0}
