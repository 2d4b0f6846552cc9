"""What a run reads: everything, what a query needs, or less where time is short."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gistill.engines import Engine, Speed, open_engine
from gistill.errors import BadInput
from gistill.findings import Findings
from gistill.options import Options
from gistill.planning import EXTRACTIVE, LESS
from gistill.preparation import prepare, widened
from gistill.spending import Meter
from gistill.store import Store
from gistill.types import Budget, Chunk, Plan, Thread
from threads import meeting, thread

TALK = meeting(400)
QUERY = "What did they decide about the lamp?"
NOW = 1000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still: what is planned does not depend on how busy this machine is."""
    monkeypatch.setattr("gistill.preparation.time", SimpleNamespace(monotonic=lambda: NOW))


class Paced:
    """The echo engine, believed to take a second for so many tokens of prompt."""

    def __init__(self, prefill: float, focus: int) -> None:
        self._echo: Any = open_engine("echo")
        self.speed = Speed(prefill, 100 * prefill)
        self.window = 2048
        self.focus = focus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._echo, name)


def prepared(
    seconds: float | None = None,
    query: str | None = QUERY,
    prefill: float = 1000.0,
    focus: int = 2048,
    talk: Thread = TALK,
    **options: Any,
) -> tuple[tuple[Chunk, ...], Plan, Findings]:
    engine: Engine = Paced(prefill, focus)  # type: ignore[assignment]
    how = Options(**options)
    found = Findings(talk, engine, Budget(seconds=seconds), query, how, [], Meter())
    deadline = None if seconds is None else NOW + seconds
    return *prepare(found, Store(), deadline), found


def read(chunks: tuple[Chunk, ...]) -> int:
    return sum(chunk.tokens for chunk in chunks)


def test_without_a_query_everything_is_read_however_short_the_time() -> None:
    for seconds in (None, 0.5):
        chunks, plan, found = prepared(seconds, query=None)
        assert {s.id for chunk in chunks for s in chunk.segments} == {s.id for s in TALK.segments}
        assert found.unread == []
        assert LESS not in plan.given_up


def test_a_query_has_what_it_needs_in_one_chunk() -> None:
    (chunk,), plan, found = prepared()
    (unread,) = found.unread
    assert unread.reason == "not located for the query"
    assert not {s.id for s in chunk.segments} & set(unread.segments)
    assert len({s.id for s in chunk.segments} | set(unread.segments)) == len(TALK.segments)
    assert plan.given_up == ()


def test_the_less_time_the_less_is_located_and_at_last_no_model_is_asked() -> None:
    most = read(prepared()[0])
    sizes, rungs = [], []
    for seconds in (60.0, most / 1000, most / 2000, most / 4000):
        chunks, plan, found = prepared(seconds)
        assert plan.seconds <= seconds
        sizes.append(read(chunks))
        rungs.append(LESS in plan.given_up)
        assert EXTRACTIVE not in plan.given_up
        assert len(found.unread) == 1
    assert sizes[0] == most
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < most / 2
    assert rungs == [False, True, True, True]
    chunks, plan, found = prepared(0.3, prefill=10.0)
    assert plan.given_up[-1] == EXTRACTIVE
    assert LESS not in plan.given_up
    assert read(chunks) == most  # sentences are selected from all that was located
    assert len(found.unread) == 1


def test_less_is_located_before_beams_are_given_up() -> None:
    chunks, plan, _ = prepared(read(prepared()[0]) / 1500)
    assert plan.given_up == (LESS,)
    assert plan.profile == "fast"
    assert 512 <= read(chunks) < 1100


def test_an_engine_that_focuses_on_less_has_less_located_and_more_if_need_be() -> None:
    (most,), _, all_found = prepared()
    (chunk,), plan, found = prepared(focus=600)
    assert 300 < chunk.tokens <= 600 < most.tokens
    assert plan.given_up == ()
    more, unread = widened(found, chunk) or pytest.fail("there is more to read")
    assert (more.segments, unread) == (most.segments, all_found.unread)
    assert found.unread[0].tokens > unread[0].tokens
    assert widened(found, more) is None


@pytest.mark.parametrize(
    "wanted", [{"query": None}, {"locate": False}, {"max_tokens": 1024}, {"talk": meeting(60)}]
)
def test_what_is_to_be_read_whole_or_was_asked_for_is_not_narrowed(wanted: dict[str, Any]) -> None:
    chunks, _, found = prepared(focus=600, **wanted)
    assert chunks == prepared(**wanted)[0]
    assert widened(found, chunks[0]) is None


def test_sentences_are_selected_from_more_than_an_engine_focuses_on() -> None:
    chunks, plan, _ = prepared(0.3, prefill=10.0, focus=600)
    assert plan.given_up[-1] == EXTRACTIVE
    assert chunks == prepared()[0]


def test_who_wants_everything_read_gets_it_read() -> None:
    chunks, plan, found = prepared(1.0, locate=False)
    assert {s.id for chunk in chunks for s in chunk.segments} == {s.id for s in TALK.segments}
    assert LESS not in plan.given_up
    assert found.unread == []


def test_a_thread_without_words_is_refused() -> None:
    found = Findings(thread("", " "), open_engine("echo"), Budget(), None, Options(), [], Meter())
    with pytest.raises(BadInput, match="the thread holds no words"):
        prepare(found, Store(), None)
