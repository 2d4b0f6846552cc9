"""The tables of a results page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gistill.bench import results, run
from gistill.bench.published import RESULTS
from gistill.bench.qmsum import Query
from gistill.bench.scores import METRICS
from gistill.bench.systems import Options, open_system
from gistill.bench.tables import NOTES, Table, extents, tables
from gistill.errors import BadInput


@pytest.fixture
def found(queries: list[Query], tmp_path: Path) -> list[results.Result]:
    for name in ("lead", "oracle"):
        job = run.Job(name, Options(), "val", None, queries)
        run.run(job, open_system(name), tmp_path / name, limit=None, say=lambda text: None)
    return [results.load(tmp_path / name) for name in ("lead", "oracle")]


def made(found: list[results.Result]) -> dict[str, Table]:
    return tables(found, [results.figures(result) for result in found], found[0])


def test_every_table_is_a_rectangle_with_a_note(found: list[results.Result]) -> None:
    sections = made(found)
    assert sections.keys() == NOTES.keys()
    for heading, rows in sections.items():
        assert len(rows) > 1, heading
        assert {len(row) for row in rows} == {len(rows[0])}, heading
        assert all(isinstance(cell, str) and cell for row in rows for cell in row), heading


def test_scores_are_those_of_the_figures(found: list[results.Result]) -> None:
    head, lead, _ = made(found)["Scores"]
    row = dict(zip(head, lead, strict=True))
    rouge = results.figures(found[0])["rouge"]
    assert row["run"] == "lead"
    assert [row[name] for name in ("R-1", "R-2", "R-L", "R-Lsum")] == [
        f"{rouge[metric]['f1']:.2f}" for metric in METRICS
    ]
    assert row["precision"] == f"{rouge['rouge1']['precision']:.2f}"
    assert row["questions"] == "9"
    assert "BERTScore" not in head


def test_a_column_of_bertscore_where_a_run_has_it(found: list[results.Result]) -> None:
    lead, oracle = found
    scored = replace(oracle, bert=np.tile([0.5, 0.25, 0.4], (len(oracle.rows), 1)))
    rows = made([lead, scored])["Scores"]
    assert [row[-1] for row in rows] == ["BERTScore", "–", "40.00"]


def test_a_part_that_a_run_has_not_is_a_dash(found: list[results.Result]) -> None:
    lead, oracle = found
    some = [i for i, row in enumerate(lead.rows) if row["domain"] == "Product"]
    part = replace(lead, rows=[lead.rows[i] for i in some], scores=lead.scores[some])
    head, first, second = made([part, oracle])["By domain"]
    assert head == ["run", "Academic", "Committee", "Product"]
    assert first[1:3] == ["–", "–"]
    assert first[3].endswith("(5)")
    assert [cell.rpartition(" ")[2] for cell in second[1:]] == ["(2)", "(2)", "(5)"]


def test_costs_that_nobody_measured_are_dashes(found: list[results.Result]) -> None:
    figures = results.figures(found[0])
    figures |= {"tokens_in": 0.0, "peak_rss": 1_234_567_890, "peak_vram": None, "support": 0.5}
    head, row = tables(found[:1], [figures], found[0])["Support and cost"]
    cells = dict(zip(head, row, strict=True))
    assert cells["tokens in"] == cells["GPU memory"] == "–"
    assert cells["memory"] == "1,235 MB"
    assert cells["support"] == "50 %"


def test_differences_are_to_the_one_named(found: list[results.Result]) -> None:
    lead, oracle = found
    figures = [results.figures(result) for result in found]
    head, row = tables(found, figures, lead)["Paired differences"]
    assert head[1] == "against lead: questions"
    assert row[:2] == ["oracle", "9"]
    mean = (oracle.f1("rouge1") - lead.f1("rouge1")).mean()
    assert float(row[2].split()[0]) == pytest.approx(mean, abs=0.006)
    back = tables(found, figures, oracle)["Paired differences"][1]
    assert float(back[2].split()[0]) == pytest.approx(-mean, abs=0.006)


def test_a_clear_difference_has_a_star(found: list[results.Result]) -> None:
    lead = found[0]
    better = replace(lead, name="better", scores=lead.scores + 5)
    _, row = made([lead, better])["Paired differences"]
    assert row[2] == "+5.00 (+5.0 to +5.0)*"
    _, row = made([lead, replace(lead, name="same")])["Paired differences"]
    assert row[2] == "+0.00 (+0.0 to +0.0)"


def test_one_run_has_nothing_to_be_compared_with(found: list[results.Result]) -> None:
    assert "Paired differences" not in made(found[:1])


def test_runs_of_other_data_are_refused(found: list[results.Result]) -> None:
    lead, oracle = found
    other = replace(oracle, record={**oracle.record, "data": {"sha256": "0"}})
    with pytest.raises(BadInput, match="of different splits or data"):
        made([lead, other])


def test_published_results_stand_apart(found: list[results.Result]) -> None:
    head, *rows = made(found)["Published, on the whole test split"]
    assert [row[0] for row in rows] == [result.system for result in RESULTS]
    assert head[-2:] == ["kind", "source"]


def test_extents_are_one_sentence_where_all_agree(found: list[results.Result]) -> None:
    figures = [results.figures(result) for result in found]
    assert extents(figures) == [figures[0]["extent"]]
    part = {**figures[1], "extent": "half of it"}
    assert extents([figures[0], part]) == [f"lead: {figures[0]['extent']}", "oracle: half of it"]
