from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest.reading import counted, plural, trimmed


@given(st.text(), st.integers(0, 9), st.integers(0, 9))
def test_trimmed_is_strip_with_a_position(text: str, start: int, length: int) -> None:
    a, b = trimmed(text, min(start, len(text)), min(start + length, len(text)))
    assert text[a:b] == text[start : start + length].strip()


def test_plural() -> None:
    assert plural(1, "cue") == "1 cue"
    assert plural(1200, "cue") == "1,200 cues"
    assert plural(2, "reply", "replies") == "2 replies"


def test_counted_says_what_there_is() -> None:
    assert counted((0, "file", "gone"), (2, "file", "skipped")) == ["2 files skipped"]
