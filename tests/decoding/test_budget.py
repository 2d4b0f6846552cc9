"""The decoder keeps its budgets, ends its sentences, and says what it gave up."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.decoding.budget import BudgetDecoder, Decoded
from gistill.engines import Speed, open_engine
from gistill.errors import BadInput
from gistill.segmentation import sentences
from gistill.store import Store
from gistill.types import Completion, Draft
from scripted import Scripted
from threads import meeting

KEYS = {
    "latency_s",
    "budget_tokens",
    "tokens_in",
    "tokens_out",
    "num_beams",
    "length_penalty",
    "profile",
    "finish",
    "degraded",
}
PROFILES = st.sampled_from(["greedy", "fast", "quality"])
TALK = "\n".join(f"{s.speaker}: {s.text}" for s in meeting(300).segments)
words = st.text("abc déf, 漢字 .!?\"'\n:-1", max_size=60)
texts = st.one_of(
    words.map(lambda w: f"{w} Done."),
    st.integers(1, 200).map(lambda n: TALK[: 40 * n]),
    st.lists(words, min_size=1, max_size=30).map("\n".join),
)


def decoder(spec):
    return BudgetDecoder(spec, store=Store())


ECHO, EXTRACTIVE = decoder("echo:context=512"), decoder("extractive")


def holds(decoder, text, tokens, profile, **budget):
    """Decodes, and checks what must hold of any result; None where no sentence can fit."""
    try:
        out, log = decoder.generate_with_budget(text, tokens, profile, **budget)
    except BadInput as error:
        if not any(word in str(error) for word in ("sentence", "empty", "no text")):
            raise
        return None
    assert log.keys() >= KEYS
    json.dumps(log)
    assert 0 < decoder.engine.count(out) <= tokens
    assert log["tokens_out"] == decoder.engine.count(out)
    assert sentences.ended(out)
    return out, log


@settings(max_examples=1200, deadline=None)
@given(texts, st.integers(1, 300), PROFILES)
def test_no_overrun_and_no_half_sentence_with_echo(text, tokens, profile):
    holds(ECHO, text, tokens, profile)


@settings(max_examples=800, deadline=None)
@given(texts, st.integers(1, 300), PROFILES)
def test_no_overrun_and_no_half_sentence_when_selecting(text, tokens, profile):
    holds(EXTRACTIVE, text, tokens, profile)


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(1, 40), PROFILES)
def test_no_overrun_and_no_half_sentence_with_a_random_model(random_model, text, tokens, profile):
    holds(random_model, text, tokens, profile)


@pytest.fixture(scope="module")
def random_model(llama):
    return decoder(f"hf:{llama}")


@pytest.mark.parametrize("seconds", [1e-4, 0.05, 0.3])
@pytest.mark.parametrize("text", [TALK, TALK[:600], "One sentence only."])
def test_a_deadline_still_gives_an_answer(text, seconds):
    out, log = holds(decoder("echo:delay=0.2"), text, 60, "fast", budget_seconds=seconds)
    assert log["budget_seconds"] == seconds
    if seconds < 0.2:
        assert log["finish"] == "deadline" or log["degraded"]
    assert out


def test_what_is_given_up_is_said_in_the_order_of_the_ladder():
    slow = decoder("extractive")
    slow.engine.speed = Speed(prefill=1e5, decode=100.0)
    _, log = slow.generate_with_budget(TALK[:2000], 100, "quality", budget_seconds=3.0)
    assert log["degraded"][0] == "beams"
    assert log["num_beams"] < 4
    assert log["profile"] == "quality"


def test_an_engine_that_hangs_is_left_behind():
    class Hangs:
        id, context, window, overhead = "hangs-1", 4096, 1024, 0
        speed = Speed(1e6, 1e6)

        def count(self, text):
            return len(text.split())

        def generate(self, requests, *, deadline=None, on_text=None):
            on_text(0, "First it said this. Then it st")
            time.sleep(3)
            yield Completion(0, "Too late.", 1, 1, "stop", 3.0)

    started = time.monotonic()
    out, log = BudgetDecoder(Hangs(), store=Store()).generate_with_budget(
        "Much was said. More was meant.", 20, budget_seconds=0.5
    )
    assert time.monotonic() - started < 2
    assert out == "First it said this."
    assert log["finish"] == "deadline"
    assert "time ran out" in log["degraded"][-1]


def test_a_stream_drafts_and_then_decodes():
    *drafts, last = decoder("echo").stream_with_budget(TALK[:3000], 60, budget_seconds=30)
    assert isinstance(last, Decoded)
    assert drafts
    for draft in drafts:
        assert isinstance(draft, Draft)
        assert sentences.ended(draft.text)
        assert ECHO.engine.count(draft.text) <= 60


def test_a_text_over_the_context_goes_through_the_hierarchy():
    out, log = ECHO.generate_with_budget(TALK, 100)
    assert any("over the context" in item for item in log["degraded"])
    assert log["tokens_in"] >= ECHO.engine.count(TALK)
    assert sentences.ended(out)


def test_a_budget_over_the_context_is_lowered_and_said():
    _, log = ECHO.generate_with_budget(TALK[:500], 10_000)
    assert log["budget_tokens"] == 10_000
    assert "lowered to 256" in log["degraded"][0]


@pytest.mark.parametrize("tokens", [0, -5])
def test_a_budget_is_positive(tokens):
    with pytest.raises(BadInput, match="at least 1"):
        ECHO.generate_with_budget("Some text.", tokens)
    with pytest.raises(BadInput, match="more than 0"):
        ECHO.generate_with_budget("Some text.", 10, budget_seconds=0)


def test_an_unknown_profile_lists_the_three():
    with pytest.raises(BadInput, match="greedy, fast or quality"):
        ECHO.generate_with_budget("Some text.", 10, "best")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_said(text):
    with pytest.raises(BadInput, match="empty"):
        ECHO.generate_with_budget(text)


def test_a_budget_below_any_sentence_says_how_much_is_needed():
    with pytest.raises(BadInput, match="shortest has"):
        ECHO.generate_with_budget("A sentence with quite a few words in it.", 2)


def test_an_engine_must_count():
    echo = open_engine("echo")

    class Mute:
        id, context, window, overhead, speed = "mute", 100, 100, 0, echo.speed
        generate = echo.generate

        def count(self, text):
            raise NotImplementedError

    with pytest.raises(BadInput, match="cannot count tokens"):
        BudgetDecoder(Mute())


def test_what_is_no_model_is_said(tmp_path):
    with pytest.raises(BadInput):
        BudgetDecoder(tmp_path)
    with pytest.raises(BadInput):
        BudgetDecoder("nothing-like-it")


def test_a_model_that_stays_below_what_it_is_asked_for_is_asked_for_more():
    engine = Scripted(lambda request: "The lamp was lit at noon.")
    engine.slack = 60
    BudgetDecoder(engine).generate_with_budget("The lamp was lit at noon.", 100)
    (request,) = engine.asked
    assert "at most 130 words" in request.prompt
