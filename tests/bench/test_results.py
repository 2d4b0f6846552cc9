from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gistill.bench import results, run
from gistill.bench.qmsum import Query
from gistill.bench.systems import Options, open_system
from gistill.errors import BadInput


def made(queries: list[Query], folder: Path, name: str, limit: int | None = None) -> results.Result:
    options = Options(words=15)
    job = run.Job(name, options, "val", None, queries)
    run.run(job, open_system(name, options), folder / name, limit=limit, say=lambda text: None)
    return results.load(folder / name)


def test_figures_of_a_run(queries: list[Query], tmp_path: Path) -> None:
    result = made(queries, tmp_path, "oracle")
    found = results.figures(result)
    assert found["run"] == found["system"] == "oracle"
    assert found["extent"].startswith("QMSum val: 9 questions on 3 of 35 meetings; a part")
    assert "rouge-score 0.1.2" in found["scorer"]
    last = found["rouge"]["rougeLsum"]
    assert last["f1"] == pytest.approx(result.scores[:, 3, 2].mean(), abs=0.005)
    assert last["low"] <= last["f1"] <= last["high"]
    assert {name: part["queries"] for name, part in found["by_domain"].items()} == {
        "Academic": 2,
        "Committee": 2,
        "Product": 5,
    }
    assert {name: part["queries"] for name, part in found["by_kind"].items()} == {
        "general": 4,
        "specific": 5,
    }
    assert found["words"]["summary"] <= 15
    assert 0 < found["support"] <= 1
    assert found["seconds"]["median"] <= found["seconds"]["p95"]
    assert found["peak_rss"] > 0
    assert "bertscore" not in found


def test_parts_are_means_of_their_own_questions(queries: list[Query], tmp_path: Path) -> None:
    result = made(queries, tmp_path, "lead")
    mask = [row["domain"] == "Committee" for row in result.rows]
    part = results.figures(result)["by_domain"]["Committee"]
    assert part["rouge1"] == pytest.approx(result.f1("rouge1")[mask].mean(), abs=0.005)


def test_differences_are_of_shared_questions(queries: list[Query], tmp_path: Path) -> None:
    oracle, lead = made(queries, tmp_path, "oracle"), made(queries, tmp_path, "lead", limit=6)
    found = results.compare(oracle, lead)
    assert found["queries"] == 6
    expected = (oracle.f1("rouge1")[:6] - lead.f1("rouge1")).mean()
    assert found["rouge1"]["mean"] == pytest.approx(expected, abs=0.005)
    back = results.compare(lead, oracle)
    assert back["rouge1"]["mean"] == pytest.approx(-expected, abs=0.005)


def test_bertscore_where_it_was_computed(queries: list[Query], tmp_path: Path) -> None:
    made(queries, tmp_path, "lead")
    result = results.load(tmp_path / "lead", lambda a, b: np.tile([0.5, 0.25, 0.4], (len(a), 1)))
    assert results.figures(result)["bertscore"] == {"precision": 50, "recall": 25, "f1": 40}


def test_other_data_is_not_compared(queries: list[Query], tmp_path: Path) -> None:
    one = made(queries, tmp_path, "lead")
    other = made(queries[:5], tmp_path, "oracle")
    with pytest.raises(BadInput, match="of different splits or data"):
        results.compare(one, other)
