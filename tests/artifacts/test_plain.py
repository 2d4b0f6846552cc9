import pytest
from hypothesis import given
from hypothesis import strategies as st

import samples
from gistill.artifacts import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\ufffd[31mred\ufffd"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("txt.\u202eexe", "txt.\ufffdexe"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("שלום 👩‍🔬 tab\there", "שלום 👩‍🔬 tab\there"),
    ],
)
def test_visible(text: str, shown: str):
    assert plain.visible(text) == shown


@given(samples.TEXT)
def test_line_is_one_encodable_line(text: str):
    line = plain.line(text)
    assert len(line.splitlines()) <= 1
    assert not set(line) & {"\x1b", "\x9b", "\x00"}
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short enough", 20, "short enough"),
        ("cut at a word, not in it", 15, "cut at a word…"),
        ("nospaceswhatever", 8, "nospace…"),
        ("测试打孔卡片", 7, "测试打…"),
        ("e\u0301" * 5, 5, "e\u0301" * 5),
    ],
)
def test_shorten(text: str, width: int, shown: str):
    assert plain.shorten(text, width) == shown


@given(samples.TEXT, st.integers(1, 30))
def test_shortened_text_fits(text: str, width: int):
    assert plain.cells(plain.shorten(plain.line(text), width)) <= width


def test_shorten_reads_only_the_start_of_a_huge_line():
    assert plain.shorten("x" * 10_000_000, 10) == "x" * 9 + "…"


def test_wrap_breaks_at_spaces_and_keeps_long_words():
    assert plain.wrap("one two https://example.org/long three", 8) == (
        "one two\nhttps://example.org/long\nthree"
    )


def test_wrap_breaks_between_wide_characters_but_not_before_a_full_stop():
    assert plain.wrap("测试打孔。卡片", 8).split("\n") == ["测试打", "孔。卡片"]


def test_wrap_without_width_leaves_the_line():
    assert plain.wrap("as it is", None) == "as it is"


@given(samples.TEXT.map(plain.line), st.integers(4, 40))
def test_wrap_loses_nothing(text: str, width: int):
    assert "".join(plain.wrap(text, width).split()) == "".join(text.split())
