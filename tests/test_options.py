"""Settings of a run: what is refused, and how much material a prompt may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill import prompts
from gistill.engines import open_engine
from gistill.errors import BadInput
from gistill.options import Options, chunk_size, room


@pytest.mark.parametrize("name", ["local_len", "global_len", "max_tokens"])
def test_lengths_are_at_least_one(name):
    assert getattr(Options(**{name: 1}), name) == 1
    with pytest.raises(BadInput, match=f"{name} is 0; give at least 1"):
        Options(**{name: 0})


def test_an_overlap_may_be_none_but_not_less():
    assert Options(overlap=0).overlap == 0
    with pytest.raises(BadInput, match="overlap is -1"):
        Options(overlap=-1)


@pytest.mark.parametrize("name", ["dedupe_thr", "support_thr", "image_share"])
@given(value=st.floats())
def test_thresholds_are_from_0_to_1(name, value):
    if 0 <= value <= 1:
        assert getattr(Options(**{name: value}), name) == value
    else:
        with pytest.raises(BadInput, match=name):
            Options(**{name: value})


@given(st.integers(1, 400), st.integers(1, 400), st.none() | st.text(max_size=40))
def test_material_prompt_and_answer_fit_the_context(local_len, global_len, query):
    engine = open_engine("echo:context=2000")
    options = Options(local_len=local_len, global_len=global_len)
    material = "x" * 4 * room(options, engine, global_len, query)  # a token is four bytes
    for name in ("query", "fuse_query") if query else ("whole", "local", "fuse"):
        prompt = prompts.template(name).render(material, query=query, words=999)
        assert engine.count(prompt) + max(local_len, global_len) <= engine.context


def test_a_longer_summary_a_question_and_a_chat_template_take_room():
    engine, options = open_engine("echo"), Options()
    most = room(options, engine, 200, None)
    assert room(options, engine, 300, None) == most - 100
    assert room(options, engine, 20, None) == most + 72  # local summaries need their 128
    assert room(options, engine, 200, "What of it?" * 50) < most
    engine.overhead = 30
    assert room(options, engine, 200, None) == most - 30


def test_the_window_is_taken_unless_the_context_is_smaller():
    assert chunk_size(Options(), open_engine("echo:window=700"), 200) == 700
    tight = open_engine("echo:context=900,window=900")
    assert chunk_size(Options(), tight, 200) == room(Options(), tight, 200, None) < 900


def test_a_size_asked_for_is_kept_or_refused_with_the_most_there_is():
    engine = open_engine("echo:context=2000")
    most = room(Options(), engine, 200, None)
    assert chunk_size(Options(max_tokens=most), engine, 200) == most
    with pytest.raises(BadInput, match=f"leaves room for {most}"):
        chunk_size(Options(max_tokens=most + 1), engine, 200)


def test_a_context_that_the_prompt_alone_fills_is_refused():
    with pytest.raises(BadInput, match="leaves no room"):
        chunk_size(Options(), open_engine("echo:context=210"), 200)
