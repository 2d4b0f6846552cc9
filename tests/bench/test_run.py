from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gistill.bench import folder, run
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


class Together(Counting):
    """Answers many at once, the last one first."""

    def __init__(self, broken: int | None = None) -> None:
        super().__init__(broken)
        self.sizes: list[int] = []

    def answers(self, asked: Sequence[tuple[Meeting, Question]]) -> Iterator[tuple[int, Output]]:
        self.sizes.append(len(asked))
        for index in reversed(range(len(asked))):
            output = self.answer(*asked[index])
            yield index, Output(output.summary, seconds=index + 1)


def job(queries: list[Query], **changes: Any) -> run.Job:
    return run.Job(**{"system": "counting", "options": Options(), "split": "val", "domain": None,
                      "queries": queries, **changes})  # fmt: skip


def start(queries: list[Query], out: Path, by: Any = None, **changes: Any) -> list[folder.Row]:
    limit = changes.pop("limit", None)
    by = by or Counting()
    return run.run(job(queries, **changes), by, out, limit=limit, say=lambda text: None)


def test_a_line_a_question(queries: list[Query], tmp_path: Path) -> None:
    rows = start(queries, tmp_path)
    record, read = folder.load(tmp_path)
    assert read == rows
    assert [folder.key(row) for row in rows] == [query.key for query in queries]
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
    first = folder.read_rows(tmp_path / folder.PREDICTIONS)
    assert len(first) == 4
    with (tmp_path / folder.PREDICTIONS).open("a") as file:
        file.write('{"meeting_id": "ES90')  # a kill in the middle of a line
    rest = Counting()
    rows = start(queries, tmp_path, rest)
    assert rest.asked == [query.question.answer for query in queries[4:]]
    assert rows[:4] == first
    assert folder.load(tmp_path)[1] == rows
    again = Counting()
    assert start(queries, tmp_path, again) == rows
    assert again.asked == []


def test_a_limit_can_be_raised(queries: list[Query], tmp_path: Path) -> None:
    assert len(start(queries, tmp_path, limit=2)) == 2
    more = Counting()
    assert len(start(queries, tmp_path, more, limit=5)) == 5
    assert len(more.asked) == 3
    assert len(start(queries, tmp_path, limit=1)) == 1
    assert len(folder.load(tmp_path)[1]) == 5


def test_many_at_once_come_out_in_order(queries: list[Query], tmp_path: Path) -> None:
    by = Together()
    rows = start(queries, tmp_path, by, options=Options(batch=4))
    assert by.sizes == [4, 4, 1]
    assert [folder.key(row) for row in rows] == [query.key for query in queries]
    assert folder.load(tmp_path)[1] == rows
    assert [row["seconds"] for row in rows[:5]] == [1, 2, 3, 4, 1]
    for row, query in zip(rows, queries, strict=True):
        assert row["reference"] == query.question.answer
    alone = Together()
    start(queries, tmp_path / "alone", alone)
    assert alone.sizes == []


def test_a_batch_that_breaks_off_keeps_what_it_had(queries: list[Query], tmp_path: Path) -> None:
    with pytest.raises(EngineFailed):
        start(queries, tmp_path, Together(broken=6), options=Options(batch=4))
    kept = [folder.key(row) for row in folder.read_rows(tmp_path / folder.PREDICTIONS)]
    assert kept == [queries[i].key for i in (0, 1, 2, 3, 6, 7)]
    rest = Together()
    rows = start(queries, tmp_path, rest, options=Options(batch=4))
    assert rest.sizes == [3]
    assert [folder.key(row) for row in rows] == [query.key for query in queries]


def test_costs_add_up_over_parts(queries: list[Query], tmp_path: Path) -> None:
    start(queries, tmp_path, limit=2)
    path = tmp_path / folder.RUN
    record = json.loads(path.read_text())
    record["cost"] |= {"seconds": 100.0, "peak_rss": 10**15, "joules": 5.0}
    path.write_text(json.dumps(record))
    start(queries, tmp_path)
    cost = folder.load(tmp_path)[0]["cost"]
    assert 100 < cost["seconds"] < 200
    assert cost["peak_rss"] == 10**15
    assert cost["joules"] == 5


def test_what_answers_is_known_by_its_settings_and_not_by_flags(
    queries: list[Query], tmp_path: Path
) -> None:
    start(queries, tmp_path, limit=1)
    start(queries, tmp_path, options=Options(offline=True), limit=2)
    with pytest.raises(BadInput, match="a run with another system"):
        start(queries, tmp_path, system="lead")
    with pytest.raises(BadInput, match="another data"):
        start(queries[:-1], tmp_path)


# Real processes, stopped while they are at it


def command(data: Path, out: Path, delay: float, *flags: str) -> list[str]:
    engine = f"echo:delay={delay}"
    return [
        *(sys.executable, "-m", "gistill.cli", "bench", "qmsum", "run", "--system", "student"),
        *("--engine", engine, "--data", str(data), "--out", str(out), *flags),
    ]


def stopped(command: list[str], out: Path, by: signal.Signals, rows: int) -> tuple[int, str]:
    """Stops a run once it has answered so many questions; its code, and what it said at last."""
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background with this signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    path = out / folder.PREDICTIONS
    try:
        until = time.monotonic() + 60
        while not path.is_file() or len(path.read_bytes().splitlines()) < rows:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(by)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.parametrize("flags", [(), ("--batch", "3")])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on(
    data: Path, queries: list[Query], tmp_path: Path, by: signal.Signals, flags: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    code, said = stopped(command(data, out, 1.0, *flags), out, by, rows=2)
    if by == signal.SIGINT:
        assert code == 130
        assert said.splitlines()[-1] == (
            "gistill: interrupted; what was finished is kept: run it again"
        )
        assert "Traceback" not in said
    record, first = folder.load(out)
    assert 2 <= len(first) < len(queries)
    assert record["cost"]["seconds"] > 0  # of all but the question that was under way
    subprocess.run(command(data, out, 0, *flags), check=True, capture_output=True)
    again, rows = folder.load(out)
    assert rows[: len(first)] == first
    assert [folder.key(row) for row in rows] == [query.key for query in queries]
    assert again["cost"]["seconds"] > record["cost"]["seconds"]
    assert again["answered"] == len(queries)
