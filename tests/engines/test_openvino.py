from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gistill import models
from gistill.engines import OpenOptions, open_engine
from gistill.engines.child import Child
from gistill.engines.openvino import OpenVINO
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.segmentation import sentences
from gistill.types import Completion, Request
from tiny_gguf import write_gguf

PROMPTS = [f"the land and the hand {i} " * (1 + 3 * (i % 4)) for i in range(10)]


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GISTILL_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def engine(gguf: Path) -> Any:
    return open_engine(f"gguf:{gguf}")


@pytest.fixture(scope="module")
def reference(gguf: Path) -> Any:
    """transformers' model of the same file, and its tokenizer."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    load = {"gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.float32, **load
    )
    return model.eval(), transformers.AutoTokenizer.from_pretrained(gguf.parent, **load)


def answers(reference: Any, prompt: str, ngram: int = 0, **options: Any) -> str:
    """`ngram`: no so long a run of tokens of the answer stands in it twice."""
    import torch

    from gistill.engines.steps import penalties

    model, tokenizer = reference
    turns = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    asked = ask(prompt, no_repeat_ngram=ngram)
    options["logits_processor"] = penalties(asked, ids["input_ids"].shape[1])
    with torch.no_grad():
        output = model.generate(**ids, do_sample=False, **options)
    return str(tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def ask(prompt: str, max_tokens: int = 16, **options: Any) -> Request:
    return Request(prompt, prompt, max_tokens, **options)


def texts(engine: Any, requests: list[Request], **options: Any) -> list[str]:
    done = list(engine.generate(requests, **options))
    assert sorted(c.index for c in done) == list(range(len(requests)))
    return [c.text for c in sorted(done, key=lambda c: c.index)]


def by_index(completions: Iterable[Completion]) -> list[Completion]:
    return sorted(completions, key=lambda c: c.index)


def readable(text: str) -> str:
    """Without what a broken byte sequence becomes, which the two decoders show differently."""
    return "".join(c for c in text if c.isascii()).strip()


@pytest.mark.filterwarnings("ignore")  # torch's and transformers' own
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"repetition_penalty": 1.3}, {"repetition_penalty": 1.3}),
        ({"beams": 4}, {"num_beams": 4}),
        ({"beams": 3, "length_penalty": 2.0}, {"num_beams": 3, "length_penalty": 2.0}),
        ({"beams": 3, "no_repeat_ngram": 2}, {"num_beams": 3, "ngram": 2}),
    ],
)
def test_it_answers_as_transformers_does(
    engine: Any, reference: Any, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    expected = [answers(reference, p, max_new_tokens=16, **theirs) for p in PROMPTS]
    found = texts(engine, [ask(p, **ours) for p in PROMPTS])
    same = sum(readable(a) == readable(b) for a, b in zip(found, expected, strict=True))
    assert same >= 8  # float16 keys and values move near ties


def test_company_and_order_do_not_change_a_byte(engine: Any, gguf: Path) -> None:
    requests = [ask(p, 24) for p in PROMPTS]
    together = texts(engine, requests)
    assert texts(engine, requests[::-1])[::-1] == together
    assert [texts(engine, [r])[0] for r in requests] == together
    other = open_engine(f"gguf:{gguf}", OpenOptions(max_memory=300_000_000))
    assert texts(other, requests) == together


def test_prompts_and_answers_are_counted(engine: Any) -> None:
    (done,) = engine.generate([ask("the land", 5)])
    assert done.tokens_in == engine.count("the land") + engine.overhead
    assert (done.tokens_out, done.finish, done.degraded) == (5, "length", ())
    assert engine.context == 512
    assert (engine.window, engine.focus, engine.slack) == (256, 256, 0)
    assert engine.count("") == 0


def test_what_openvino_cannot_do_is_said(engine: Any) -> None:
    (greedy,) = engine.generate([ask("a", 2, no_repeat_ngram=3)])
    (beams,) = engine.generate([ask("a", 2, beams=2, repetition_penalty=1.1)])
    (said,) = greedy.degraded
    assert said.startswith("no_repeat_ngram: OpenVINO has it with beams only; an answer ends")
    assert beams.degraded == ("repetition_penalty: OpenVINO has it without beams only",)


def test_a_model_of_others_is_not_kept_from_what_its_prompt_says(
    engine: Any, gguf: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    shutil.copytree(models.from_gguf(gguf), folder)
    about = json.loads((folder / models.MANIFEST).read_text())
    assert about.pop("twins") > 0
    (folder / models.MANIFEST).write_text(json.dumps(about))
    theirs = open_engine(f"openvino:{folder}")
    plain = texts(engine, [ask(p, beams=2) for p in PROMPTS])
    forbidding = [ask(p, beams=2, no_repeat_ngram=2) for p in PROMPTS]
    asked, ours = list(theirs.generate(forbidding)), list(engine.generate(forbidding))
    assert [c.text for c in by_index(asked)] == plain != [c.text for c in by_index(ours)]
    ((said,),) = {c.degraded for c in asked}
    assert said.startswith(
        "no_repeat_ngram: left out, since OpenVINO would forbid what the prompt says"
    )
    assert {c.degraded for c in ours} == {()}


def test_what_the_prompt_says_before_its_end_is_not_forbidden(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO writes a score at the id it forbids, wherever that is: what followed the prompt's
    last tokens earlier in the prompt has an id beyond the table, and the worker crashed."""
    sent: list[dict[str, Any]] = []
    send = Child.ask

    def recorded(child: Child, number: int, question: dict[str, Any], answers: Any) -> None:
        sent.append(question)
        send(child, number, question, answers)

    monkeypatch.setattr(Child, "ask", recorded)
    prompt = "assistant\n and assistant\n " * 4
    requests = [ask(prompt, beams=3, no_repeat_ngram=n) for n in (1, 2, 3)]
    done = by_index(engine.generate(requests))
    plain = engine._encode(prompt)
    assert plain.count(plain[-1]) > 1
    for message in sent:
        assert message["ids"].count(message["ids"][-1]) == 1
        assert [i % engine._twins for i in message["ids"]] == plain
    assert [message["no_repeat_ngram"] for message in sent] == [0, 2, 3]
    assert [len(c.degraded) for c in done] == [1, 0, 0]
    assert "cannot forbid runs of one token" in done[0].degraded[0]


