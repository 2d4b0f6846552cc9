"""A teacher's answers: from what holds them, kept only with support, never made twice."""

from __future__ import annotations

from typing import Any

from gistill.distill import teacher
from gistill.store import Store
from gistill.teacher.generation import Generation
from gistill.types import Claim, Request
from scripted import Scripted
from threads import meeting

SEGMENTS = meeting(60).segments


def first_line(request: Request) -> str:
    return request.text.splitlines()[0].partition(": ")[2]


def test_each_question_gets_its_own_answer() -> None:
    engine: Any = Scripted(first_line)
    asked = [(SEGMENTS[at : at + 3], f"What of item {at}?") for at in (0, 10, 20)]
    found = dict(teacher.answers(Generation(engine, Store()), asked))
    for place, (segments, query) in enumerate(asked):
        answer = found[place]
        assert answer is not None
        assert answer.text == segments[0].text
        assert (answer.by, answer.support) == (engine.id, 1.0)
        assert any(r.query == query and segments[0].text in r.prompt for r in engine.asked)


def test_an_answer_that_the_segments_do_not_support_is_none() -> None:
    engine: Any = Scripted(lambda r: "Penguins of Valparaíso admire nineteen baroque submarines.")
    found = dict(teacher.answers(Generation(engine, Store()), [(SEGMENTS[:3], "What?")]))
    assert found == {0: None}


def test_a_stand_in_is_none() -> None:
    engine: Any = Scripted(lambda r: "")  # the generation selects sentences then
    found = dict(teacher.answers(Generation(engine, Store()), [(SEGMENTS[:3], "What of it?")]))
    assert found == {0: None}


def test_what_is_stored_is_not_asked_again() -> None:
    engine: Any = Scripted(first_line)
    generation = Generation(engine, Store())
    asked = [(SEGMENTS[:3], "What?"), (SEGMENTS[5:8], "When?")]
    first = dict(teacher.answers(generation, asked))
    assert dict(teacher.answers(generation, asked)) == first
    assert len(engine.asked) == 2


def test_more_than_the_teacher_can_read_is_located() -> None:
    engine: Any = Scripted(first_line)
    many = meeting(2000).segments
    room = engine.window
    assert sum(engine.count(s.text) for s in many) > room
    (_,) = teacher.answers(Generation(engine, Store()), [(many, "What of the printer?")])
    (request,) = engine.asked
    assert engine.count(request.text) <= room
    assert "printer" in request.text


def test_questions_stay_with_the_notes_they_are_about() -> None:
    claims = [Claim(f"The launch waits for item {i}.", (f"s{i}",), 1.0) for i in range(4)]
    notes = {claim.text: claim for claim in claims}

    def ask(request: Request) -> str:
        number = request.text.rstrip(".").rpartition(" ")[2]
        return {"2": "I do not know."}.get(number, f"What does item {number} hold up? Yes.")

    engine: Any = Scripted(ask)
    found = teacher.questions(Generation(engine, Store()), claims)
    assert [claim.cites for claim, _ in found] == [("s0",), ("s1",), ("s3",)]
    for claim, question in found:
        number = claim.text.rstrip(".").rpartition(" ")[2]
        assert question == f"What does item {number} hold up?"
        assert notes[claim.text] is claim
