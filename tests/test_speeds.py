"""The cost model, and what observations teach it."""

import math
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill import speeds
from gistill.engines import Speed, open_engine
from gistill.store import Observation, Store
from gistill.teacher.generation import Answer
from gistill.types import Request

GUESS = Speed(prefill=1000.0, decode=100.0)


def answer(**kwargs):
    given = {"tokens_in": 1000, "tokens_out": 100, "seconds": 1.0, "by": "echo-1"} | kwargs
    return Answer(0, "t", **given)


def took(seen: Observation, speed: Speed, lanes: int = 1) -> float:
    return speeds.seconds(
        seen.tokens_in, seen.tokens_out, seen.calls, seen.beams, speed, lanes=lanes
    )


def observe(speed: Speed, dice: random.Random, noise: float, lanes: int = 1) -> Observation:
    """A batch of an engine that is as fast as `speed`, give or take."""
    calls = dice.choice((1, 3, 8, 20))
    tokens_in, tokens_out = calls * dice.randint(200, 1500), calls * dice.randint(20, 200)
    seen = Observation(tokens_in, tokens_out, calls, dice.choice((1, 2, 4)), 1.0)
    seconds = took(seen, speed, lanes) * math.exp(dice.gauss(0, noise))
    return Observation(tokens_in, tokens_out, calls, seen.beams, seconds)


def test_a_full_greedy_batch_takes_what_the_speed_says():
    assert speeds.seconds(2000, 300, 8, 1, GUESS) == pytest.approx(2000 / 1000 + 300 / 100)


def test_a_token_costs_more_with_beams_and_in_small_batches():
    full, beams, alone = (
        speeds.seconds(0, 100, calls, beams, GUESS) for calls, beams in ((8, 1), (8, 4), (1, 1))
    )
    assert full < alone < beams
    assert speeds.seconds(500, 0, 1, 4, GUESS) == 0.5  # prompts are read once


def test_one_generation_uses_one_lane():
    whole = speeds.seconds(1000, 0, 8, 1, GUESS, lanes=4)
    assert speeds.seconds(1000, 0, 1, 1, GUESS, lanes=4) == 4 * whole
    # Five on four lanes: one lane has two of them, and all wait for it.
    assert speeds.seconds(1000, 0, 5, 1, GUESS, lanes=4) == pytest.approx(8 / 5 * whole)


@given(st.integers(1, 400), st.sampled_from([1, 2, 4]), st.integers(1, 64), st.integers(1, 10_000))
def test_more_work_never_takes_less(calls, beams, lanes, tokens):
    before = speeds.seconds(tokens, tokens, calls, beams, GUESS, lanes=lanes)
    assert before > 0
    assert speeds.seconds(tokens + 1, tokens, calls, beams, GUESS, lanes=lanes) > before
    assert speeds.seconds(tokens, tokens + 1, calls, beams, GUESS, lanes=lanes) > before
    assert speeds.seconds(tokens, tokens, calls, beams + 1, GUESS, lanes=lanes) > before


def test_nothing_seen_is_the_guess():
    assert speeds.fit([], GUESS) == GUESS


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.sampled_from([1, 2, 8]), st.integers())
def test_the_true_speeds_come_out_of_noisy_observations(faster_in, faster_out, lanes, seed):
    true = Speed(GUESS.prefill * faster_in, GUESS.decode * faster_out)
    dice = random.Random(seed)
    seen = [observe(true, dice, 0.05, lanes) for _ in range(50)]
    found = speeds.fit(seen, GUESS, lanes=lanes)
    new = [observe(true, dice, 0, lanes) for _ in range(20)]
    foretold = [took(one, found, lanes) for one in new]
    assert sum(foretold) == pytest.approx(sum(one.seconds for one in new), rel=0.15)
    for one, seconds in zip(new, foretold, strict=True):
        assert seconds == pytest.approx(one.seconds, rel=0.5)


@pytest.mark.parametrize("factor", [0.1, 0.7, 4.0])
def test_a_single_observation_scales_the_guess(factor):
    seen = Observation(4000, 400, 8, 1, took(Observation(4000, 400, 8, 1, 0), GUESS) * factor)
    found = speeds.fit([seen], GUESS)
    assert took(seen, found) == pytest.approx(seen.seconds)
    assert found.prefill / found.decode == pytest.approx(GUESS.prefill / GUESS.decode)


def test_what_was_only_read_scales_writing_too():
    seen = [Observation(n * 1000, 0, n, 1, n * 3.0) for n in (1, 4, 9)]
    found = speeds.fit(seen, GUESS)
    assert found.prefill == pytest.approx(1000 / 3, rel=0.01)
    assert found.decode == pytest.approx(100 / 3, rel=0.01)