def test_too_long_a_prompt_is_refused_before_anything_runs(engine: Any) -> None:
    with pytest.raises(Overflow) as error:
        engine.generate([ask("fine"), ask("the " * 600)])
    assert error.value.context == 512
    with pytest.raises(Overflow):
        engine.generate([ask("fine", 512)])


def test_nothing_asked_nothing_answered(engine: Any) -> None:
    assert list(engine.generate([])) == []


def test_a_deadline_that_has_passed_gives_empty_answers(engine: Any) -> None:
    done = list(engine.generate([ask("a"), ask("b")], deadline=time.monotonic() - 1))
    assert {(c.text, c.finish) for c in done} == {("", "deadline")}


def test_text_is_told_as_it_grows(engine: Any) -> None:
    told: dict[int, list[str]] = {}
    requests = [ask(PROMPTS[1], 40), ask(PROMPTS[2], 40), ask(PROMPTS[3], 20, beams=2)]
    done = {
        c.index: c.text
        for c in engine.generate(requests, on_text=lambda i, t: told.setdefault(i, []).append(t))
    }
    assert sorted(told) == [0, 1]
    for index, said in told.items():
        assert len(said) > 10
        assert all(len(a) < len(b) for a, b in itertools.pairwise(said))
        assert done[index].startswith(said[-1])


def test_an_answer_winds_down_at_the_end_of_a_sentence(engine: Any) -> None:
    """The tiny model's stops come by chance; what it says does not depend on where it may end."""
    plain = [c.text for c in by_index(engine.generate([ask(p, 200) for p in PROMPTS]))]
    wound = by_index(engine.generate([ask(p, 200, wind_down=150) for p in PROMPTS]))
    assert all(plain[c.index].startswith(c.text) for c in wound)
    early = [c for c in wound if c.finish == "length" and c.tokens_out < 200]
    assert early
    assert all(sentences.ended(c.text) and c.tokens_out > 50 for c in early)
    again = by_index(engine.generate([ask(p, 200, wind_down=150) for p in PROMPTS[::-1]]))
    assert [c.text for c in again[::-1]] == [c.text for c in wound]


def test_a_greedy_answer_ends_where_it_goes_in_circles(engine: Any) -> None:
    circle: dict[str, Any] = {"repetition_penalty": 0.5}  # below 1, what was said is likelier
    plain = by_index(engine.generate([ask(p, 200, **circle) for p in PROMPTS]))
    ended = by_index(engine.generate([ask(p, 200, no_repeat_ngram=3, **circle) for p in PROMPTS]))
    early = [c for c in ended if c.tokens_out < 200 and c.finish == "length"]
    assert early
    for whole, cut in zip(plain, ended, strict=True):
        assert whole.text.startswith(cut.text.rstrip("\ufffd"))
        assert cut.tokens_out <= whole.tokens_out


def test_what_cannot_be_read_in_time_is_not_begun(engine: Any) -> None:
    list(engine.generate([ask(PROMPTS[3], 2)]))
    assert engine._pace > 0
    engine._pace, pace = 10.0, engine._pace
    done = list(engine.generate([ask("a", 5), ask("b", 5)], deadline=time.monotonic() + 5))
    assert [(c.text, c.finish, c.tokens_out) for c in done] == 2 * [("", "deadline", 0)]
    assert engine._pace < 10.0  # so that one wrong measure does not shut the door for good
    engine._pace = pace
    assert texts(engine, [ask("a", 5)], deadline=time.monotonic() + 60) != [""]


