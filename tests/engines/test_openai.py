from __future__ import annotations

import itertools
import json
import threading
import time
from typing import Any

import pytest

from gistill.engines import OpenOptions, open_engine, openai
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.types import Completion, Request

CHAT = "/v1/chat/completions"
STREAM = {"Content-Type": "text/event-stream"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "_BACKOFF", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def ask(prompt: str = "Hello.", max_tokens: int = 12, **settings: Any) -> Request:
    return Request(prompt=prompt, text=prompt, max_tokens=max_tokens, **settings)


def run(engine: Any, *requests: Request, deadline: float | None = None) -> list[Completion]:
    return sorted(engine.generate(requests, deadline=deadline), key=lambda c: c.index)


def event(content: str | None, reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice], **more})}\n\n".encode()


def said(*words: str, reason: str = "stop") -> Any:
    pieces = [event(word) for word in words]
    return 200, STREAM, [*pieces, event(None, reason), b"data: [DONE]\n\n"]


# Against a real llama.cpp server


def test_a_real_server_answers(llama_server: str) -> None:
    engine = open_engine(f"openai:{llama_server}")
    done = run(engine, *(ask(f"Ann: item {n}.", 6) for n in range(8)))
    assert [c.index for c in done] == list(range(8))
    assert all(0 < c.tokens_out <= 6 for c in done)
    assert {c.finish for c in done} <= {"stop", "length"}
    assert not any(c.degraded for c in done)
    again = run(engine, *(ask(f"Ann: item {n}.", 6) for n in range(8)))
    assert [c.text for c in done] == [c.text for c in again]


def test_a_real_server_counts_and_tells_its_context(llama_server: str, llama: Any) -> None:
    engine = open_engine(f"openai:{llama_server}#tiny")
    local = open_engine(f"hf:{llama}")
    assert engine.context == 512
    for text in ("", "Ann: We decided to raise the budget.", "naïve 猫 😀"):
        assert engine.count(text) == local.count(text)
    [done] = run(engine, ask("Ann: We decided."))
    assert done.tokens_in == engine.count("Ann: We decided.") + engine.overhead


def test_a_real_server_never_sees_an_overflow(llama_server: str) -> None:
    engine = open_engine(f"openai:{llama_server}")
    with pytest.raises(Overflow):
        engine.generate([ask(), ask("word " * 600)])
    wide = open_engine(f"openai:{llama_server}#tiny?context=100000")  # the user is wrong
    with pytest.raises(Overflow):
        run(wide, ask("word " * 600))


def test_what_a_server_cannot_do_is_said(llama_server: str) -> None:
    engine = open_engine(f"openai:{llama_server}")
    [done] = run(engine, ask(beams=4, no_repeat_ngram=3, repetition_penalty=1.3))
    assert [note.partition(":")[0] for note in done.degraded] == ["beams", "no_repeat_ngram"]
    prompts = [f"Ann: item {n}." for n in range(6)]
    plain = run(engine, *(ask(p, 60) for p in prompts))
    penalized = run(engine, *(ask(p, 60, repetition_penalty=1e3) for p in prompts))
    assert [c.text for c in plain] != [c.text for c in penalized]


def test_a_real_server_is_shown_as_it_writes(llama_server: str) -> None:
    engine = open_engine(f"openai:{llama_server}")
    shown: dict[int, list[str]] = {0: [], 1: []}
    here = threading.get_ident()

    def show(index: int, text: str) -> None:
        assert threading.get_ident() == here
        shown[index].append(text)

    asked = [ask("Ann: item 1.", 30), ask("Ann: item 2.", 30)]
    done = sorted(engine.generate(asked, on_text=show), key=lambda c: c.index)
    assert [c.text for c in done] == [c.text for c in run(engine, *asked)]
    for completion in done:
        texts = shown[completion.index]
        assert len(texts) > 1
        assert all(longer.startswith(text) for text, longer in itertools.pairwise(texts))
        assert texts[-1] == completion.text.rstrip("\ufffd").strip()


def test_closing_the_iterator_leaves_the_server_free(llama_server: str) -> None:
    engine = open_engine(f"openai:{llama_server}")
    stream = engine.generate([ask(f"Ann: {n}.", 400) for n in range(30)])
    next(stream)
    stream.close()
    assert len(run(engine, ask(max_tokens=3))) == 1