def test_one_interruption_pulls_little():
    dice = random.Random(1)
    seen = [observe(GUESS, dice, 0) for _ in range(20)]
    seen[10] = Observation(1000, 100, 8, 1, 200.0)  # some hundred times too slow
    one = observe(GUESS, dice, 0)
    assert took(one, speeds.fit(seen, GUESS)) == pytest.approx(one.seconds, rel=0.25)


def test_an_engine_that_has_become_slower_is_believed_soon():
    dice = random.Random(1)
    slow = Speed(GUESS.prefill / 3, GUESS.decode / 3)
    seen = [observe(GUESS, dice, 0) for _ in range(30)]
    seen += [observe(slow, dice, 0) for _ in range(15)]
    one = observe(slow, dice, 0)
    assert took(one, speeds.fit(seen, GUESS)) > 0.7 * one.seconds


_TOKENS = st.integers(0, 10**7)
_OBSERVATIONS = st.builds(
    Observation,
    _TOKENS,
    _TOKENS,
    st.integers(1, 10**5),
    st.integers(1, 16),
    st.floats(1e-3, 1e7),
    st.booleans(),
)
_RATES = st.floats(1e-3, 1e9)


@given(
    st.lists(_OBSERVATIONS, max_size=50),
    st.builds(Speed, _RATES, _RATES),
    st.floats(0, 1e3),
    st.integers(1, 256),
)
def test_speeds_are_never_zero_negative_or_infinite(seen, guess, start, lanes):
    found, start = speeds.pace(seen, guess, start, lanes=lanes)
    for rate in (found.prefill, found.decode):
        assert math.isfinite(rate)
        assert rate > 0
    assert math.isfinite(start)
    assert start >= 0


@given(st.floats(0, 20), st.integers())
def test_starting_up_is_told_from_speed(true_start, seed):
    dice = random.Random(seed)
    true = Speed(GUESS.prefill * 2, GUESS.decode / 2)
    seen = []
    for _ in range(15):  # runs of two batches, the first of which has to wait
        first = observe(true, dice, 0.05)
        seen.append(replace(first, seconds=first.seconds + true_start, cold=True))
        seen.append(observe(true, dice, 0.05))
    found, start = speeds.pace(seen, GUESS, 0.0)
    new = observe(true, dice, 0)
    assert start == pytest.approx(true_start, abs=3.0)
    assert took(new, found) == pytest.approx(new.seconds, rel=0.5)


def test_a_guessed_start_is_taken_off_cold_batches():
    seen = Observation(4000, 400, 8, 1, took(Observation(4000, 400, 8, 1, 0), GUESS) + 3.0, True)
    assert speeds.pace([seen], GUESS, 3.0) == (GUESS, 3.0)
    little = replace(seen, seconds=4.0)  # it may have been all starting up
    assert speeds.pace([little], GUESS, 3.0) == (GUESS, 3.0)


def test_only_the_first_batch_of_an_engine_is_cold():
    store, engine = Store(), open_engine("echo")
    engine.start = 3.0
    speeds.learn_speed(store, engine, [answer(reused=True)], 0.2)
    assert speeds.start_of(store, engine) == 3.0
    speeds.learn_speed(store, engine, [answer()], 0.01)  # too short to be kept, and yet the first
    assert speeds.start_of(store, engine) == 0.0
    speeds.learn_speed(store, engine, [answer()], 5.0)
    assert [seen.cold for seen in store.observations(engine.id, speeds.this_machine())] == [False]
    speeds.learn_speed(store, engine, [answer(failed="broken", by="extractive-1")], 5.0)
    assert speeds.start_of(store, engine) == 3.0
    assert speeds.start_of(store, open_engine("echo")) == 0.0


def test_what_is_learned_is_found_again():
    store, engine = Store(), open_engine("echo:delay=0.1")
    assert speeds.speed_of(store, engine) == engine.speed
    seen = Observation(1000, 100, 1, 4, 10.0, cold=True)
    speeds.learn_speed(store, engine, [answer()], 10.0, beams=4)
    assert store.observations(engine.id, speeds.this_machine()) == [seen]
    assert took(seen, speeds.speed_of(store, engine)) == pytest.approx(10.0)


def test_two_machines_do_not_mix(monkeypatch):
    store, engine = Store(), open_engine("echo")
    speeds.learn_speed(store, engine, [answer()], 5.0)
    assert speeds.speed_of(store, engine) != engine.speed
    monkeypatch.setattr(speeds, "this_machine", lambda: "plan9-vax-1")
    assert speeds.speed_of(store, engine) == engine.speed


