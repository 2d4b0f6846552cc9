from __future__ import annotations

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.engines import open_engine
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.segmentation.sentences import ended
from gistill.types import Request


def ask(text: str, max_tokens: int = 64, **settings: float) -> Request:
    return Request(prompt=text, text=text, max_tokens=max_tokens, **settings)  # type: ignore[arg-type]


def test_repeats_the_first_whole_sentences_that_fit() -> None:
    text = "Ann: We buy red. It costs 5.\nBob: I agree with all of it."
    [long] = open_engine("echo").generate([ask(text)])
    [short] = open_engine("echo").generate([ask(text, max_tokens=8)])
    assert long.text == "We buy red. It costs 5. I agree with all of it."
    assert short.text == "We buy red. It costs 5."
    assert (short.finish, short.tokens_out) == ("stop", 6)


def test_a_first_sentence_over_the_limit_is_cut_like_a_model_would() -> None:
    [cut] = open_engine("echo").generate([ask("word " * 100, max_tokens=4)])
    assert (cut.text, cut.finish) == ("word word word w", "length")


@given(st.text(max_size=400), st.integers(1, 40))
def test_stays_within_max_tokens_and_is_deterministic(text: str, limit: int) -> None:
    engine = open_engine("echo")
    [first] = engine.generate([ask(text, limit)])
    [again] = engine.generate([ask(text, limit)])
    assert first.text == again.text
    assert engine.count(first.text) == first.tokens_out <= limit
    assert first.finish == "length" or not first.text or ended(first.text)


def test_fail_raises_once_at_that_completion() -> None:
    engine = open_engine("echo:fail=2")
    stream = engine.generate([ask("One."), ask("Two.")])
    assert next(stream).text == "One."
    with pytest.raises(EngineFailed, match="completion 2"):
        next(stream)
    assert [c.text for c in engine.generate([ask("Two.")])] == ["Two."]


def test_dead_raises_from_that_completion_on() -> None:
    engine = open_engine("echo:dead=1")
    for _ in range(2):
        with pytest.raises(EngineFailed):
            list(engine.generate([ask("One.")]))


def test_modes() -> None:
    [empty] = open_engine("echo:empty").generate([ask("One.")])
    [loop] = open_engine("echo:loop").generate([ask("One.", repetition_penalty=1.3)])
    stutter = open_engine("echo:stutter")
    [stuck] = stutter.generate([ask("One.")])
    [freed] = stutter.generate([ask("One.", repetition_penalty=1.3)])
    assert empty.text == ""
    assert loop.text.count("and so on") > 10
    assert loop.finish == "length"
    assert stuck.text == loop.text
    assert freed.text == "One."


def test_id_tells_modes_apart_but_not_limits_or_failures() -> None:
    assert open_engine("echo:context=100,fail=3,delay=1").id == open_engine("echo").id
    assert open_engine("echo:loop").id != open_engine("echo").id


def test_a_deadline_cuts_the_one_under_way_and_empties_the_rest() -> None:
    engine = open_engine("echo:delay=30")
    done = list(engine.generate([ask("One two three.")] * 3, deadline=time.monotonic() + 0.01))
    assert [c.finish for c in done] == ["deadline"] * 3
    assert [c.index for c in done] == [0, 1, 2]


def test_text_is_shown_sentence_by_sentence() -> None:
    shown: list[tuple[int, str]] = []
    engine = open_engine("echo:delay=0.01")
    asked = [ask("One. Two three."), ask("Four")]
    list(engine.generate(asked, on_text=lambda *told: shown.append(told)))
    assert shown == [(0, "One."), (0, "One. Two three."), (1, "Four.")]


def test_a_deadline_cuts_what_is_shown() -> None:
    shown: list[str] = []
    [done] = open_engine("echo:delay=30").generate(
        [ask("One. " + "Two three. " * 9)],
        deadline=time.monotonic() + 0.2,
        on_text=lambda _, text: shown.append(text),
    )
    assert done.finish == "deadline"
    assert "".join(shown[-1:]) == done.text


def test_winding_down_ends_with_a_sentence() -> None:
    text = "We buy red. It costs 5. Bob will ask."
    [plain] = open_engine("echo").generate([ask(text, max_tokens=20)])
    [early] = open_engine("echo").generate([ask(text, max_tokens=20, wind_down=16)])
    assert (plain.text, plain.finish) == (text, "stop")
    assert (early.text, early.finish) == ("We buy red. It costs 5.", "length")
    [whole] = open_engine("echo").generate([ask(text, max_tokens=20, wind_down=12)])
    assert whole == dataclasses.replace(plain, seconds=whole.seconds)


def test_overflow_comes_before_anything_is_generated() -> None:
    engine = open_engine("echo:context=32")
    with pytest.raises(Overflow):
        engine.generate([ask("Short.", 4), ask("word " * 100, 4)])


@pytest.mark.parametrize("argument", ["context=x", "nonsense", "window=-1", "context=0", "fail"])
def test_a_bad_argument_is_refused(argument: str) -> None:
    with pytest.raises(BadInput, match="echo"):
        open_engine(f"echo:{argument}")
