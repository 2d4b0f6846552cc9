"""The results page as HTML: every question with all its answers, and nothing that is not text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from gistill.bench import browser, results, run
from gistill.bench.qmsum import Query
from gistill.bench.systems import Options, open_system
from gistill.distill.qmsum import Meeting
from gistill.types import Locator, Segment

SVG = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>\n'
HOSTILE = "</details><script>alert('1')</script> & $tables {x}"


@pytest.fixture
def found(queries: list[Query], tmp_path: Path) -> list[results.Result]:
    for name in ("lead", "oracle"):
        job = run.Job(name, Options(), "val", None, queries)
        run.run(job, open_system(name), tmp_path / name, limit=None, say=lambda text: None)
    return [results.load(tmp_path / name) for name in ("lead", "oracle")]


def made(found: list[results.Result], meetings: list[Meeting] | None = None) -> str:
    figures = [results.figures(result) for result in found]
    sections = {
        "Scores": [["run", "R-1"], [HOSTILE, "1.00"]],
        "Support and cost": [["run", "s"], ["lead", "2"]],
    }
    return browser.page(figures, sections, SVG, found, meetings or [])


def elements(page: str, tag: str) -> list[ElementTree.Element]:
    """Those of one kind among the questions, which must be well-formed."""
    start, end = page.index("<details>"), page.rindex("</details>") + len("</details>")
    return list(ElementTree.fromstring(f"<all>{page[start:end]}</all>").iter(tag))


def test_each_question_has_its_reference_and_every_answer(found: list[results.Result]) -> None:
    shown = elements(made(found), "details")
    assert len(shown) == len(found[0].rows)
    for details, row in zip(shown, found[0].rows, strict=True):
        heads = ["".join(h3.itertext()).split()[0] for h3 in details.iter("h3")]
        assert heads == ["reference", "lead", "oracle"]
        assert row["query"] in "".join(details[0].itertext())
        assert details.find("article/p").text == row["reference"]  # type: ignore[union-attr]


def test_a_question_that_a_run_has_not_answered_lacks_its_answer(
    found: list[results.Result],
) -> None:
    lead, oracle = found
    part = replace(lead, rows=lead.rows[:2], scores=lead.scores[:2])
    shown = elements(made([part, oracle]), "details")
    counts = [len(list(details.iter("h3"))) for details in shown]
    assert counts == [3, 3] + [2] * (len(oracle.rows) - 2)


def test_text_stays_text(found: list[results.Result]) -> None:
    fields = {"summary": HOSTILE, "query": HOSTILE, "notes": [HOSTILE], "reference": HOSTILE}
    rows = [{**row, **fields, "cites": [HOSTILE]} for row in found[0].rows[:1]]
    hostile = replace(found[0], rows=rows, scores=found[0].scores[:1], name=HOSTILE)
    page = made([hostile])
    assert "<script>alert" not in page
    (details,) = elements(page, "details")
    said = [text for text in details.itertext() if HOSTILE in text]
    assert len(said) == 6  # the question, the reference, the run, its summary, a cite and a note


def test_cited_turns_are_quoted_up_to_a_length(found: list[results.Result]) -> None:
    row = {**found[0].rows[0], "cites": ["s000000", "s000001", "s000009"]}
    one = replace(found[0], rows=[row], scores=found[0].scores[:1])
    texts = ["a" * browser._LONGEST, "b" * (browser._LONGEST + 1)]
    at = Locator("m", (0, 1))
    segments = tuple(Segment(f"s{i:06d}", text, at) for i, text in enumerate(texts))
    meeting = Meeting(row["meeting_id"], segments, (), (), ())
    (cites,) = [u for u in elements(made([one], [meeting]), "ul") if u.get("class") == "cites"]
    said = [" ".join("".join(item.itertext()).split()) for item in cites]
    cut = "b" * browser._LONGEST + "…"
    assert said == [f"s000000 {texts[0]}", f"s000001 {cut}", "s000009"]


def test_an_answer_tells_its_own_score(found: list[results.Result]) -> None:
    small = elements(made(found[1:]), "small")
    scores = found[1].f1("rougeLsum")
    assert len(small) == len(scores)
    for element, score in zip(small, scores, strict=True):
        assert (element.text or "").startswith(f"R-Lsum {score:.1f} · ")


def test_the_plot_stands_in_the_page_without_its_own_head(found: list[results.Result]) -> None:
    page = made(found)
    assert "<figure><svg" in page
    assert "<?xml" not in page
    assert page.lower().count("<!doctype") == 1
    assert page.index("Support and cost") < page.index("<figure>") < page.index("<details>")
