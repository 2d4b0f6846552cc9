"""One pass of an engine: what it reads, how it is asked, and many questions at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tiny_gguf
from gistill.bench import folder
from gistill.bench.qmsum import Query
from gistill.bench.systems import Batching, Options, Output, open_system
from gistill.cli import main
from gistill.errors import BadInput, EngineFailed
from llama_cpp import serving


def asked(queries: list[Query], **options: object) -> list[Output]:
    """Answers to all questions, in order, asked at once."""
    system = open_system("student", Options(**options))  # type: ignore[arg-type]
    assert isinstance(system, Batching)
    found = dict(system.answers([(q.meeting, q.question) for q in queries]))
    assert sorted(found) == list(range(len(queries)))
    return [found[i] for i in range(len(queries))]


def long(query: Query) -> Query:
    """The question on a meeting of four hundred times the length."""
    segments = tuple(
        replace(segment, id=f"s{i:06d}") for i, segment in enumerate(query.meeting.segments * 400)
    )
    return replace(query, meeting=replace(query.meeting, segments=segments))


def test_one_pass_over_located_turns(queries: list[Query]) -> None:
    system = open_system("student", Options(engine="extractive", max_tokens=60))
    query = next(q for q in queries if "chip" in q.question.text)
    output = system.answer(query.meeting, query.question)
    assert "chip" in output.summary
    assert output.cites
    assert output.tokens_in > 0
    assert output.seconds > 0


@pytest.mark.parametrize("allowed", [120, 200, 900])
def test_no_more_is_read_than_was_allowed(queries: list[Query], allowed: int) -> None:
    query = long(queries[2])
    less, more = (
        asked([query], engine="echo", max_tokens=tokens)[0].tokens_in for tokens in (10, allowed)
    )
    assert less + allowed // 2 < more <= less + allowed
    assert asked([query], engine="echo", max_tokens=10)[0].notes == (
        "No passage of the transcript fits what --max-tokens allows.",
    )


def test_a_meeting_too_long_for_the_context(queries: list[Query]) -> None:
    with pytest.raises(BadInput, match="leave out --read-all"):
        asked([long(queries[0])], engine="echo", locate=False)
    with pytest.raises(BadInput, match="does not hold 9000 of the transcript and 160 of the ans"):
        open_system("student", Options(engine="echo", max_tokens=9000))
    assert asked(queries[:1], engine="echo", locate=False)[0].summary


def test_what_is_asked_can_be_set_and_is_recorded(queries: list[Query]) -> None:
    plain = open_system("student", Options(engine="echo")).settings()
    assert plain == {
        "engine": "echo-1",
        "located": 1024,
        "tokens": 160,
        "words": 110,
        "profile": "fast",
        "decoding": {
            "beams": 2,
            "length_penalty": 0.9,
            "no_repeat_ngram": 3,
            "repetition_penalty": 1.0,
        },
        "prompt": plain["prompt"],
        "batch": 1,
    }
    options = Options(
        words=40, tokens=90, max_tokens=500, profile="greedy", repetition_penalty=1.2,
        engine="echo", batch=4,
    )  # fmt: skip
    system = open_system("student", options)
    settings = system.settings()
    assert json.loads(json.dumps(settings)) == settings
    changed = {"located": 500, "tokens": 90, "words": 40, "profile": "greedy", "batch": 4}
    assert {name: settings[name] for name in changed} == changed
    assert settings["decoding"]["repetition_penalty"] == 1.2
    assert settings["decoding"]["beams"] == 1


def test_the_settings_reach_the_engine(queries: list[Query]) -> None:
    (short,) = asked(queries[:1], engine="echo", tokens=8, locate=False)
    assert short.tokens_out <= 8
    (loop,) = asked(queries[:1], engine="echo:stutter", tokens=60)
    (mended,) = asked(queries[:1], engine="echo:stutter", tokens=60, repetition_penalty=1.1)
    assert loop.summary != mended.summary
    few, many = (asked(queries[:1], engine="echo", words=w)[0].tokens_in for w in (1, 10_000_000))
    assert few < many


def test_many_at_once_are_as_one_by_one(queries: list[Query]) -> None:
    system = open_system("student", Options(engine="extractive"))
    one_by_one = [system.answer(query.meeting, query.question) for query in queries]
    together = asked(queries, engine="extractive")
    assert [replace(o, seconds=0) for o in together] == [replace(o, seconds=0) for o in one_by_one]
    assert all(output.seconds > 0 for output in together)


def test_openai_needs_a_server() -> None:
    with pytest.raises(BadInput, match="openai:URL#model"):
        open_system("openai", Options(engine="echo"))
    with pytest.raises(EngineFailed, match="no server answers at http://127"):
        open_system("openai", Options(engine="openai:http://127.0.0.1:9/v1"))


# Against a real llama.cpp server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("xllamacpp")
    model = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tiny_gguf.write_gguf(model, context=2048)
    with serving(model, context=2048) as url:
        yield url


@pytest.mark.parametrize("flags", [["--read-all"], ["--max-tokens", "150"], ["--batch", "4"]])
def test_a_real_server_answers(
    server: str, data: Path, queries: list[Query], tmp_path: Path, flags: list[str]
) -> None:
    common = ["--system", "openai", "--engine", f"openai:{server}#tiny", "--tokens", "24"]
    common += ["--profile", "greedy", "--data", str(data), "--out", str(tmp_path)]
    assert main(["bench", "qmsum", "run", *common, *flags]) == 0
    record, rows = folder.load(tmp_path)
    assert [folder.key(row) for row in rows] == [query.key for query in queries]
    assert record["settings"]["engine"].startswith("openai:127.0.0.1:")
    assert all(0 < row["tokens_out"] <= 24 for row in rows)
    assert all(row["seconds"] > 0 for row in rows)
    # The model's tokens are bytes, but for few: all of the transcript, or what was allowed.
    most = 700 if flags[0] == "--max-tokens" else 2048
    for row, query in zip(rows, queries, strict=True):
        said = sum(len(segment.text) for segment in query.meeting.segments)
        assert row["tokens_in"] < most
        assert row["tokens_in"] > (0.5 * said if flags == ["--read-all"] else 150)


def test_an_answer_of_a_real_server_is_what_it_wrote(server: str, queries: list[Query]) -> None:
    options = Options(engine=f"openai:{server}#tiny", tokens=40, profile="greedy")
    system = open_system("openai", options)
    query = queries[4]
    first, second = (system.answer(query.meeting, query.question) for _ in range(2))
    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert set(first.cites) <= {segment.id for segment in query.meeting.segments}
    assert any("no_repeat_ngram" in note for note in first.notes)
