"""Rows from meetings: each target with the input it was made from, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import qmsum_fixture
from gistill.distill import qmsum
from gistill.distill.dataset import Row, check_splits
from gistill.distill.mixture import Mixture, build, dev_rows, founded, held_out, rows
from gistill.distill.qmsum import Meeting, Question
from gistill.distill.support import share_supported
from gistill.distill.teacher import Taught
from gistill.engines import open_engine
from gistill.errors import BadInput
from gistill.segmentation import sentences
from gistill.segmentation.render import render
from gistill.store import Store
from gistill.teacher.generation import Generation
from threads import meeting as talk

LOCAL = Mixture(local_words=(60, 120))


def meeting(turns: int = 240, name: str = "m1") -> Meeting:
    """Four answered stretches and two general questions on a long dull talk."""
    specific = tuple(
        Question(
            f"What was said about the {name}?",
            f"They spoke of the {name}. It was number {i}.",
            ((20 + 50 * i, 22 + 50 * i),),
        )
        for i, name in enumerate(("budget", "launch", "printer", "roadmap"))
    )
    general = (
        Question("Summarize the meeting.", "All of it was discussed."),
        Question("What was decided?", "Nothing much."),
    )
    return Meeting(name, talk(turns).segments, general, specific, ())


@pytest.fixture(scope="module")
def found() -> list[Row]:
    return list(rows(meeting(), LOCAL))


def test_the_mixture_says_how_many_of_each(found: list[Row]) -> None:
    counts = {task: sum(row.task == task for row in found) for task in {r.task for r in found}}
    assert counts == {"query": 6 * 6, "local": 2 * 4, "fuse_query": 2 * 4, "whole": 4 * 2,
                      "fuse": 8 * 2}  # fmt: skip


def test_the_same_seed_gives_the_same_rows(found: list[Row]) -> None:
    assert list(rows(meeting(), LOCAL)) == found
    assert list(rows(meeting(), LOCAL, seed=1)) != found


def test_an_input_holds_the_segments_it_names(found: list[Row]) -> None:
    lines = {s.id: render(s) for s in meeting().segments}
    read = [row for row in found if row.task in ("query", "local", "whole")]
    assert read
    for row in read:
        assert row.segments
        assert all(lines[id] in row.input for id in row.segments)
        others = lines.keys() - set(row.segments)
        assert not any(lines[id] in row.input for id in others)


def test_a_target_is_the_answer_of_its_own_question(found: list[Row]) -> None:
    answers = {q.text: q.answer for q in (*meeting().specific, *meeting().general)}
    for row in found:
        if row.query:
            assert row.target == answers[row.query]
            assert row.query in row.input


def test_a_local_target_tells_all_that_is_answered_within(found: list[Row]) -> None:
    whole = meeting()
    for row in found:
        if row.task == "local":
            held = set(row.segments)
            inside = [q.answer for q in whole.specific if whole.gold(q) <= held]
            assert row.target == " ".join(inside)
            assert inside


def test_notes_hold_the_answer_to_what_is_asked_of_them(found: list[Row]) -> None:
    notes = [row for row in found if row.task == "fuse_query"]
    for row in notes:
        assert all(line in row.input for line in sentences.split(row.target))
    assert len({row.input for row in notes}) > 4  # they vary


def test_distractors_are_at_most_half_of_what_is_read(found: list[Row]) -> None:
    shares = [row.distractors for row in found if row.distractors is not None]
    assert len(shares) == 6 * 4  # the questions of a known place
    assert max(shares) <= 0.5
    assert len(set(shares)) > 4
    assert all(any(row.is_gold) for row in found if row.is_gold)


def test_filled_contexts_have_their_length_and_more_distractors() -> None:
    # Six passages are 402 words here: 400 would leave one out where the short last one is far.
    filled = list(rows(meeting(), Mixture(fill=True, gold=0.75, words=(410, 410))))
    read = [row for row in filled if row.distractors is not None]
    assert max(row.distractors for row in read if row.distractors is not None) > 0.5
    assert min(len(row.input.split()) for row in read) > 390


def test_without_marked_turns_shares_are_unknown() -> None:
    bare = Question("What about the budget?", "It is late.")
    found = list(rows(Meeting("m4", talk(240).segments, meeting().general, (bare,) * 3, ()), LOCAL))
    assert {row.task for row in found} == {"query", "whole"}
    assert {(row.distractors, row.is_gold) for row in found} == {(None, ())}


def test_few_answers_make_no_notes_and_long_spans_no_local_row() -> None:
    whole = meeting()
    few = Meeting("m2", whole.segments, whole.general, whole.specific[:2], ())
    assert not any(row.task == "fuse" for row in rows(few, LOCAL))
    long = Question("What about the budget?", "It is late.", ((0, 200),))
    wide = Meeting("m3", whole.segments, (), (long,), ())
    assert not any(row.task == "local" for row in rows(wide, LOCAL))


def test_a_teachers_answers_take_their_share_of_their_own_questions(found: list[Row]) -> None:
    first, second = meeting().specific[:2]
    taught = {
        first: Taught("The teacher on the budget.", "big", 1.0),
        second: Taught("The teacher on the launch.", "big", 0.5),
    }
    mixed = list(rows(meeting(), LOCAL, taught=taught))
    theirs = [row for row in mixed if row.teacher == "big"]
    assert len(theirs) == 6  # half of six variants, of two questions
    for row in theirs:
        assert row.task == "query"
        answer = taught[first if row.query == first.text else second]
        assert (row.target, row.support) == (answer.text, answer.support)
        assert row.query in (first.text, second.text)
    assert [row.task for row in mixed] == [row.task for row in found]  # the same budget


def test_dev_asks_every_question_as_it_is_met_at_run_time() -> None:
    found = list(dev_rows(meeting(), 200))
    assert [row.query for row in found] == [
        q.text for q in (*meeting().specific, *meeting().general)
    ]
    for row in found:
        assert not any(line in row.input for line in sentences.split(row.target))
        assert row.scores


def test_qmsums_own_shape_makes_data(tmp_path: Path) -> None:
    meetings = list(qmsum.read(qmsum_fixture.write(tmp_path), "val"))
    train, dev = held_out(meetings, 0.34)
    assert len(train) == 2
    assert held_out(list(reversed(meetings)), 0.34)[1] == dev
    said: list[str] = []
    generation = Generation(open_engine("extractive"), Store())
    data = build(train, dev, LOCAL, dev_words=100, seed=0, generation=generation, say=said.append)
    check_splits(data)
    assert {row.source for row in data["train"]} == {m.id for m in train}
    assert {row.source for row in data["dev"]} == {m.id for m in dev}
    assert all(row.target and row.input for row in data["train"])
    assert any("taught" in line for line in said)
    teachers = {row.teacher for row in data["train"]}
    assert teachers == {"reference", generation.engine.id}
    taught = [row for row in data["train"] if row.teacher != "reference"]
    assert all(row.support is not None and row.support >= 0.5 for row in taught)


def test_references_that_their_context_does_not_support_are_left_out() -> None:
    def made(least: float, said: list[str]) -> list[Row]:
        how = replace(LOCAL, min_support=least, query=2)
        return build([meeting()], [], how, dev_words=100, seed=0, generation=None, say=said.append)[
            "train"
        ]

    notes: list[str] = []
    everything, sound = made(0, notes), made(0.5, notes)
    left_out = [row for row in everything if row not in sound]
    assert notes == [
        f"{len(left_out)} rows whose context does not support their reference: left out"
    ]
    assert {share_supported(r.target, r.input) >= 0.5 for r in sound} == {True}
    assert {share_supported(r.target, r.input) >= 0.5 for r in left_out} == {False}
    taught = replace(left_out[0], teacher="big")
    assert founded(taught, 0.5)


def test_a_meeting_in_both_splits_is_refused() -> None:
    one = [meeting()]
    data = build(one, one, LOCAL, dev_words=100, seed=0, generation=None, say=print)
    with pytest.raises(BadInput, match="train and dev share"):
        check_splits(data)
