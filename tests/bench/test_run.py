from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gistill.bench import run
from gistill.bench.qmsum import Query
from gistill.bench.systems import Options, Output, open_system
from gistill.distill.qmsum import Meeting, Question
from gistill.errors import BadInput, EngineFailed


class Counting:
    """Answers with the meeting's first turn; stops working at the question numbered `broken`."""

    def __init__(self, broken: int | None = None) -> None:
        self.asked: list[str] = []
        self._broken = broken

    def settings(self) -> Mapping[str, Any]:
        return {"turn": 0}

    def answer(self, meeting: Meeting, question: Question) -> Output:
        if len(self.asked) == self._broken:
            raise EngineFailed("the model is gone")
        self.asked.append(question.answer)
        return Output(meeting.segments[1].text, tokens_in=7, notes=("cut",))


def job(queries: list[Query], **changes: Any) -> run.Job:
    return run.Job(**{"system": "counting", "options": Options(), "split": "val", "domain": None,
                      "queries": queries, **changes})  # fmt: skip


def start(queries: list[Query], out: Path, by: Any = None, **changes: Any) -> list[run.Row]:
    limit = changes.pop("limit", None)
    by = by or Counting()
    return run.run(job(queries, **changes), by, out, limit=limit, say=lambda text: None)


def test_a_line_a_question(queries: list[Query], tmp_path: Path) -> None:
    rows = start(queries, tmp_path)
    record, read = run.load(tmp_path)
    assert read == rows
    assert [run.key(row) for row in rows] == [query.key for query in queries]
    fields = (
        "meeting_id domain kind index query reference summary cites tokens_in tokens_out seconds"
    )
    assert set(fields.split()) <= rows[0].keys()
    assert rows[0]["domain"] == "Product"
    assert rows[0]["kind"] == "general"
    assert rows[0]["tokens_in"] == 7
    assert rows[0]["notes"] == ["cut"]
    assert record["settings"] == {"turn": 0}
    assert record["data"]["queries"] == len(queries)
    assert record["cost"]["peak_rss"] > 0
    assert record["answered"] == len(queries)


def test_summaries_are_grounded_in_the_meeting(queries: list[Query], tmp_path: Path) -> None:
    row = start(queries, tmp_path)[0]
    assert row["cites"] == ["s000001"]
    assert row["cites_by"] == "grounding"
    assert row["support"] == row["cited"] == 1


def test_a_systems_own_citations_stay(queries: list[Query], tmp_path: Path) -> None:
    rows = start(queries, tmp_path, open_system("lead"), system="lead", limit=1)
    assert rows[0]["cites_by"] == "system"
    assert rows[0]["seconds"] > 0


def test_a_run_is_gone_on_with(queries: list[Query], tmp_path: Path) -> None:
    with pytest.raises(EngineFailed):
        start(queries, tmp_path, Counting(broken=4))
    first = run.read_rows(tmp_path / run.PREDICTIONS)
    assert len(first) == 4
    with (tmp_path / run.PREDICTIONS).open("a") as file:
        file.write('{"meeting_id": "ES90')  # a kill in the middle of a line
    rest = Counting()
    rows = start(queries, tmp_path, rest)
    assert rest.asked == [query.question.answer for query in queries[4:]]
    assert rows[:4] == first
    assert run.load(tmp_path)[1] == rows
    again = Counting()
    assert start(queries, tmp_path, again) == rows
    assert again.asked == []


def test_a_limit_can_be_raised(queries: list[Query], tmp_path: Path) -> None:
    assert len(start(queries, tmp_path, limit=2)) == 2
    more = Counting()
    assert len(start(queries, tmp_path, more, limit=5)) == 5
    assert len(more.asked) == 3


def test_costs_add_up_over_parts(queries: list[Query], tmp_path: Path) -> None:
    start(queries, tmp_path, limit=2)
    path = tmp_path / run.RUN
    record = json.loads(path.read_text())
    record["cost"] |= {"seconds": 100.0, "peak_rss": 10**15, "joules": 5.0}
    path.write_text(json.dumps(record))
    start(queries, tmp_path)
    cost = run.load(tmp_path)[0]["cost"]
    assert 100 < cost["seconds"] < 200
    assert cost["peak_rss"] == 10**15
    assert cost["joules"] == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"system": "lead"}, "a run with another system"),
        ({"options": Options(words=5)}, "another options"),
        ({"split": "test"}, "another split"),
    ],
)
def test_another_run_is_not_mixed_in(
    queries: list[Query], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    start(queries, tmp_path, limit=1)
    with pytest.raises(BadInput, match=said):
        start(queries, tmp_path, **changes)


def test_other_data_is_another_run(queries: list[Query], tmp_path: Path) -> None:
    start(queries, tmp_path, limit=1)
    with pytest.raises(BadInput, match="another data"):
        start(queries[:-1], tmp_path)


def test_predictions_of_nobody_are_left_alone(queries: list[Query], tmp_path: Path) -> None:
    (tmp_path / run.PREDICTIONS).write_text("{}\n")
    with pytest.raises(BadInput, match=r"has no run\.json"):
        start(queries, tmp_path)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / run.PREDICTIONS
    path.write_text('{"a": 1}\n{"b"\n{"c": 3}\n')
    with pytest.raises(BadInput, match="broken in line 2"):
        run.read_rows(path)


def test_no_run(queries: list[Query], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        run.load(tmp_path)
    with pytest.raises(EngineFailed):
        start(queries, tmp_path, Counting(broken=0))
    with pytest.raises(BadInput, match="has answered nothing yet"):
        run.load(tmp_path)
    (tmp_path / run.RUN).write_text('{"format": 0}')
    with pytest.raises(BadInput, match="of format 0, not 1"):
        run.load(tmp_path)
