from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest.lines import lines


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_and_what_opens_a_block(end: str) -> None:
    text = end.join(["one", "two", "", "three", " \t", "four"])
    found = lines(text)
    assert [text[a.start : a.end] for a in found] == ["one", "two", "three", "four"]
    assert [a.opens for a in found] == [True, False, True, True]


@given(st.text(alphabet="ab \t\r\n:"))
def test_lines_hold_all_but_white_space(text: str) -> None:
    found = lines(text)
    assert "".join("".join(text[a.start : a.end].split()) for a in found) == "".join(text.split())
    assert found[:1] == [] or found[0].opens
