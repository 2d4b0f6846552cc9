import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

import samples
from gistill.artifacts import markdown
from gistill.types import Source


@pytest.fixture
def page() -> str:
    return markdown.render(samples.done(), samples.thread())


def test_sections_in_order(page: str):
    assert re.findall(r"^#+ .*", page, re.M) == [
        r"# Council \<b\>of\</b\> engineers",
        "## Summary",
        "## Notes by part",
        "### Part 1 (00:14:00–00:14:10)",
        "### Part 2 (00:14:10–00:14:25)",
        "### Part 3 (00:14:30–00:14:45)",
        "## What was read",
        "## Cost",
    ]


def test_every_footnote_is_defined_once_and_used(page: str):
    body, notes = page.split("\n[^1]:")
    notes = "[^1]:" + notes
    defined = re.findall(r"^\[\^(\d+)\]:", notes, re.M)
    assert defined == [str(n) for n in range(1, 8)]
    assert set(re.findall(r"\[\^(\d+)\]", body)) == set(defined)


def test_marks_doubts_gaps_and_cost_are_there(page: str):
    assert "נעמה מסכימה עם עדה.[^5] (?)" in page
    assert "12 June.[^3][^4] (!)" in page
    assert "*Gap:* the model repeated itself. Written by extractive instead." in page
    assert "The engine ships on 4 May.[^1][^2] *(said 2 times)*" in page
    assert "- 20 tokens in 2 turns (00:14:40–00:14:45) not read: the model failed." in page
    assert "| Local | 3 | 300 | 384 | 4 | 390 | 70 |\n" in page
    assert "| Fuse 2 | 1 | 250 | 200 | – | – | – |\n" in page
    assert "| Total | 5 | 800 | 712 | 5 | 790 | 210 |\n" in page
    assert "- Given up: 2 beams instead of 4." in page


def test_question_and_single_pass():
    done = replace(samples.single(), query="When do we *ship*?")
    page = markdown.render(done, samples.thread())
    assert r"**Question:** When do we \*ship\*?" in page
    assert "Notes by part" not in page


def test_title_falls_back_to_the_files():
    thread = replace(samples.thread(), title="", sources=(Source("a/council.vtt", "", ""),))
    assert markdown.title(thread) == "council.vtt"
    many = replace(thread, sources=tuple(Source(f"{n}.txt", "", "") for n in range(5)))
    assert markdown.title(many) == "0.txt, 1.txt, 2.txt and 2 more"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a *b* _c_ snake_case `d`", r"a \*b\* \_c\_ snake_case \`d\`"),
        ("<script>[x](javascript:y)", r"\<script\>\[x\](javascript:y)"),
        ("# not a heading", r"\# not a heading"),
        ("- not a list", r"\- not a list"),
        ("1. not a list", r"1\. not a list"),
        ("-5 degrees, 1.5 m", "-5 degrees, 1.5 m"),
        ("R&D &lt; &#65;", r"R&D \&lt; \&#65;"),
        ("two\n\nlines", "two lines"),
        ("a | b", r"a \| b"),
    ],
)
def test_escape(text: str, escaped: str):
    assert markdown.escape(text) == escaped


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results())
def test_any_result_gives_markdown_without_html(result):
    page = markdown.render(*result)
    page.encode("utf-8")
    assert not re.search(r"(?<!\\)<", page)
    assert "s-unknown" not in page


def test_the_same_input_gives_the_same_bytes(page: str):
    done = samples.done()
    later = replace(done, run="r-2", spend=replace(done.spend, seconds=99.0, calls=0, reused=5))
    later = replace(later, spent=tuple(replace(step, seconds=99.0) for step in done.spent))
    assert markdown.render(later, samples.thread()) == page