def test_speculation_changes_the_work_and_not_the_text(engine: Any, gguf: Path) -> None:
    requests = [ask(p, 60, beams=1 + (i == 4)) for i, p in enumerate(PROMPTS)]
    for speculate in (True, False):
        other = open_engine(f"gguf:{gguf}", OpenOptions(speculate=speculate))
        assert (other.id == engine.id) is not speculate  # the larger models' bits do differ
        assert texts(other, requests) == texts(engine, requests)
        (beams,) = other.generate([ask("a", 2, beams=2)])
        assert [n.partition(":")[0] for n in beams.degraded] == ["speculate"] * speculate


def test_a_deadline_ends_what_runs_and_the_engine_goes_on(engine: Any) -> None:
    requests = [ask(p, 250) for p in PROMPTS[:8]] + [ask(PROMPTS[0], 250, beams=3)]
    full = texts(engine, requests)
    began = time.monotonic()
    list(engine.generate(requests[:1]))
    one = time.monotonic() - began
    done = list(engine.generate(requests, deadline=time.monotonic() + one / 2))
    assert sorted(c.index for c in done) == list(range(len(requests)))
    cut = [c for c in done if c.finish == "deadline"]
    assert cut
    assert all(full[c.index].startswith(c.text[:-1]) for c in cut if c.index < 8)
    assert texts(engine, requests[:3]) == full[:3]


def test_closing_the_iterator_cancels(engine: Any) -> None:
    requests = [ask(p, 300) for p in PROMPTS]
    iterator = engine.generate(requests)
    next(iterator)
    iterator.close()
    assert texts(engine, [ask("the land", 5)])


def test_two_callers_at_once_get_their_own(engine: Any) -> None:
    first = engine.generate([ask(PROMPTS[1], 40), ask(PROMPTS[2], 40)])
    one = next(first)
    assert len(texts(engine, [ask(PROMPTS[3], 10)])) == 1
    assert {one.index, next(first).index} == {0, 1}


def test_a_killed_worker_is_one_line_and_the_next_call_has_a_new_one(gguf: Path) -> None:
    engine = open_engine(f"gguf:{gguf}")
    assert isinstance(engine, OpenVINO)
    iterator = engine.generate([ask(p, 400) for p in ("a", "b", "c")])
    next(iterator)
    os.kill(engine._workers[0]._process.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed, match="ended by signal 9") as error:
        list(engine.generate([ask("a", 400)]))
    assert "\n" not in str(error.value)
    iterator.close()
    assert len(texts(engine, [ask("a", 4)])) == 1


def test_a_request_beyond_the_memory_is_one_line(gguf: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gistill.engines.openvino._LEAST", 4096)
    engine = open_engine(f"gguf:{gguf}", OpenOptions(max_memory=1))
    with pytest.raises(EngineFailed, match="--max-memory"):
        list(engine.generate([ask("the land", 400)]))


def test_many_requests_in_little_memory_all_finish(gguf: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gistill.engines.openvino._LEAST", 300_000)
    engine = open_engine(f"gguf:{gguf}", OpenOptions(max_memory=1))
    requests = [ask(p, 60, beams=1 + i % 3) for i, p in enumerate(PROMPTS * 3)]
    assert all(texts(engine, requests))


def test_workers_end_with_their_parent(gguf: Path, tmp_path: Path) -> None:
    program = f"""
import sys, time
from gistill.engines import open_engine
from gistill.types import Request
engine = open_engine("gguf:{gguf}")
list(engine.generate([Request("a", "a", 3)]))
print(engine._workers[0]._process.pid, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent")


def test_openvino_reports_to_nobody() -> None:
    """Importing it sends an event to Google Analytics unless it finds no telemetry package."""
    program = """
import sys
import gistill.engines.openvino
from openvino.tools import ovc
assert type(ovc.telemetry).__module__ == "openvino.tools.ovc.telemetry_stub", ovc.telemetry
assert "multiprocessing.process" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_bundled_says_how_to_get_it() -> None:
    with pytest.raises(BadInput, match="gistill models get bundled"):
        open_engine("bundled")


def test_what_is_no_model_is_refused(tmp_path: Path, gguf: Path) -> None:
    for spec, message in (
        ("openvino:", "name a model"),
        ("gguf:", "name a model"),
        (f"openvino:{tmp_path}", r"holds no openvino_model\.xml"),
        (f"gguf:{tmp_path}", "there is no GGUF file"),
    ):
        with pytest.raises(BadInput, match=message):
            open_engine(spec)


def test_a_model_folder_of_ones_own(gguf: Path, tmp_path: Path) -> None:
    """Without a manifest, the context comes from config.json, as optimum writes it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in models.from_gguf(gguf).iterdir():
        if path.name not in ("manifest.json", "tokenizer.json"):
            (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadInput, match=r"config\.json"):
        open_engine(f"openvino:{folder}")
    (folder / "config.json").write_text('{"max_position_embeddings": 300}')
    engine = open_engine(f"openvino:{folder}")
    assert (engine.context, engine.window) == (300, 150)
    assert engine.count("the land") == 6
    assert texts(engine, [ask("the land")]) == texts(open_engine(f"gguf:{gguf}"), [ask("the land")])
