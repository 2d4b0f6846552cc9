"""What every engine owes its callers, whatever runs behind it.

An engine joins by one line in `SPECS`: its name, and a function from pytest's `getfixturevalue` to
the SPEC of a small model.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from gistill.engines import Engine, open_engine
from gistill.errors import Overflow
from gistill.segmentation.sentences import ended
from gistill.types import Completion, Request

SPECS: dict[str, Callable[[Callable[[str], Any]], str]] = {
    "echo": lambda fixture: "echo",
    "extractive": lambda fixture: "extractive",
    "hf-t5": lambda fixture: f"hf:{fixture('t5')}",
    "hf-bart": lambda fixture: f"hf:{fixture('bart')}",
    "hf-llama": lambda fixture: f"hf:{fixture('llama')}",
    "ct2-t5": lambda fixture: f"ct2:{fixture('t5_int8')}",
    "ct2-bart": lambda fixture: f"ct2:{fixture('bart_ct2')}",
    "ct2-llama": lambda fixture: f"ct2:{fixture('llama_ct2')}",
    "openvino": lambda fixture: f"openvino:{fixture('openvino_folder')}",
    "openai": lambda fixture: f"openai:{fixture('llama_server')}",
}
TEXTS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March. Bob agreed.",
    "Bob: The supplier of the rubber case asked for more time.\nCleo: Nobody objected to this.",
    "naïve façade, 猫が好きです。 Привет, мир! 😀😀 (a1b2c3)",
    "x",
    "The quick brown fox jumps over the lazy dog. " * 6,
]


@pytest.fixture(params=list(SPECS))
def spec(request: pytest.FixtureRequest) -> str:
    return SPECS[request.param](request.getfixturevalue)


@pytest.fixture
def engine(spec: str) -> Engine:
    return open_engine(spec)


def requests(max_tokens: int = 10, **settings: Any) -> list[Request]:
    return [Request(prompt=t, text=t, max_tokens=max_tokens, **settings) for t in TEXTS]


def by_index(completions: list[Completion]) -> list[Completion]:
    return sorted(completions, key=lambda completion: completion.index)


def test_what_it_says_of_itself(engine: Engine, spec: str) -> None:
    assert engine.id == open_engine(spec).id
    assert engine.id.startswith(spec.partition(":")[0])
    assert 0 < engine.window <= engine.context
    assert engine.overhead >= 0
    assert engine.speed.prefill > 0
    assert engine.speed.decode > 0


def test_counting_adds_up(engine: Engine) -> None:
    assert engine.count("") == 0
    parts = [engine.count(text) for text in TEXTS]
    assert all(part > 0 for part in parts)
    joined = engine.count("\n".join(TEXTS))
    assert abs(joined - sum(parts)) <= 3 * len(TEXTS)
    assert engine.count(" ".join(TEXTS) * 20) <= 20 * (sum(parts) + 3 * len(TEXTS))


def test_each_request_is_answered_once(engine: Engine) -> None:
    done = by_index(list(engine.generate(requests())))
    assert [c.index for c in done] == list(range(len(TEXTS)))
    for completion in done:
        assert completion.text == completion.text.strip()
        assert 0 <= completion.tokens_out <= 10
        assert completion.tokens_in > 0
        assert completion.finish in ("stop", "length")
        assert math.isfinite(completion.seconds)
        assert completion.seconds >= 0
        assert not any(mark in completion.text for mark in ("<pad>", "</s>", "<|im_"))


def test_no_request_no_answer(engine: Engine) -> None:
    assert list(engine.generate([])) == []


def test_the_same_request_gets_the_same_answer(engine: Engine) -> None:
    first = by_index(list(engine.generate(requests())))
    again = by_index(list(engine.generate(requests())))
    assert [c.text for c in first] == [c.text for c in again]


def test_a_request_is_answered_alike_alone_and_among_others(engine: Engine) -> None:
    together = by_index(list(engine.generate(requests())))
    alone = [next(iter(engine.generate([request]))).text for request in requests()]
    assert [c.text for c in together] == alone


def test_beams_and_penalties_run(engine: Engine) -> None:
    asked = requests(beams=3, length_penalty=0.8, no_repeat_ngram=3, repetition_penalty=1.2)
    done = by_index(list(engine.generate(asked)))
    assert [c.index for c in done] == list(range(len(TEXTS)))
    assert all(c.tokens_out <= 10 for c in done)
    assert all(isinstance(note, str) and note for c in done for note in c.degraded)


def test_a_deadline_in_the_past_still_answers_each_request(engine: Engine) -> None:
    done = by_index(list(engine.generate(requests(), deadline=time.monotonic() - 1)))
    assert [c.index for c in done] == list(range(len(TEXTS)))
    assert {c.finish for c in done} == {"deadline"}


def test_a_far_deadline_changes_nothing(engine: Engine) -> None:
    free = by_index(list(engine.generate(requests())))
    bound = by_index(list(engine.generate(requests(), deadline=time.monotonic() + 3600)))
    assert [c.text for c in free] == [c.text for c in bound]


def test_text_is_shown_as_it_grows(engine: Engine) -> None:
    plain = by_index(list(engine.generate(requests(max_tokens=30))))
    shown: list[list[str]] = [[] for _ in TEXTS]
    asked = requests(max_tokens=30)
    done = by_index(list(engine.generate(asked, on_text=lambda i, text: shown[i].append(text))))
    assert [c.text for c in done] == [c.text for c in plain]
    assert (not any(shown)) == (engine.id == "extractive-2")
    for texts, completion in zip(shown, done, strict=True):
        assert all(longer.startswith(text) for text, longer in itertools.pairwise(texts))
        assert len(set(texts)) == len(texts)
        if texts:  # the bytes of a last, unfinished character are not shown
            assert texts[-1] == completion.text.rstrip("\ufffd").strip()


def test_what_a_callback_raises_reaches_the_caller(engine: Engine) -> None:
    class Enough(Exception):
        pass

    def refuse(index: int, text: str) -> None:
        raise Enough

    if engine.id != "extractive-2":
        with pytest.raises(Enough):
            list(engine.generate(requests(), on_text=refuse))
    assert len(list(engine.generate(requests()))) == len(TEXTS)


def test_winding_down_only_ever_shortens(engine: Engine) -> None:
    plain = by_index(list(engine.generate(requests(max_tokens=30))))
    wound = by_index(list(engine.generate(requests(max_tokens=30, wind_down=30))))
    for long, short in zip(plain, wound, strict=True):
        assert long.text.startswith(short.text)
        assert short.tokens_out <= long.tokens_out
        if short.text != long.text:
            assert short.finish == "length"
            assert ended(short.text)


def test_an_overflow_comes_before_any_answer(engine: Engine) -> None:
    long = "word " * (2 * engine.context)
    asked = [*requests(), Request(prompt=long, text=long, max_tokens=10)]
    with pytest.raises(Overflow) as caught:
        next(iter(engine.generate(asked)))
    assert caught.value.needed > caught.value.context


def test_closing_early_leaves_the_engine_usable(engine: Engine) -> None:
    stream = engine.generate(requests())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(list(engine.generate(requests()))) == len(TEXTS)
