"""Rows to train on: each target with the input it was made from, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qmsum_fixture
from gistill.distill import dataset, qmsum
from gistill.distill.dataset import Mixture, Row, check_splits, count_words, load, query_row, rows
from gistill.distill.qmsum import Meeting, Question
from gistill.errors import BadInput
from gistill.retrieval.rank import Index
from gistill.segmentation import sentences
from gistill.segmentation.render import render
from threads import meeting as talk

LOCAL = Mixture(local_words=(60, 120))


def meeting(turns: int = 240) -> Meeting:
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
    return Meeting("m1", talk(turns).segments, general, specific, ())


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


def test_a_prompt_holds_the_segments_it_names(found: list[Row]) -> None:
    lines = {s.id: render(s) for s in meeting().segments}
    read = [row for row in found if row.task in ("query", "local", "whole")]
    assert read
    for row in read:
        assert row.segments
        assert all(lines[id] in row.prompt for id in row.segments)
        others = lines.keys() - set(row.segments)
        assert not any(lines[id] in row.prompt for id in others)


def test_a_target_is_the_answer_of_its_own_question(found: list[Row]) -> None:
    answers = {q.text: q.answer for q in (*meeting().specific, *meeting().general)}
    for row in found:
        if row.query is not None:
            assert row.completion == answers[row.query]
            assert row.query in row.prompt


def test_a_local_target_tells_all_that_is_answered_within(found: list[Row]) -> None:
    whole = meeting()
    for row in found:
        if row.task == "local":
            held = set(row.segments)
            inside = [q.answer for q in whole.specific if whole.gold(q) <= held]
            assert row.completion == " ".join(inside)
            assert inside


def test_notes_hold_the_answer_to_what_is_asked_of_them(found: list[Row]) -> None:
    notes = [row for row in found if row.task == "fuse_query"]
    for row in notes:
        assert all(line in row.prompt for line in sentences.split(row.completion))
    assert len({row.prompt for row in notes}) > 4  # they vary


@settings(deadline=None, max_examples=40)
@given(st.integers(100, 600), st.floats(0, 0.5), st.integers(0, 3))
def test_contexts_keep_their_length_and_know_their_gold(
    words: int, distractors: float, number: int
) -> None:
    whole = meeting()
    question = whole.specific[number]
    row = query_row(whole, question, words, INDEX, distractors)
    context = [s for s in whole.segments if s.id in row.segments]
    assert sum(count_words(render(s)) + 1 for s in context) <= words
    assert row.gold is not None
    assert row.distractors == 1 - row.gold
    gold = sum(count_words(s.text) for s in context if s.id in whole.gold(question))
    assert row.gold == pytest.approx(gold / sum(count_words(s.text) for s in context), abs=1e-4)


INDEX = Index(meeting().segments)


def test_gold_passages_are_there_when_they_are_wished_for() -> None:
    whole = meeting()
    # The locator alone would not find it: nothing of the query is in the gold turns.
    question = Question("What of the weather?", "Rain.", ((100, 107),))
    plain = query_row(whole, question, 120, INDEX)
    wished = query_row(whole, question, 300, INDEX, 0.0)
    assert wished.gold is not None
    assert plain.gold is not None
    assert wished.gold > plain.gold
    assert INDEX.rank(question.text).tolist() == Index(whole.segments).rank(question.text).tolist()


def test_without_marked_turns_shares_are_unknown() -> None:
    whole = meeting()
    row = query_row(whole, Question("What about the budget?", "It is late."), 200, INDEX, 0.5)
    assert (row.gold, row.distractors) == (None, None)


def test_few_answers_make_no_notes_and_long_spans_no_local_row() -> None:
    whole = meeting()
    few = Meeting("m2", whole.segments, whole.general, whole.specific[:2], ())
    assert not any(row.task == "fuse" for row in rows(few, LOCAL))
    long = Question("What about the budget?", "It is late.", ((0, 200),))
    wide = Meeting("m3", whole.segments, (), (long,), ())
    assert not any(row.task == "local" for row in rows(wide, LOCAL))


def test_a_question_without_marked_turns_is_asked_but_makes_no_notes() -> None:
    whole = meeting()
    bare = Question("What about the budget?", "It is late.")
    general = whole.general
    found = list(rows(Meeting("m4", whole.segments, general, (bare,) * 3, ()), LOCAL))
    assert {row.task for row in found} == {"query", "whole"}
    mixed = Meeting("m5", whole.segments, (), (bare, *whole.specific), ())
    assert sum(row.task == "local" for row in rows(mixed, LOCAL)) == 8


def test_qmsums_own_shape_makes_rows(tmp_path: Path) -> None:
    data = qmsum.read(qmsum_fixture.write(tmp_path), "val")
    found = [row for one in data for row in rows(one, LOCAL)]
    assert {row.source for row in found} == {"ES9001a", "education_99", "Bmr999"}
    assert all(row.completion and row.prompt for row in found)


def test_rows_come_back_from_disk(found: list[Row], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "train.jsonl.gz"
    assert dataset.write(path, iter(found)) == len(found)
    assert load(path) == found


def test_files_without_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is missing; make it with"):
        load(tmp_path / "none.jsonl.gz")
    assert dataset.write(tmp_path / "empty.jsonl.gz", []) == 0
    with pytest.raises(BadInput, match="holds no row"):
        load(tmp_path / "empty.jsonl.gz")


def test_splits_share_no_source() -> None:
    def of(*sources: str) -> list[Row]:
        return [Row("query", "p", "c", source) for source in sources]

    check_splits(of("a", "b", "a"), of("c"))
    with pytest.raises(BadInput, match="share 2 sources, b among them"):
        check_splits(of("c", "a", "b"), of("b", "c", "d"))
