"""The engine with the model that ships."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gistill import models
from gistill.engines import open_engine, openvino_worker
from gistill.prompts import template
from gistill.types import Request

pytestmark = pytest.mark.model

STORY = "Mara: The boiler failed again on Saturday. Jonas: A new pump costs 640 euros. "


@pytest.fixture(scope="module")
def bundled() -> Any:
    if not models.is_installed("bundled"):
        pytest.skip("the bundled model is not fetched; run: gistill models get")
    return open_engine("bundled")


def ask(prompt: str, max_tokens: int) -> Request:
    return Request(prompt, prompt, max_tokens)


def texts(engine: Any, requests: list[Request]) -> list[str]:
    done = sorted(engine.generate(requests), key=lambda c: c.index)
    return [c.text for c in done]


def test_the_bundled_model_knows_what_it_is_asked(bundled: Any) -> None:
    (done,) = bundled.generate([ask("What is the capital of France?", 20)])
    assert "Paris" in done.text
    assert done.finish == "stop"
    assert bundled.context == 8192


def test_the_bundled_model_says_the_same_in_any_company(bundled: Any) -> None:
    requests = [ask(f"Summarize part {i}: " + STORY * (1 + 3 * i), 16) for i in range(4)]
    together = texts(bundled, requests)
    assert [texts(bundled, [r])[0] for r in requests] == together


def test_a_prompt_of_any_length_reads_the_same_in_company(bundled: Any) -> None:
    """Split in steps of 128 to make room for others, these gave other texts than alone."""
    requests = []
    for steps in (2, 3):
        text = f"Summarize {steps}: {STORY * 30}"
        while len(bundled._encode(text)) != steps * 128 + 1:
            text = text[:-1]
        requests.append(ask(text, 40))
    requests += [ask(STORY * 3, 40), ask(STORY * 5, 40)]
    together = texts(bundled, requests)
    assert [texts(bundled, [r])[0] for r in requests] == together


def test_lookup_changes_no_token_in_float32(bundled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_worker.PROPERTIES, "DYNAMIC_QUANTIZATION_GROUP_SIZE", 0)
    thread = (Path(__file__).parents[2] / "src/gistill/demo/thread.txt").read_text("utf-8")
    parts = [thread[i : i + 2000] for i in (0, 5000, 10000)]
    found: list[dict[int, list[int]]] = []
    for lookup in (0, 3):
        worker = openvino_worker.Worker(str(bundled._folder), 4096, 10**9, lookup)
        for number, part in enumerate(parts):
            ids = bundled._encode(template("local").render(part))
            settings = {"beams": 1, "repetition_penalty": 1.0, "max_tokens": 60}
            worker.take({"add": number, "ids": ids} | settings)
        found.append({})
        while worker.busy:
            found[-1] |= {a["done"]: a["ids"] for a in worker.step() if "done" in a}
    assert found[0] == found[1]


def test_a_deadline_yields_what_there_is(bundled: Any) -> None:
    (whole,) = bundled.generate([ask(STORY * 3, 100)])
    told: list[str] = []
    deadlines = [0.6 * whole.seconds * (1 + i / 4) for i in range(3)]
    for seconds in deadlines:
        (done,) = bundled.generate(
            [ask(STORY * 3, 100)],
            deadline=time.monotonic() + seconds,
            on_text=lambda _, text: told.append(text),
        )
        assert whole.text.startswith(done.text)
        if done.finish == "deadline" and done.text:
            assert done.text == told[-1]
