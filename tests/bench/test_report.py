from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gistill.bench import report, results, run
from gistill.bench.published import RESULTS
from gistill.bench.qmsum import Query
from gistill.bench.scores import SCORER
from gistill.bench.systems import Options, open_system
from gistill.distill.qmsum import Meeting
from gistill.errors import BadInput


@pytest.fixture
def found(queries: list[Query], tmp_path: Path) -> list[results.Result]:
    """Runs of three systems, the worst first."""
    for name in ("lead", "bm25", "oracle"):
        job = run.Job(name, Options(), "val", None, queries)
        run.run(job, open_system(name), tmp_path / name, limit=None, say=lambda text: None)
    return [results.load(tmp_path / name) for name in ("lead", "bm25", "oracle")]


def meetings(queries: list[Query]) -> list[Meeting]:
    return list({query.meeting.id: query.meeting for query in queries}.values())


class Page(HTMLParser):
    """The tags of a page, which must all be closed, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "input", "path", "use", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_both_pages(found: list[results.Result], queries: list[Query], tmp_path: Path) -> None:
    paths = report.write(found, meetings(queries), tmp_path / "out")
    text = paths[0].read_text()
    assert "QMSum val: 9 questions on 3 of 35 meetings; a part of the split" in text
    assert SCORER in text
    ours, theirs = text.split("## Published")
    rows = re.findall(r"^\| (\w+) \| [\d.]+ \|", ours.split("## By domain")[0], re.MULTILINE)
    assert rows[0] == "oracle"
    assert sorted(rows) == ["bm25", "lead", "oracle"]
    for result in RESULTS:
        assert result.system in theirs
        assert result.source in theirs
        assert result.system not in ours
    assert "quality_latency.svg" in ours
    # Differences are to the best that has not seen the reference.
    assert re.search(r"against (lead|bm25): questions", ours)
    page = Page(paths[1].read_text())
    assert page.open == []
    assert page.seen.count("details") == len(queries)
    assert "svg" in page.seen
    said = " ".join(page.said)
    assert queries[2].question.answer in said
    assert "Marketing: People like rubber because it doesn't break." in said
    assert not re.search(r'(?:src|href)="(?!#)', paths[1].read_text())


def test_the_same_runs_give_the_same_page(
    found: list[results.Result], queries: list[Query], tmp_path: Path
) -> None:
    one = report.write(found, meetings(queries), tmp_path / "a")
    other = report.write(found[::-1], meetings(queries), tmp_path / "b")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in other]


def test_text_of_runs_is_text(
    found: list[results.Result], queries: list[Query], tmp_path: Path
) -> None:
    rows = [{**row, "summary": "<script>alert(1)</script> a|b $x"} for row in found[0].rows]
    paths = report.write([replace(found[0], rows=rows)], meetings(queries), tmp_path / "out")
    page = paths[1].read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; a|b $x" in page


def test_without_meetings_ids_stand_for_turns(found: list[results.Result], tmp_path: Path) -> None:
    page = report.write(found, [], tmp_path / "out")[1].read_text()
    assert "<b>s000001</b>" in page


def test_parts_of_runs_say_which(found: list[results.Result], tmp_path: Path) -> None:
    part = replace(found[0], rows=found[0].rows[:2], scores=found[0].scores[:2])
    text = report.write([part, found[2]], [], tmp_path / "out")[0].read_text()
    assert "lead: QMSum val: 2 questions" in text
    assert "oracle: QMSum val: 9 questions" in text


def test_runs_of_one_page_are_of_one_split(found: list[results.Result], tmp_path: Path) -> None:
    other = replace(found[0], record={**found[0].record, "split": "test"})
    with pytest.raises(BadInput, match="not of the same split"):
        report.write([found[1], other], [], tmp_path)
    with pytest.raises(BadInput, match="same folder name"):
        report.write([found[1], found[1]], [], tmp_path)
