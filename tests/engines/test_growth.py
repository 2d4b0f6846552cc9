from __future__ import annotations

import pytest

from gistill.engines.growth import CIRCLE, circling, closes, legible, winding_down
from gistill.types import Request


@pytest.mark.parametrize(
    "text",
    [
        "We agreed.",
        "They met. Was it so?",
        'He said "No."',
        "A plan:\n- Red wins!",
        "It **ends.** ",
        "予算を上げる。",
        "「はい。」",
        "Was it Dr. Ng?",
    ],
)
def test_an_end(text: str) -> None:
    assert closes(text)


@pytest.mark.parametrize(
    "text",
    ["", "We", "We agreed. The", "It costs 12.", "It costs 12.5", "A plan:\n2.", "Dr.", "J. K."],
)
def test_no_end(text: str) -> None:
    assert not closes(text)


def test_winding_down_begins_when_fewer_tokens_are_left() -> None:
    request = Request("", "", max_tokens=10, wind_down=3)
    assert [winding_down(request, tokens) for tokens in (6, 7, 8, 10)] == [False, False, True, True]
    assert not winding_down(Request("", "", max_tokens=10), 10)


def test_half_a_character_is_not_shown() -> None:
    assert legible(" na\ufffd\ufffd") == "na"
    assert legible("a\ufffdb ") == "a\ufffdb"


def test_as_many_tokens_once_more_are_a_circle() -> None:
    line = list(range(CIRCLE))
    assert circling([99, *line, 98, *line])
    assert circling([*line, *line])
    assert circling([7] * (CIRCLE + 1))
    assert not circling([99, *line, 98, *line[:-1]])
    assert not circling([99, *line, 98, *line[:-1], 97])
    assert not circling(line)
    assert not circling([])