# Against a scripted one


def test_text_comes_from_the_stream(scripted: Any) -> None:
    scripted.reply(CHAT, said(" Red", " wins.", " "))
    [done] = run(open_engine(f"openai:{scripted.url}"), ask())
    assert (done.text, done.finish) == ("Red wins.", "stop")
    _, headers, body = scripted.seen[-1]
    assert body["messages"] == [{"role": "user", "content": "Hello."}]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("fake", 12, 0)
    assert "Authorization" not in headers


def test_usage_of_the_server_is_reported(scripted: Any) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
    status, headers, pieces = said("Red", reason="length")
    scripted.reply(CHAT, (status, headers, [*pieces[:-1], usage, pieces[-1]]))
    [done] = run(open_engine(f"openai:{scripted.url}"), ask())
    assert (done.tokens_in, done.tokens_out, done.finish) == (7, 2, "length")


def test_an_answer_that_is_not_streamed_is_read_too(scripted: Any) -> None:
    choice = {"message": {"content": "Whole."}, "finish_reason": "stop"}
    scripted.json(CHAT, {"choices": [choice]})
    [done] = run(open_engine(f"openai:{scripted.url}"), ask())
    assert done.text == "Whole."


def test_the_key_is_sent_when_set(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    scripted.reply(CHAT, said("Red."))
    run(open_engine(f"openai:{scripted.url}"), ask())
    assert {headers.get("Authorization") for _, headers, _ in scripted.seen} == {"Bearer secret"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_bad_key(scripted: Any, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    scripted.json(CHAT, {"error": {"message": "Incorrect API key provided"}}, status)
    engine = open_engine(f"openai:{scripted.url}")
    with pytest.raises(EngineFailed, match=r"Incorrect API key.*OPENAI_API_KEY") as caught:
        run(engine, ask())
    assert "secret" not in str(caught.value)
    assert sum(path == CHAT for path, _, _ in scripted.seen) == 1


def test_passing_failures_are_tried_again(scripted: Any) -> None:
    broken = (200, STREAM, [event("Half a")])
    scripted.reply(CHAT, (429, {}, [b"slow down"]), (500, {}, [b"oops"]), broken, said("Red."))
    [done] = run(open_engine(f"openai:{scripted.url}"), ask())
    assert done.text == "Red."


def test_a_server_that_keeps_failing(scripted: Any) -> None:
    scripted.reply(CHAT, (503, {}, [b'{"error": {"message": "Loading model"}}']))
    with pytest.raises(EngineFailed, match=r"failed 5 times.*503 Loading model"):
        run(open_engine(f"openai:{scripted.url}"), ask())
    assert sum(path == CHAT for path, _, _ in scripted.seen) == 5


def test_retry_after_is_honoured_within_the_deadline(scripted: Any) -> None:
    scripted.reply(CHAT, (429, {"Retry-After": "30"}, [b""]), said("Too late."))
    engine = open_engine(f"openai:{scripted.url}")
    [done] = run(engine, ask(), deadline=time.monotonic() + 1)
    assert (done.text, done.finish) == ("", "deadline")
    assert sum(path == CHAT for path, _, _ in scripted.seen) == 1
    scripted.reply(CHAT, (429, {"Retry-After": "0"}, [b""]), said("In time."))
    [done] = run(engine, ask(), deadline=time.monotonic() + 60)
    assert done.text == "In time."


def test_a_date_in_retry_after() -> None:
    import httpx

    def wait(value: str) -> float | None:
        return openai._retry_after(httpx.Response(429, headers={"Retry-After": value}))

    assert wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert (wait("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e6
    assert wait("soon") is None


def test_a_deadline_keeps_the_text_so_far(scripted: Any) -> None:
    scripted.reply(
        CHAT, (200, STREAM, [event("Red wins."), 1.5, event(" Blue"), event("", "stop")])
    )
    engine = open_engine(f"openai:{scripted.url}")
    done = run(engine, ask(), ask(), deadline=time.monotonic() + 0.5)
    assert [(c.text, c.finish) for c in done] == [("Red wins.", "deadline")] * 2


def test_winding_down_hangs_up_at_the_end_of_a_sentence(scripted: Any) -> None:
    words = ["Red", " wins.", " It", " costs", " 3.", "5.", " Fine", ".", " Then", "."]
    scripted.reply(CHAT, said(*words, reason="length"))
    engine = open_engine(f"openai:{scripted.url}")
    texts = []
    for wind_down in (0, 1, 4, 9, 12):
        [done] = run(engine, ask(wind_down=wind_down))
        assert done.finish == "length"
        texts.append(done.text)
    whole, early = "Red wins. It costs 3.5. Fine. Then.", "Red wins. It costs 3.5. Fine."
    assert texts == [whole, whole, whole, early, "Red wins."]


def test_counting_does_not_miss_the_deadline(scripted: Any) -> None:
    scripted.json("/tokenize", {"tokens": [1]})
    engine = open_engine(f"openai:{scripted.url}")
    scripted.reply("/tokenize", (200, {}, [1.5, b'{"tokens": [1]}']))
    scripted.reply(CHAT, said("Red."))
    done = run(engine, ask("a" * 30), ask("b" * 6000), deadline=time.monotonic() + 0.3)
    assert [(c.text, c.finish, c.tokens_in) for c in done] == [
        ("", "deadline", 10 + engine.overhead),
        ("", "deadline", 2000 + engine.overhead),
    ]


def test_concurrency_is_bounded(scripted: Any) -> None:
    status, headers, pieces = said("Red.")
    scripted.reply(CHAT, (status, headers, [0.05, *pieces]))
    engine = open_engine(f"openai:{scripted.url}#fake?concurrency=3")
    assert len(run(engine, *[ask()] * 9)) == 9
    assert scripted.most == 3


@pytest.mark.parametrize(
    "body", [b"<html>Not me</html>", b"data: {not json}\n\n", b"data: [1]\n\n", b'data: "x"\n\n']
)
def test_nonsense_is_reported_as_such(scripted: Any, body: bytes) -> None:
    kind = "application/json" if body.startswith(b"<") else "text/event-stream"
    scripted.reply(CHAT, (200, {"Content-Type": kind}, [body]))
    with pytest.raises(EngineFailed, match="does not speak the OpenAI protocol"):
        run(open_engine(f"openai:{scripted.url}"), ask())


def test_an_error_inside_the_stream_is_tried_again(scripted: Any) -> None:
    error = b'data: {"error": {"message": "out of memory"}}\n\n'
    scripted.reply(CHAT, (200, STREAM, [error]), said("Red."))
    [done] = run(open_engine(f"openai:{scripted.url}"), ask())
    assert done.text == "Red."


def test_a_dead_server_is_reported(scripted: Any) -> None:
    engine = open_engine(f"openai:{scripted.url}")
    scripted.close()
    try:
        with pytest.raises(EngineFailed, match="failed 5 times"):
            run(engine, ask())
    finally:
        scripted.__init__()  # for the fixture to close


def test_where_the_server_does_not_count_the_estimate_is_said(scripted: Any) -> None:
    scripted.reply(CHAT, said("Red."))
    engine = open_engine(f"openai:{scripted.url}")
    assert engine.count("123456") == 2
    assert engine.count("猫猫") == 2
    [done] = run(engine, ask())
    assert any(note.startswith("count:") for note in done.degraded)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "#model",
        "127.0.0.1:8080",
        "ftp://host/v1",
        "http://x/v1#m?beams=2",
        "http://x#m?context=a",
    ],
)
def test_a_bad_argument_is_refused(argument: str) -> None:
    with pytest.raises(BadInput, match="openai"):
        open_engine(f"openai:{argument}")


def test_offline_means_this_machine_only(scripted: Any) -> None:
    offline = OpenOptions(offline=True)
    for host in ("https://api.openai.com/v1", "http://10.0.0.1/v1", "http://127.0.0.1.evil.com/v1"):
        with pytest.raises(BadInput, match="offline"):
            open_engine(f"openai:{host}#m", offline)
    assert open_engine(f"openai:{scripted.url}", offline).context == 1000


def test_environment_sets_the_concurrency(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTILL_OPENAI_CONCURRENCY", "many")
    with pytest.raises(BadInput, match="concurrency"):
        open_engine(f"openai:{scripted.url}")
