from __future__ import annotations

import importlib

import pytest

from gistill.bench import systems
from gistill.bench.qmsum import Query
from gistill.bench.systems import Latest, Options, open_system
from gistill.errors import BadInput

CHEAP = ("lead", "random", "textrank", "lexrank", "bm25", "gold-span-lead", "oracle")


def test_every_system_has_a_module_that_opens_it() -> None:
    pytest.importorskip("torch")
    for name, (module, _) in systems._TABLE.items():
        assert callable(importlib.import_module(f"gistill.bench.systems.{module}").open), name


@pytest.mark.parametrize("name", CHEAP)
def test_systems_without_a_model(name: str, queries: list[Query]) -> None:
    system = open_system(name, Options(words=12))
    for query in queries:
        output = system.answer(query.meeting, query.question)
        assert 0 < len(output.summary.split()) <= 12
        assert set(output.cites) <= {s.id for s in query.meeting.segments}
        assert output == open_system(name, Options(words=12)).answer(query.meeting, query.question)
    assert system.settings()["words"] == 12


def test_an_unknown_system_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="unknown system 'gpt'; choose one of lead, random"):
        open_system("gpt")


def test_what_was_made_of_the_last_meeting_is_kept(queries: list[Query]) -> None:
    made: list[str] = []
    latest = Latest(lambda meeting: made.append(meeting.id) or meeting.id)
    found = [latest(query.meeting) for query in queries]
    assert found == [query.meeting.id for query in queries]
    assert made == ["ES9001a", "education_99", "Bmr999"]
