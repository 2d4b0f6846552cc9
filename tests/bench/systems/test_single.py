from __future__ import annotations

from dataclasses import replace

import pytest

from gistill.bench.qmsum import Query
from gistill.bench.systems import Options, open_system
from gistill.errors import BadInput
from gistill.types import Segment


def test_one_pass_over_located_turns(queries: list[Query]) -> None:
    system = open_system("student", Options(engine="extractive", max_seq_len=120))
    query = next(q for q in queries if "chip" in q.question.text)
    output = system.answer(query.meeting, query.question)
    assert "chip" in output.summary
    assert output.cites
    assert output.tokens_in > 0


def test_only_what_fits_is_located(queries: list[Query]) -> None:
    query = queries[0]
    long = replace(query.meeting, segments=_long(query.meeting.segments))
    located = open_system("student", Options(engine="echo", max_seq_len=300))
    output = located.answer(long, query.question)
    assert output.tokens_in < 700
    whole = open_system("student", Options(engine="echo", locate=False))
    with pytest.raises(BadInput, match="leave out --read-all"):
        whole.answer(long, query.question)


def test_openai_needs_a_server() -> None:
    with pytest.raises(BadInput, match="openai:URL#model"):
        open_system("openai", Options(engine="echo"))


def _long(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    return tuple(replace(segment, id=f"s{i:06d}") for i, segment in enumerate(segments * 400))
