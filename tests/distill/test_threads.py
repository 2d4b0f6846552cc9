"""Data from one's own threads: aligned, split by thread or by chunk, with distractors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gistill.distill import hierarchy, threads
from gistill.distill.dataset import Row, check_splits
from gistill.distill.threads import Recipe
from gistill.engines import open_engine
from gistill.options import Options
from gistill.segmentation.render import render
from gistill.store import Store
from gistill.teacher.generation import Generation
from gistill.types import Done, Event, Request, Source, Thread
from scripted import Scripted
from threads import meeting

OPTIONS = Options(max_tokens=300, overlap=40, local_len=60, global_len=80)
RECIPE = Recipe(words=(60, 200), questions=4)


def talk(turns: int, name: str) -> Thread:
    one = meeting(turns)
    segments = tuple(replace(s, text=s.text.replace("item", name)) for s in one.segments)
    return replace(one, segments=segments, sources=(Source(name, name * 8, ""),), title=name)


def answer(request: Request) -> str:
    """Questions about notes; else the first lines, without who said them."""
    if request.prompt.endswith("Question:"):
        return f"What was said of {request.text.split()[1]}?"
    lines = [line.partition(": ")[2] or line for line in request.text.splitlines()[:2]]
    return " ".join(line.removeprefix("- ") for line in lines)


def made(*talks: Thread, engine: Any = None, recipe: Recipe = RECIPE) -> tuple[Any, list[str]]:
    said: list[str] = []
    generation = Generation(engine or Scripted(answer), Store())
    events: list[Event] = []
    found = threads.build(talks, generation, OPTIONS, recipe, events.append, said.append)
    assert any(isinstance(event, Done) for event in events)
    check_splits(found)
    return found, said


def rows(data: Any) -> list[Row]:
    return [row for part in data.values() for row in part]


def test_threads_are_split_as_wholes() -> None:
    data, _ = made(*(talk(100 + i, f"subject{i}") for i in range(4)))
    homes = {split: {row.source for row in part} for split, part in data.items()}
    assert [len(homes[split]) for split in ("train", "dev", "test")] == [2, 1, 1]
    again, _ = made(*(talk(100 + i, f"subject{i}") for i in reversed(range(4))))
    assert {split: {row.source for row in part} for split, part in again.items()} == homes


def test_one_thread_is_split_by_its_chunks() -> None:
    data, _ = made(talk(400, "subject"))
    assert all(data.values())
    assert {row.source for row in rows(data)} == {"subject" * 8}
    assert {"local", "query"} <= {row.task for row in data["train"]}


def test_all_kinds_of_rows_are_made_and_hold_what_they_name() -> None:
    one = talk(300, "subject")
    data, _ = made(one, talk(120, "matter"), talk(110, "thing"))
    found = [row for row in rows(data) if row.source == "subject" * 8]
    assert {row.task for row in found} == {"local", "fuse", "whole", "query"}
    lines = {s.id: render(s) for s in one.segments}
    for row in found:
        if row.task != "fuse":
            assert all(lines[i] in row.input for i in row.segments)
            assert not any(lines[i] in row.input for i in lines.keys() - set(row.segments))
    asked = [row for row in found if row.task == "query"]
    assert len(asked) == RECIPE.questions * RECIPE.variants
    for row in asked:
        assert row.query in row.input
        assert any(row.is_gold)
        assert row.distractors is not None
        assert row.distractors <= 0.5
        gold = {i for i, inside in zip(row.segments, row.is_gold, strict=True) if inside}
        assert any(lines[i].partition(": ")[2] in row.input for i in gold)
        assert row.support == 1.0


def test_a_question_of_the_users_is_asked_of_every_thread() -> None:
    recipe = replace(RECIPE, queries=("Who waits for the printer?",), questions=0)
    data, _ = made(*(talk(150, f"subject{i}") for i in range(3)), recipe=recipe)
    for split in data:
        assert any(row.query == recipe.queries[0] for row in data[split])


def test_the_same_thread_twice_counts_once() -> None:
    data, said = made(talk(80, "a"), talk(80, "a"), talk(90, "b"))
    assert len({row.source for row in rows(data)}) == 2
    assert any("the same as others" in line for line in said)


def test_unsupported_answers_are_dropped_and_counted() -> None:
    def invent(request: Request) -> str:
        if request.query:
            return "Penguins of Valparaíso admire nineteen baroque submarines."
        return answer(request)

    data, said = made(talk(200, "a"), talk(210, "b"), engine=Scripted(invent))
    assert not any("Penguins" in row.target for row in rows(data))
    assert not any(row.task == "query" for row in rows(data))
    assert any("no support: left out" in line for line in said)


@pytest.mark.parametrize("engine", ["echo", "extractive"])
def test_engines_that_cannot_ask_make_no_questions(engine: str) -> None:
    data, _ = made(talk(120, "a"), talk(130, "b"), engine=open_engine(engine))
    assert data["train"]
    assert not any(row.task == "query" for row in rows(data))


def test_a_thread_is_named_in_its_rows() -> None:
    one, other = talk(60, "a"), talk(70, "b")
    data, _ = made(one, other)
    assert {row.source for row in rows(data)} == {hierarchy.source(one), hierarchy.source(other)}
