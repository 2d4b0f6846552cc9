"""The invariants of the design, with the echo engine (numbers as in the design)."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.artifacts import jsonfile
from gistill.engines import Speed
from gistill.errors import BadInput
from gistill.options import Options
from gistill.pipeline import summarize
from gistill.segmentation import sentences
from gistill.store import Store
from gistill.types import Budget, Done, Draft, Notice, Planned, Summary, Thread
from scripted import Scripted
from threads import meeting, thread, threads

SMALL = Options(max_tokens=160, overlap=20, local_len=40, global_len=60)


def run(talk, engine="echo", budget=None, options=SMALL, **kwargs) -> Done:
    return summarize(talk, engine, budget, options=options, **kwargs).result()


def tree(node: Summary):
    yield node
    for child in node.children:
        yield from tree(child)


def count(text: str) -> int:  # the echo engine's tokens
    return math.ceil(len(text.encode()) / 4)


def same(done: Done, talk: Thread) -> str:
    """Everything that must not vary between identical runs."""
    return jsonfile.render(replace(done, spend=replace(done.spend, calls=0, reused=0)), talk).split(
        '"run":'
    )[0]


@given(threads)
@settings(max_examples=40, deadline=None)
def test_1_nothing_is_dropped_silently(talk):
    done = run(talk)
    covered = {segment.id for chunk in done.chunks for segment in chunk.segments}
    assert covered == {segment.id for segment in talk.segments}
    assert done.coverage.share == 1.0
    assert done.coverage.unread == ()


@given(threads)
@settings(max_examples=40, deadline=None)
def test_2_every_citation_exists_and_merges_are_unions(talk):
    done = run(talk)
    known = {segment.id for segment in talk.segments}
    for node in tree(done.summary):
        for claim in node.claims:
            assert set(claim.cites) <= known
            for merge in claim.merged:
                assert set(merge.cites) <= set(claim.cites)


@given(threads, st.integers(12, 60))
@settings(max_examples=60, deadline=None)
def test_3_tokens_stay_in_budget_and_text_ends_at_a_sentence(talk, tokens):
    shortest = min(
        count(text)
        for segment in talk.segments
        for text in sentences.split(f"{segment.speaker}: {segment.text}")
    )
    if shortest > tokens:
        with pytest.raises(BadInput, match="--tokens"):
            run(talk, budget=Budget(tokens=tokens))
        return
    done = run(talk, budget=Budget(tokens=tokens))
    assert 0 < count(done.text) <= tokens
    assert sentences.ended(done.text)


@pytest.mark.parametrize("seconds", [1e-3, 0.2, 0.6, 1.5])
def test_4_a_deadline_yields_a_complete_shorter_answer(seconds):
    talk = meeting(400)
    run(talk)  # loads the embeddings
    events = list(summarize(talk, "echo:delay=0.05", Budget(seconds=seconds), options=SMALL))
    done = events[-1]
    assert isinstance(done, Done)
    assert sentences.ended(done.text)
    assert count(done.text) <= 60
    assert any(isinstance(event, Draft) and event.text for event in events)
    assert done.coverage.unread
    assert done.failures == ()


@pytest.mark.parametrize("spec", ["echo:fail=3", "echo:dead=1"])
def test_5_a_failed_chunk_is_visible(spec):
    talk = meeting(200)
    done = run(talk, spec)
    gaps = [node for node in tree(done.summary) if node.gap]
    assert gaps
    assert all("failed" in gap.gap for gap in gaps)
    assert done.failures
    assert any("failed" in notice for notice in done.notices)
    assert done.coverage.share < 1
    assert sum(part.tokens for part in done.coverage.unread) == (
        done.coverage.total - done.coverage.read
    )


@given(st.integers(2, 120), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_6_growing_equals_starting_fresh_and_recomputes_little(turns, more):
    whole = meeting(turns + more)
    part = replace(whole, segments=whole.segments[:turns])
    store = Store()
    run(part, store=store)
    grown = run(whole, store=store)
    fresh = run(whole)
    assert same(grown, whole) == same(fresh, whole)
    chunks, levels = len(fresh.chunks), fresh.summary.level + 1
    added = len(grown.chunks) - len(run(part).chunks)
    # The last two chunks and groups of each level may move; what was added is new in any case.
    assert grown.spend.calls <= 2 * (levels + 1) + 2 * added
    assert grown.spend.calls + grown.spend.reused == fresh.spend.calls
    assert chunks == len(grown.chunks)


def test_growth_by_one_post_recomputes_few_of_two_hundred_chunks():
    whole = meeting(1800)
    store = Store()
    run(replace(whole, segments=whole.segments[:-1]), store=store)
    grown = run(whole, store=store)
    assert len(grown.chunks) > 200
    assert grown.spend.calls <= 10


@given(threads)
@settings(max_examples=15, deadline=None)
def test_the_same_input_gives_the_same_result_twice(talk):
    assert same(run(talk), talk) == same(run(talk), talk)


def test_what_fits_is_a_single_pass():
    talk = meeting(3)
    done = run(talk, options=Options())
    assert done.plan.steps[0].stage == "single"
    assert done.spend.calls == 1
    assert done.summary.children == ()


def test_late_facts_reach_the_summary():
    talk = meeting(400)
    done = run(talk, options=replace(SMALL, global_len=200))
    assert sum(done.positions[7:]) > 0


def test_a_query_reads_what_answers_it_and_says_what_it_left():
    lines = [f"Ada: We spoke about item {i} and the weather today." for i in range(300)]
    lines[222] = "Grace: The lighthouse lamp needs two cracked prisms replaced in Gdansk."
    talk = thread(*lines)
    done = run(talk, query="Which prisms of the lamp are cracked?")
    assert "prisms" in done.text
    assert "s000222" in {cite for claim in done.summary.claims for cite in claim.cites}
    assert done.coverage.share < 1
    assert done.coverage.unread[0].reason == "not located for the query"
    everything = run(talk, query="Which prisms?", options=replace(SMALL, locate=False))
    assert everything.coverage.share == 1


def test_strict_drops_what_is_not_supported():
    done = run(meeting(50), options=replace(SMALL, strict=True))
    assert done.support_rate == 1.0


def test_events_come_in_order_and_end_in_done():
    events = list(summarize(meeting(100), "echo", options=SMALL))
    assert isinstance(events[0], Planned)
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Done) for event in events) == 1


def test_without_its_model_bundled_selects_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))
    events = list(summarize(meeting(5)))
    assert any(isinstance(e, Notice) and "gistill models get" in e.text for e in events)
    assert events[-1].engine.startswith("extractive")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_tokens": 9000}, "context"),
        ({"max_tokens": 128, "overlap": 128}, "larger"),
        ({"local_len": 0}, "local_len"),
        ({"overlap": -1}, "overlap"),
        ({"dedupe_thr": 1.5}, "dedupe_thr"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_unusable_settings_are_bad_input(options, said):
    with pytest.raises(BadInput, match=said):
        run(meeting(5), options=Options(**options))


def test_a_thread_of_noise_holds_nothing_to_summarize():
    with pytest.raises(BadInput, match="nothing to summarize"):
        run(thread("Ada: {vocalsound}", "Grace: [laughter]"))


@pytest.mark.parametrize(
    "budget", [{"tokens": 0}, {"tokens": -3}, {"seconds": 0.0}, {"profile": "x"}]
)
def test_unusable_budgets_are_bad_input(budget):
    with pytest.raises(BadInput):
        Budget(**budget)


def test_every_engine_fault_still_gives_a_summary():
    for spec in ("echo:empty", "echo:loop"):
        done = run(meeting(100), spec)
        assert done.text
        assert done.failures == ()
        assert any("selected" in notice for notice in done.notices)


def backwards(text):
    """Other words of the same length, which nobody said."""
    return " ".join(word[::-1] for word in text.split())


def test_text_in_images_keeps_to_its_share_and_the_rest_is_told():
    talk = meeting(60)
    shown = [
        piece
        for n, spoken in enumerate(talk.segments)
        for piece in (
            spoken,
            replace(spoken, id=f"i{n:06d}", kind="image_text", text=backwards(spoken.text)),
        )
    ]
    both = replace(talk, segments=tuple(shown))
    done = run(both)
    (unread,) = done.coverage.unread
    assert unread.reason.startswith("text in images beyond 25% of a chunk")
    read = {segment.id for chunk in done.chunks for segment in chunk.segments}
    assert read | set(unread.segments) == {segment.id for segment in both.segments}
    assert {s.id for s in talk.segments} <= read
    again = [replace(s, text=talk.segments[n // 2].text) for n, s in enumerate(shown)]
    reasons = [u.reason for u in run(replace(talk, segments=tuple(again))).coverage.unread]
    assert reasons == ["text in images that was told before"]
    none = run(both, options=replace(SMALL, image_share=0.0))
    assert [c.segments for c in none.chunks] == [c.segments for c in run(talk).chunks]
    only = replace(talk, segments=tuple(replace(s, kind="frame") for s in talk.segments))
    assert run(only).coverage.share == 1.0
    with pytest.raises(BadInput, match="only text in images to read; raise --image-share"):
        run(only, options=replace(SMALL, image_share=0.0))


@pytest.mark.parametrize("seconds", [None, 3600.0])
def test_looking_at_the_plan_changes_nothing_of_the_run(seconds):
    budget = Budget(seconds=seconds)
    query, thread = "What about the budget?", meeting(200)
    run = summarize(thread, "echo:window=300", budget, query)
    foreseen = run.plan()
    assert run.plan().steps == foreseen.steps
    done = run.result()
    assert done.plan.chunks == foreseen.chunks
    alone = summarize(thread, "echo:window=300", budget, query).result()
    assert (done.text, done.coverage) == (alone.text, alone.coverage)
    assert done.coverage.unread


MADE_UP, SAID = "Zebras paint violins in Timbuktu.", "The budget moves to item 2."


def searching(request):
    """Tells what was said only with the four beams of `quality`."""
    return SAID if request.beams == 4 else MADE_UP


def test_what_is_mostly_made_up_is_asked_for_once_more_with_other_beams():
    engine = Scripted(searching)
    done = run(meeting(6), engine, options=Options())
    assert [request.beams for request in engine.asked] == [2, 4]
    assert engine.asked[0].prompt == engine.asked[1].prompt
    assert done.text == SAID
    assert done.summary.gap is None
    assert done.spend.calls == 2


@pytest.mark.parametrize("second", [MADE_UP, ""])
def test_where_that_is_no_better_sentences_are_selected(second):
    engine = Scripted(lambda request: second if request.beams == 4 else MADE_UP)
    done = run(meeting(6), engine, options=Options())
    assert "most of what the engine wrote has no support" in (done.summary.gap or "")
    assert "Timbuktu" not in done.text
    assert done.text


def test_what_is_all_made_up_of_a_text_without_sentences_is_no_summary():
    engine = Scripted(lambda request: MADE_UP)
    with pytest.raises(BadInput, match="no sentence was found"):
        run(thread("junk"), engine, options=Options())


def test_an_engine_that_does_not_search_with_beams_is_not_asked_again():
    class Plain(Scripted):
        def generate(self, requests, **how):
            for made in super().generate(requests, **how):
                yield replace(made, degraded=("beams: the server decodes one sequence",))

    engine = Plain(searching)
    done = run(meeting(6), engine, options=Options())
    assert [request.beams for request in engine.asked] == [2]
    assert "sentences were selected" in (done.summary.gap or "")


def test_parts_of_a_whole_are_not_asked_for_again():
    engine = Scripted(searching)
    done = run(meeting(40), engine)
    assert {request.beams for request in engine.asked} == {2}
    assert "Timbuktu" not in done.text


def test_what_is_made_up_from_little_is_asked_of_more():
    talk, little, query = meeting(400), 4 * 300, "What did they decide about the budget?"

    def reading(request):
        return MADE_UP if len(request.prompt) < 2 * little else SAID

    def ask(focus=little // 4, reading=reading):
        engine = Scripted(reading)
        engine.focus = focus
        return engine, run(talk, engine, options=Options(), query=query)

    engine, done = ask()
    assert [request.beams for request in engine.asked] == [2, 2]
    assert (done.text, done.summary.gap) == (SAID, None)
    wide, at_once = ask(focus=engine.window)
    assert wide.asked == engine.asked[1:]
    assert (done.text, done.chunks, done.coverage) == (
        at_once.text,
        at_once.chunks,
        at_once.coverage,
    )
    engine, narrow = ask(reading=lambda request: SAID)
    assert len(engine.asked) == 1
    assert narrow.coverage.read < done.coverage.read
    engine, selected = ask(reading=lambda request: MADE_UP)
    assert [request.beams for request in engine.asked] == [2, 2, 4]
    assert "sentences were selected" in (selected.summary.gap or "")
    assert selected.coverage == done.coverage


def test_nothing_is_asked_again_where_there_is_no_time_for_it():
    class Slow(Scripted):
        speed = Speed(prefill=1e8, decode=100.0)

    for seconds, beams in ((11.0, [2]), (60.0, [2, 4])):
        engine = Slow(searching)
        run(meeting(6), engine, Budget(seconds=seconds), Options())
        assert [request.beams for request in engine.asked] == beams


@pytest.mark.parametrize(("turns", "asked"), [(6, {42}), (40, {28, 42})])
def test_a_model_that_stays_below_what_it_is_asked_for_is_asked_for_more(turns, asked):
    def words(slack: int) -> set[int]:
        engine = Scripted(lambda request: SAID)
        engine.slack = slack
        run(meeting(turns), engine)
        prompts = [request.prompt for request in engine.asked]
        return {int(re.search(r"at most (\d+) words", prompt)[1]) for prompt in prompts}

    assert words(0) == {n // 10 * 10 for n in asked}
    assert words(60) == {(n + 60) // 10 * 10 for n in asked}
