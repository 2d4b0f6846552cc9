from __future__ import annotations

from gistill.ingest.lines import lines
from gistill.ingest.paragraphs import heading, paragraphs


def split(text: str) -> list[str]:
    found = list(paragraphs(text, lines(text)))
    assert all(text[slice(*entry.span)] == entry.text for entry in found)
    return [entry.text for entry in found]


def test_blank_lines_part_paragraphs_and_wrapped_lines_stay() -> None:
    text = "A paragraph that was wrapped\nby hand. It goes on until the\nblank line.\n\nNext one."
    assert split(text) == [text[: text.index("\n\n")], "Next one."]


def test_headings_and_list_items_stand_alone() -> None:
    text = "# The plan\nWe go.\n- first\n  with more\n- second\n1. third\n\n## Next ##"
    assert split(text) == [
        "The plan",
        "We go.",
        "- first\n  with more",
        "- second",
        "1. third",
        "Next ##",
    ]


def test_rules_are_no_paragraphs() -> None:
    assert split("Title\n=====\n\nText.\n\n* * *\n\nMore.\n---\n") == ["Title", "Text.", "More."]


def test_code_is_one_paragraph() -> None:
    assert split("Do:\n```\na\n\nb\n```\nafter") == ["Do:", "```\na\n\nb\n```", "after"]
    assert split("~~~\nnever\n\nclosed") == ["~~~\nnever\n\nclosed"]


def test_one_line_a_paragraph_without_blank_lines() -> None:
    first = "The first paragraph is a long line that nobody wrapped, and it ends here."
    second = (
        "The second is longer: it goes on and on and on, as lines do that no editor has broken."
    )
    third = "A third."
    assert split("\n".join([third, first, second])) == [third, first, second]


def test_a_long_paragraph_is_one() -> None:
    text = "word " * 50_000
    assert split(text) == [text.strip()]


def test_the_heading_is_the_title() -> None:
    text = "Intro\n\n# The plan #\n\ntext"
    assert heading(text, lines(text)) == "The plan"
    assert heading("text", lines("text")) == ""


def test_deep_indents_are_wrapped_lines() -> None:
    text = "A line that is long enough.\nshort.\n" + " " * 99 + "deep"
    assert split(text) == ["A line that is long enough.", "short.", "deep"]
