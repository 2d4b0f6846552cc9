from __future__ import annotations

import pytest

from gistill.bench.qmsum import Query
from gistill.bench.systems import Options, open_system
from gistill.bench.systems.hierarchy import Hierarchy
from gistill.errors import BadInput
from gistill.speeds import start_of


@pytest.mark.parametrize("locate", [True, False])
def test_the_pipeline_answers_and_cites(queries: list[Query], locate: bool) -> None:
    system = open_system("hierarchy", Options(engine="extractive", locate=locate))
    query = queries[2]
    output = system.answer(query.meeting, query.question)
    assert output.summary
    assert output.cites
    assert set(output.cites) <= {s.id for s in query.meeting.segments}
    assert output.tokens_in > 0
    assert system.settings()["engine"].startswith("extractive")
    assert system.settings()["locate"] is locate


def test_a_budget_is_kept(queries: list[Query]) -> None:
    system = open_system("budget", Options(engine="extractive", tokens=30, seconds=20))
    output = system.answer(queries[0].meeting, queries[0].question)
    assert 0 < len(output.summary.split()) <= 30
    assert system.settings()["tokens"] == 30


def test_the_start_of_an_engine_is_none_of_the_questions(queries: list[Query]) -> None:
    """Else no model would ever be asked within less than it takes to start."""
    system = open_system("budget", Options(engine="echo", seconds=5))
    assert isinstance(system, Hierarchy)
    system._engine.start = 9.0  # type: ignore[attr-defined]
    assert start_of(system._store, system._engine) == 9.0
    asked = system.answer(queries[0].meeting, queries[0].question)
    assert start_of(system._store, system._engine) == 0.0
    assert asked.notes == ()  # nothing was given up


@pytest.mark.parametrize(
    ("name", "options"),
    [("budget", Options(engine="echo")), ("hierarchy", Options(engine="echo", tokens=10))],
)
def test_a_budget_is_a_system_of_its_own(name: str, options: Options) -> None:
    with pytest.raises(BadInput, match="budget"):
        open_system(name, options)
