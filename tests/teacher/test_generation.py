"""Asking through the store, and what happens to bad answers."""

import pytest

from gistill.engines import open_engine
from gistill.errors import Overflow
from gistill.store import Store
from gistill.teacher.generation import Generation, claimed_sentences, loops
from gistill.types import Request

TEXT = "\n".join(f"Ada: Item {i} ships in week {i}." for i in range(20))


def requests(count=3, tokens=40):
    return [
        Request(f"Prompt {i}\n{TEXT}", f"{TEXT}\nGrace: Topic {i}.", tokens) for i in range(count)
    ]


def ask(spec, store=None, count=3, **kwargs):
    generation = Generation(open_engine(spec), store or Store())
    options = {"stage": "local", "version": "1", "deadline": None} | kwargs
    return sorted(generation.answers(requests(count), **options), key=lambda a: a.index)


def test_finished_answers_are_never_made_again():
    store = Store()
    first = ask("echo", store)
    second = ask("echo", store)
    assert [a.reused for a in first] == [False] * 3
    assert [a.reused for a in second] == [True] * 3
    assert [a.text for a in first] == [a.text for a in second]


@pytest.mark.parametrize("change", [{"version": "2"}, {"stage": "fuse"}])
def test_another_prompt_version_or_stage_is_another_answer(change):
    store = Store()
    ask("echo", store)
    assert not any(a.reused for a in ask("echo", store, **change))


def test_an_engine_that_breaks_leaves_stand_ins_and_keeps_what_was_done():
    store = Store()
    answers = ask("echo:fail=2", store)
    assert [a.failed for a in answers] == ["", "broken", "broken"]
    assert "the engine failed" in answers[1].gap
    assert all(a.text for a in answers)
    again = ask("echo", store)
    assert [a.reused for a in again] == [True, False, False]
    assert [a.gap for a in again] == [None] * 3


@pytest.mark.parametrize(
    ("mode", "said"), [("empty", "returned nothing"), ("loop", "repeated one phrase")]
)
def test_a_bad_answer_is_asked_again_then_selected(mode, said):
    store = Store()
    answers = ask(f"echo:{mode}", store)
    assert all(said in a.gap and not a.failed and a.text for a in answers)
    assert all(a.reused for a in ask(f"echo:{mode}", store))


def test_a_repetition_penalty_cures_a_stutter():
    assert all(a.gap is None and not loops(a.text) for a in ask("echo:stutter"))


def test_a_past_deadline_still_answers_everything_and_stores_nothing():
    store = Store()
    answers = ask("echo:delay=0.01", store, deadline=0.0)
    assert [a.failed for a in answers] == ["late"] * 3
    assert all(a.text for a in answers)
    assert not any(a.reused for a in ask("echo", store))


def test_selected_sentences_keep_the_limit_by_the_engines_tokenizer():
    engine = open_engine("echo")
    generation = Generation(engine, Store())
    for tokens in (1, 5, 9, 40):
        answer = generation.selected(Request("p", TEXT, tokens), 0, "why")
        assert engine.count(answer.text) <= tokens


def test_an_overflow_is_not_swallowed():
    with pytest.raises(Overflow, match="--max-tokens"):
        ask("echo:context=64")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the printer is late. " * 20, True),
        ("- word\n" * 60, True),
        (TEXT, False),
        ("A short text. A short text.", False),
        ("", False),
    ],
)
def test_loops(text, expected):
    assert loops(text) is expected


@pytest.mark.parametrize(
    ("text", "cut", "expected"),
    [
        ("One came first. Two came next.", False, ["One came first.", "Two came next."]),
        ("One came first. Two ca", True, ["One came first."]),
        (
            "One came first. Then two came in too, and th",
            True,
            ["One came first.", "Then two came in too."],
        ),
        ("One came first. Two came next", False, ["One came first.", "Two came next."]),
        ("- one came in,\n- two came in\n- thr", True, ["one came in.", "two came in."]),
        ("Ada. Grace Hopper. They met in May.", False, ["They met in May."]),
        ("我们星期五发布新版本。", False, ["我们星期五发布新版本。"]),
        ("no stop at all", True, []),
        ("...\n---\n", False, []),
        ("1. First we met.\n2. Then we left.", False, ["First we met.", "Then we left."]),
    ],
)
def test_only_whole_sentences_are_claimed(text, cut, expected):
    assert claimed_sentences(text, cut=cut) == expected
