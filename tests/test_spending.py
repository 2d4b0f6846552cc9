"""The account of a run, and what it teaches about an engine's speed."""

import time

from gistill.engines import open_engine
from gistill.spending import Meter, learn_speed, peak_rss, speed_of
from gistill.store import Store
from gistill.teacher.generation import Answer


def answer(**kwargs):
    return Answer(
        0, "t", **({"tokens_in": 1000, "tokens_out": 100, "seconds": 1.0, "by": "echo-1"} | kwargs)
    )


def test_reused_answers_count_in_tokens_but_not_in_calls():
    meter = Meter()
    meter.add(answer())
    meter.add(answer(reused=True))
    spend = meter.spend()
    assert (spend.calls, spend.reused) == (1, 1)
    assert (spend.tokens_in, spend.tokens_out) == (2000, 200)
    assert spend.peak_rss == peak_rss() > 10_000_000


def test_time_runs_from_the_start():
    meter = Meter()
    time.sleep(0.02)
    assert meter.spend().seconds >= 0.02


def test_speed_is_scaled_to_what_was_seen():
    store, engine = Store(), open_engine("echo:delay=0.1")
    guess = speed_of(store, engine)
    assert guess == engine.speed
    expected = 1000 / guess.prefill + 100 / guess.decode
    learn_speed(store, engine, [answer()], 2 * max(expected, 1.0))
    learned = speed_of(store, engine)
    took = 1000 / learned.prefill + 100 / learned.decode
    assert abs(took - 2 * max(expected, 1.0)) < 1e-6


def test_stored_and_foreign_answers_teach_nothing():
    store, engine = Store(), open_engine("echo")
    learn_speed(store, engine, [answer(reused=True), answer(by="extractive-1")], 5.0)
    assert store.speed(engine.id) is None
