"""The plan: what is counted, and what is given up for time, in order."""

from hypothesis import given
from hypothesis import strategies as st

from gistill.engines import Speed
from gistill.planning import plan
from gistill.segmentation.chunk import pack
from gistill.types import Budget
from threads import meeting

LENGTHS = {"max_tokens": 200, "overlap": 20, "local_len": 50, "global_len": 80}
CHUNKS = pack(meeting(300).segments, lambda t: len(t.split()), max_tokens=200, overlap=20)


def planned(seconds=None, speed=100.0, chunks=CHUNKS, **kwargs):
    budget = Budget(seconds=seconds, **kwargs)
    return plan(chunks, budget, Speed(speed * 10, speed), **LENGTHS)


def test_one_chunk_is_a_single_pass():
    (step,) = planned(chunks=CHUNKS[:1]).steps
    assert (step.stage, step.calls) == ("single", 1)


def test_many_chunks_are_fused_level_by_level_to_one():
    steps = planned().steps
    assert (steps[0].stage, steps[0].calls) == ("local", len(CHUNKS))
    assert [s.level for s in steps] == list(range(len(steps)))
    assert steps[-1].calls == 1


def test_nothing_is_given_up_without_a_deadline_or_with_a_late_one():
    assert planned().given_up == ()
    assert planned(seconds=1e9).given_up == ()


def test_things_are_given_up_in_the_order_of_the_ladder():
    order = ["beams", "levels", "local length", "chunks located instead of read", "extractive"]
    whole = planned(profile="quality").seconds
    for share in (0.9, 0.5, 0.2, 0.1, 0.05, 0.01, 1e-6):
        given = planned(seconds=whole * share, profile="quality").given_up
        assert list(given) == sorted(given, key=order.index)
    assert planned(seconds=1e-6).unread == len(CHUNKS)


def test_the_model_is_tried_where_half_of_an_answer_may_be_done():
    least = planned(seconds=1e-3, chunks=CHUNKS[:1]).steps
    assert least == ()
    # A lone pass, one beam, a quarter of its length: nothing but the model is left to give up.
    cheapest = min(
        plan(CHUNKS[:1], Budget(seconds=s / 100), Speed(1000, 100), **LENGTHS).seconds or 1e9
        for s in range(1, 200)
    )
    for share, tried in ((0.6, True), (0.4, False)):
        made = planned(seconds=share * cheapest / 0.9, chunks=CHUNKS[:1])
        assert bool(made.steps) is tried
        assert ("extractive" in made.given_up) is not tried


@given(st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_more_time_never_gives_up_more(a, b):
    less, more = sorted((a, b))
    assert len(planned(more).given_up) <= len(planned(less).given_up)
    assert planned(more).unread <= planned(less).unread


def test_the_token_budget_bounds_the_summary():
    assert planned(tokens=30).global_len == 30
    assert planned(tokens=3000).global_len == 80


def test_time_to_start_up_is_not_there_for_the_work():
    seconds = 2 * planned().seconds
    assert planned(seconds).given_up == ()
    budget = Budget(seconds=seconds)
    assert plan(CHUNKS, budget, Speed(1000.0, 100.0), **LENGTHS, start=0.9 * seconds).given_up


def test_a_single_pass_gets_shorter_before_it_is_given_up():
    whole = planned(chunks=CHUNKS[:1])
    short = planned(seconds=whole.seconds * 0.45, chunks=CHUNKS[:1])
    assert short.given_up[-1] == "local length"
    assert 32 <= short.global_len < whole.global_len
    assert short.unread == 0


def test_answers_that_are_usually_short_are_given_time_for_no_more():
    whole = planned(profile="quality").seconds
    budget = Budget(seconds=whole / 2, profile="quality")
    given = [
        plan(CHUNKS, budget, Speed(1e9, 100.0), fill=fill, **LENGTHS).given_up
        for fill in (1.0, 0.2)
    ]
    assert given == [("beams",), ()]
