from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gistill.engines import open_engine
from gistill.engines.ct2_bell import Bell
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.types import Completion, Request

PROMPTS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: nobody objected.",
    "The quick brown fox jumps over the lazy dog while the committee discusses the agenda. " * 3,
    "The remote control needs a new battery; the plastic one saves 3 euros a unit.",
]


def ask(prompt: str, max_tokens: int = 12, **settings: Any) -> Request:
    return Request(prompt=prompt, text=prompt, max_tokens=max_tokens, **settings)


def texts(engine: Any, requests: list[Request], deadline: float | None = None) -> list[str]:
    done = sorted(engine.generate(requests, deadline=deadline), key=lambda c: c.index)
    assert [c.index for c in done] == list(range(len(requests)))
    return [c.text for c in done]


@pytest.fixture(params=["t5", "bart", "llama"])
def pair(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A checkpoint, and the same converted."""
    name = request.param
    return request.getfixturevalue(name), request.getfixturevalue(f"{name}_ct2")


def test_a_batch_answers_as_transformers_does(pair: tuple[Path, Path]) -> None:
    requests = [ask(p) for p in PROMPTS]
    ours, theirs = open_engine(f"ct2:{pair[1]}"), open_engine(f"hf:{pair[0]}")
    assert texts(ours, requests) == texts(theirs, requests)
    assert ours.overhead == theirs.overhead
    assert [ours.count(p) for p in PROMPTS] == [theirs.count(p) for p in PROMPTS]


def test_beams_find_another_answer(t5_ct2: Path) -> None:
    engine = open_engine(f"ct2:{t5_ct2}")
    greedy = list(engine.generate([ask(p) for p in PROMPTS]))
    beamed = list(engine.generate([ask(p, beams=6, length_penalty=0.0) for p in PROMPTS]))
    assert {c.text for c in greedy} != {c.text for c in beamed}
    assert not any(c.degraded for c in beamed)


def test_ngrams_are_not_repeated(t5_ct2: Path) -> None:
    engine = open_engine(f"ct2:{t5_ct2}")
    plain = texts(engine, [ask(p, 30) for p in PROMPTS])
    assert any(len(set(text.split())) < len(text.split()) for text in plain)
    for text in texts(engine, [ask(p, 30, no_repeat_ngram=1) for p in PROMPTS]):
        assert len(set(text.split())) == len(text.split())
    penalized = texts(engine, [ask(p, 30, repetition_penalty=100.0) for p in PROMPTS])
    assert sum(len(set(t.split())) for t in penalized) > sum(len(set(t.split())) for t in plain)


def test_the_prompt_is_not_penalized(llama_ct2: Path) -> None:
    engine = open_engine(f"ct2:{llama_ct2}")
    punished = [ask(p, 1, no_repeat_ngram=1, repetition_penalty=1e6) for p in PROMPTS]
    assert texts(engine, [ask(p, 1) for p in PROMPTS]) == texts(engine, punished)


@pytest.mark.parametrize("name", ["t5_ct2", "llama_ct2"])
def test_a_deadline_keeps_what_is_written(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"ct2:{request.getfixturevalue(name)}")
    look = Bell.__call__

    def slowly(bell: Bell, step: Any) -> bool:
        time.sleep(0.01)
        return look(bell, step)

    monkeypatch.setattr(Bell, "__call__", slowly)
    slow = [ask(p, 300) for p in PROMPTS]
    done = list(engine.generate(slow, deadline=time.monotonic() + 1.5))
    assert sorted(c.index for c in done) == [0, 1, 2, 3]
    assert {c.finish for c in done} <= {"deadline", "stop"}
    assert any(c.finish == "deadline" and 0 < c.tokens_out < 300 for c in done)


def grown(engine: Any, requests: list[Request]) -> tuple[list[Completion], list[list[str]]]:
    """The answers, and all that was shown of each on the way, always to the caller's thread."""
    shown: list[list[str]] = [[] for _ in requests]
    here = threading.get_ident()

    def show(index: int, text: str) -> None:
        assert threading.get_ident() == here
        shown[index].append(text)

    done = sorted(engine.generate(requests, on_text=show), key=lambda c: c.index)
    return done, shown


def test_text_is_shown_as_it_grows(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Bell.__call__

    def slowly(bell: Bell, step: Any) -> bool:
        time.sleep(0.005)
        return look(bell, step)

    monkeypatch.setattr(Bell, "__call__", slowly)
    engine = open_engine(f"ct2:{pair[1]}")
    done, shown = grown(engine, [ask(p, 30) for p in PROMPTS])
    assert [c.text for c in done] == texts(engine, [ask(p, 30) for p in PROMPTS])
    for completion, told in zip(done, shown, strict=True):
        assert len(told) > 1
        assert all(longer.startswith(text) for text, longer in itertools.pairwise(told))
        assert told[-1] == completion.text.rstrip("\ufffd").strip()
    assert grown(engine, [ask(PROMPTS[0], beams=2)])[1] == [[]]


def test_winding_down_ends_as_transformers_does(t5: Path, t5_ct2: Path) -> None:
    ours, theirs = open_engine(f"ct2:{t5_ct2}"), open_engine(f"hf:{t5}")
    asked = [ask(p, 60, wind_down=50, no_repeat_ngram=2) for p in PROMPTS]
    done, expected = (
        sorted(engine.generate(asked), key=lambda c: c.index) for engine in (ours, theirs)
    )
    seen = [(c.text, c.tokens_out, c.finish) for c in done]
    assert seen == [(c.text, c.tokens_out, c.finish) for c in expected]
    assert any(size < 60 for _, size, _ in seen)
    assert not any(c.degraded for c in done)


def test_beams_cannot_be_wound_down(t5_ct2: Path) -> None:
    engine = open_engine(f"ct2:{t5_ct2}")
    [cut] = engine.generate([ask(PROMPTS[0], 5, beams=2, wind_down=5)])
    assert cut.finish == "length"
    assert [note.partition(":")[0] for note in cut.degraded] == ["wind_down"]


def test_what_cannot_be_stopped_is_left_behind(
    llama_ct2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"ct2:{llama_ct2}")
    expected = texts(engine, [ask(PROMPTS[1])])
    look, release = Bell.__call__, threading.Event()

    def stuck(bell: Bell, step: Any) -> bool:
        answer = look(bell, step)
        if step.step == 3:
            release.wait(30)  # as long as it likes, like a prompt that is being read
        return answer

    monkeypatch.setattr(Bell, "__call__", stuck)
    [done] = engine.generate([ask(PROMPTS[1], 300)], deadline=time.monotonic() + 2)
    assert (done.finish, done.tokens_out) == ("deadline", 4)
    [next_one] = engine.generate([ask(PROMPTS[1])], deadline=time.monotonic() + 0.1)
    assert (next_one.finish, next_one.text) == ("deadline", "")
    release.set()
    assert texts(engine, [ask(PROMPTS[1])]) == expected


def test_beams_give_way_to_a_deadline_and_say_so(t5_ct2: Path) -> None:
    engine = open_engine(f"ct2:{t5_ct2}")
    engine.speed = type(engine.speed)(prefill=1e6, decode=1.0)
    [hurried] = engine.generate([ask(PROMPTS[0], beams=4)], deadline=time.monotonic() + 5)
    assert hurried.degraded == ("beams: greedy instead, to be done by the deadline",)
    assert hurried.text == texts(engine, [ask(PROMPTS[0])])[0]
    [unhurried] = engine.generate([ask(PROMPTS[0], beams=4)], deadline=time.monotonic() + 600)
    assert unhurried.degraded == ()


def test_closing_the_iterator_cancels(llama_ct2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    look = Bell.__call__

    def noted(bell: Bell, step: Any) -> bool:
        steps.append(time.monotonic())
        time.sleep(0.01)
        return look(bell, step)

    monkeypatch.setattr(Bell, "__call__", noted)
    engine = open_engine(f"ct2:{llama_ct2}")
    stream = engine.generate([ask(PROMPTS[1], 5), *(ask(PROMPTS[1], 4 + n) for n in range(400))])
    next(stream)
    stream.close()
    before = len(steps)
    time.sleep(0.2)
    assert len(steps) <= before + 2


def test_what_cannot_be_read_in_time_is_not_begun_but_tried_again_some_day(llama_ct2: Path) -> None:
    engine: Any = open_engine(f"ct2:{llama_ct2}")
    assert all(texts(engine, [ask(PROMPTS[0])]))
    engine.speed = type(engine.speed)(prefill=0.1, decode=engine.speed.decode)  # a bad moment
    answers = []
    while not any(answers):
        assert len(answers) < 50
        answers += texts(engine, [ask(PROMPTS[0])], time.monotonic() + 60)
    assert len(answers) > 1


def test_overflow(t5_ct2: Path, bart_ct2: Path, llama_ct2: Path) -> None:
    for folder in (t5_ct2, bart_ct2, llama_ct2):
        with pytest.raises(Overflow):
            open_engine(f"ct2:{folder}").generate([ask("Short."), ask("word " * 3000)])
    bart = open_engine(f"ct2:{bart_ct2}")
    assert bart.context == 256
    with pytest.raises(Overflow):
        bart.generate([ask("Short.", 256)])
    assert texts(bart, [ask("the " * 200, 255)])  # an answer takes no room in the encoder
    narrow = open_engine(f"ct2:{llama_ct2}?context=64")
    with pytest.raises(Overflow):
        narrow.generate([ask("Short.", 64)])


def test_int8_as_converted(t5_int8: Path, t5_ct2: Path) -> None:
    small, full = open_engine(f"ct2:{t5_int8}"), open_engine(f"ct2:{t5_ct2}")
    assert ":int8" in small.id
    assert full.id.endswith(":float32")
    assert all(texts(small, [ask(p) for p in PROMPTS]))


def test_the_chat_template_in_either_file(llama_ct2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama_ct2, tmp_path / llama_ct2.name)
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    (folder / "chat_template.jinja").unlink()
    bare = open_engine(f"ct2:{folder}")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    told, full = open_engine(f"ct2:{folder}"), open_engine(f"ct2:{llama_ct2}")
    assert bare.overhead == 0 < told.overhead == full.overhead
    assert texts(told, [ask(PROMPTS[0])]) == texts(full, [ask(PROMPTS[0])])


def test_what_cannot_be_opened(t5_ct2: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ct2-transformers-converter"):
        open_engine(f"ct2:{tmp_path}")
    with pytest.raises(BadInput, match="ct2-transformers-converter"):
        open_engine("ct2:")
    with pytest.raises(BadInput, match=r"FOLDER\?context=N"):
        open_engine(f"ct2:{t5_ct2}?beams=4")
    bare = shutil.copytree(t5_ct2, tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match=r"no tokenizer\.json.*--copy_files"):
        open_engine(f"ct2:{bare}")
    junk = shutil.copytree(t5_ct2, tmp_path / "junk")
    (junk / "model.bin").write_bytes(b"\7\0\0\0junk")
    with pytest.raises(BadInput, match="not a CTranslate2 model"):
        open_engine(f"ct2:{junk}")
    cut = shutil.copytree(t5_ct2, tmp_path / "cut")
    (cut / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(EngineFailed, match="cannot load"):
        open_engine(f"ct2:{cut}")


def test_a_missing_package_names_its_extra(t5_ct2: Path) -> None:
    code = (
        "import sys; sys.modules['ctranslate2'] = None\n"
        "from gistill.engines import open_engine\n"
        "from gistill.errors import MissingExtra\n"
        "try: open_engine('ct2:' + sys.argv[1])\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(t5_ct2)], capture_output=True, text=True, check=True
    )
    assert "pip install 'gistill[ct2]'" in done.stdout