def test_the_machine_has_a_short_name():
    assert re.fullmatch(r"[a-z0-9]+-\w+-\d+", speeds.this_machine())
    assert speeds.this_machine() == speeds.this_machine()


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [answer(reused=True)],
        [answer(by="extractive-1")],
        [answer(), answer(by="extractive-1", failed="broken")],
        [answer(tokens_in=0, tokens_out=0)],
    ],
)
def test_what_tells_nothing_teaches_nothing(answers):
    store, engine = Store(), open_engine("echo")
    speeds.learn_speed(store, engine, answers, 5.0)
    assert speeds.speed_of(store, engine) == engine.speed


def test_an_instant_teaches_nothing():
    store, engine = Store(), open_engine("echo")
    speeds.learn_speed(store, engine, [answer()], 0.01)
    assert speeds.speed_of(store, engine) == engine.speed


def test_the_finished_bear_the_time_of_the_late():
    store, engine = Store(), open_engine("echo")
    late = answer(by="extractive-1", failed="late")
    speeds.learn_speed(store, engine, [answer(), late, late], 5.0)
    (seen,) = store.observations(engine.id, speeds.this_machine())
    assert seen == Observation(1000, 100, 1, 1, 5.0, cold=True)


def test_if_all_are_late_only_news_is_kept():
    store, engine = Store(), open_engine("echo")
    engine.speed = GUESS
    late = [answer(by="extractive-1", failed="late")] * 4
    speeds.learn_speed(store, engine, late, 3.0)  # reading them was to take four seconds
    assert store.observations(engine.id, speeds.this_machine()) == []
    speeds.learn_speed(store, engine, late, 8.0)
    assert speeds.speed_of(store, engine).prefill == pytest.approx(500.0)


def test_an_engine_that_takes_no_weak_reference_learns_too():
    class Slotted:
        __slots__ = ("id", "speed")

    engine = Slotted()
    engine.id, engine.speed = "echo-1", GUESS
    store = Store()
    for _ in range(2):
        speeds.learn_speed(store, engine, [answer()], 5.0)
    assert [seen.cold for seen in store.observations("echo-1", speeds.this_machine())] == [True] * 2


def test_lanes_are_the_engines_own():
    engine = open_engine("echo")
    assert speeds.lanes_of(engine) == 1
    engine.lanes = 8
    assert speeds.lanes_of(engine) == 8


def test_how_much_of_what_it_may_an_engine_writes():
    store, engine = Store(), open_engine("echo")
    assert speeds.fill_of(store, engine) == 1.0
    for tokens in (20, 30):
        speeds.learn_speed(
            store, engine, [answer(by=engine.id, tokens_out=tokens)], 1.0, allowed=100
        )
    assert speeds.fill_of(store, engine) == 1.0  # two tell nothing yet
    speeds.learn_speed(store, engine, [answer(by=engine.id, tokens_out=40)], 1.0, allowed=100)
    assert speeds.fill_of(store, engine) == pytest.approx(0.3 + (2 / 300) ** 0.5)


def test_an_answer_that_time_cut_might_have_been_as_long_as_allowed():
    store, engine = Store(), open_engine("echo")
    cut = answer(by=engine.id, tokens_out=10, failed="late", gap="time ran out", cut=True)
    for _ in range(3):
        speeds.learn_speed(store, engine, [cut], 1.0, allowed=100)
    assert speeds.fill_of(store, engine) == 1.0


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=30))
def test_the_share_that_is_written_is_one(batches):
    store, engine = Store(), open_engine("echo")
    for written, allowed in batches:
        made = answer(by=engine.id, tokens_out=written)
        speeds.learn_speed(store, engine, [made], 1.0, allowed=allowed)
    assert 0 < speeds.fill_of(store, engine) <= 1


def test_what_requests_are_likely_to_take_follows_what_was_learned():
    store, engine = Store(), open_engine("echo")
    asked = [Request("p", "p", 100, beams=4)]
    full = speeds.seconds_for(store, engine, asked, 50)
    assert full == speeds.seconds(50, 100, 1, 4, speeds.speed_of(store, engine))
    for _ in range(3):
        made = answer(by=engine.id, tokens_out=25)
        speeds.learn_speed(store, engine, [made], 1.0, allowed=100)
    speed = speeds.speed_of(store, engine)
    assert speeds.seconds_for(store, engine, asked, 50) == speeds.seconds(50, 25, 1, 4, speed)
    assert speeds.seconds_for(store, engine, [], 0) == 0
