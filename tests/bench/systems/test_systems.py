from __future__ import annotations

import importlib
import math
from dataclasses import fields
from typing import Any

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


@pytest.mark.parametrize("name", systems.names())
def test_no_flag_is_ignored(name: str) -> None:
    """Every option that a system does not read is refused, and none that it reads."""
    changed: dict[str, Any] = {
        "words": 7, "seed": 5, "engine": "none", "tokens": 9, "seconds": 5.0, "profile": "greedy",
        "repetition_penalty": 1.1, "max_tokens": 50, "locate": False, "batch": 2, "model": "/x",
        "adapter": "/x", "max_seq_len": 9, "max_new_tokens": 9, "instruct": True, "device": "cpu",
        "device_map": "auto", "dtype": "float32", "offline": True,
    }  # fmt: skip
    assert changed.keys() == {field.name for field in fields(Options)}
    for option, value in changed.items():
        if option not in systems.reads(name):
            flag = systems.flag(option)
            with pytest.raises(BadInput, match=f"the system {name} takes no {flag}; it takes --"):
                open_system(name, Options(**{option: value}))
    if name in CHEAP:
        open_system(name, Options(**{option: changed[option] for option in systems.reads(name)}))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("words", 0, "--words is 0; give 1 or more"),
        ("batch", -1, "--batch is -1; give 1 or more"),
        ("max_seq_len", 0, "--max-seq-len is 0; give 1 or more"),
        ("repetition_penalty", 0.0, r"--repetition-penalty is 0\.0; give more than 0"),
        ("repetition_penalty", math.nan, "--repetition-penalty is nan; give more than 0"),
        ("profile", "best", "unknown profile 'best'; choose greedy, fast or quality"),
    ],
)
def test_values_are_checked(option: str, value: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Options(**{option: value})


def test_an_unknown_system_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="unknown system 'gpt'; choose one of lead, random"):
        open_system("gpt")


def test_what_was_made_of_the_last_meeting_is_kept(queries: list[Query]) -> None:
    made: list[str] = []
    latest = Latest(lambda meeting: made.append(meeting.id) or meeting.id)
    found = [latest(query.meeting) for query in queries]
    assert found == [query.meeting.id for query in queries]
    assert made == ["ES9001a", "education_99", "Bmr999"]
