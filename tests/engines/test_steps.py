from __future__ import annotations

import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gistill.engines import OpenOptions, open_engine, steps
from gistill.engines.growth import closes
from gistill.types import Completion, Request

PROMPTS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: nobody objected.",
    "The quick brown fox jumps over the lazy dog while the committee discusses the agenda. " * 3,
    "The remote control needs a new battery; the plastic one saves 3 euros a unit.",
]
SIZE = 60


@pytest.fixture(params=["t5", "bart", "llama"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def asked(**settings: Any) -> list[Request]:
    return [Request(prompt=p, text=p, max_tokens=SIZE, **settings) for p in PROMPTS]


def run(engine: Any, requests: list[Request], **more: Any) -> list[Completion]:
    return sorted(engine.generate(requests, **more), key=lambda c: c.index)


def grown(engine: Any, requests: list[Request]) -> tuple[list[Completion], list[list[str]]]:
    """The answers, and all that was shown of each on the way."""
    shown: list[list[str]] = [[] for _ in requests]
    done = run(engine, requests, on_text=lambda index, text: shown[index].append(text))
    return done, shown


def test_text_is_shown_as_it_grows(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    done, shown = grown(engine, asked())
    assert [c.text for c in done] == [c.text for c in run(engine, asked())]
    for completion, texts in zip(done, shown, strict=True):
        assert len(texts) > 1
        assert all(longer.startswith(text) for text, longer in itertools.pairwise(texts))
        assert completion.text.rstrip("\ufffd").strip() == texts[-1]


def test_beams_are_not_shown(t5: Path) -> None:
    _, shown = grown(open_engine(f"hf:{t5}"), asked(beams=2))
    assert shown == [[], [], [], []]


def test_winding_down_ends_at_the_next_end_of_a_sentence(t5: Path) -> None:
    engine = open_engine(f"hf:{t5}")
    varied = {"no_repeat_ngram": 2}
    plain, shown = grown(engine, asked(**varied))
    ends = []
    for texts in shown:  # one token of this model is one word
        late = [text for text in texts if len(text.split()) > SIZE - 50 and closes(text)]
        ends.append(late[0] if late else texts[-1])
    assert any(end != c.text for end, c in zip(ends, plain, strict=True))
    winding = asked(wind_down=50, **varied)
    for done in (run(engine, winding), grown(engine, winding)[0]):
        assert [c.text for c in done] == ends
        assert [c.tokens_out for c in done] == [len(end.split()) for end in ends]
        assert {c.finish for c in done} == {"length"}


def test_winding_down_beams(t5: Path) -> None:
    engine = open_engine(f"hf:{t5}")
    varied = {"beams": 3, "no_repeat_ngram": 2}
    assert all(c.tokens_out == SIZE for c in run(engine, asked(**varied)))
    done = run(engine, asked(wind_down=50, **varied))
    early = [c for c in done if c.tokens_out < SIZE]
    assert early
    for completion in early:
        assert completion.finish == "length"
        assert closes(completion.text)
        assert completion.tokens_out == len(completion.text.split()) > SIZE - 50


def test_an_answer_that_ends_by_itself_stopped(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    model = engine._model  # type: ignore[attr-defined]
    [end] = engine._ends  # type: ignore[attr-defined]
    forward = model.forward
    count = itertools.count()

    def ending(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        if next(count) == 5:
            output.logits[..., end] = 1e9
        return output

    model.forward = ending
    [done] = run(engine, asked(wind_down=SIZE)[:1])
    assert (done.finish, done.tokens_out) == ("stop", 5) or closes(done.text)
    count = itertools.count()
    [done] = run(engine, asked(wind_down=SIZE // 2)[:1])
    assert (done.finish, done.tokens_out) == ("stop", 5)


def test_drafts_change_nothing_but_the_number_of_steps(llama: Path) -> None:
    plain = open_engine(f"hf:{llama}")
    drafting = open_engine(f"hf:{llama}", OpenOptions(speculate=True))
    model = drafting._model  # type: ignore[attr-defined]
    forward, steps_taken = model.forward, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        steps_taken.append(1)
        return forward(*args, **kwargs)

    model.forward = counted
    saved = 0
    settings: list[dict[str, Any]] = [
        {},
        {"wind_down": 40},
        {"no_repeat_ngram": 3},
        {"repetition_penalty": 1.2},
    ]
    for request in (r for s in settings for r in asked(**s)):
        [expected], told = grown(plain, [request])
        steps_taken.clear()
        [done], shown = grown(drafting, [request])
        assert (done.text, done.finish, done.tokens_out, done.degraded) == (
            expected.text,
            expected.finish,
            expected.tokens_out,
            (),
        )
        assert shown == told
        saved += done.tokens_out - len(steps_taken)
    assert saved > 0


def test_what_takes_no_drafts_says_so(t5: Path, llama: Path) -> None:
    options = OpenOptions(speculate=True)
    [seq2seq] = run(open_engine(f"hf:{t5}", options), asked()[:1])
    [beamed] = run(open_engine(f"hf:{llama}", options), asked(beams=2)[:1])
    for done in (seq2seq, beamed):
        assert [note.partition(":")[0] for note in done.degraded] == ["speculate"]


def test_reading_is_broken_off_at_the_deadline(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    leaves = [m for m in engine._model.modules() if not any(m.children())]  # type: ignore[attr-defined]
    used: list[Any] = []
    for leaf in leaves:
        leaf.register_forward_hook(lambda module, *_: used.append(module))
    run(engine, asked()[:1])
    first, after = used[0], used[1:]
    used.clear()
    deadline = time.monotonic() + 1
    first.register_forward_hook(lambda *_: time.sleep(max(0, deadline - time.monotonic())))
    [done] = run(engine, asked()[:1], deadline=deadline)
    assert (done.text, done.tokens_out, done.finish) == ("", 0, "deadline")
    assert used == [first]
    assert after
    assert not any(leaf._forward_pre_hooks for leaf in leaves)


def test_the_deadline_rings_before_the_step_that_would_be_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = [0.0, 3.0, 5.0, 6.0, 7.0]
    clock = iter([now for now in times for _ in range(2)])  # it looks twice a step
    monkeypatch.setattr(steps, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    watch = steps.Watch([Request("", "", max_tokens=99)], 0, frozenset(), str, 8.5, 0.0, None)
    rang = []
    for size in range(1, len(times) + 1):
        watch(torch.zeros(1, size, dtype=torch.long), None)
        rang.append(watch.rang)
    # The steps took 3, 2, 1 and 1 s. The slow ones are not forgotten at once: 7 + 1.54 > 8.5.
    assert rang == [False, False, False, False, True]
