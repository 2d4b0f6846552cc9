"""What a student reads: the gold turns are there, and no more distractors than asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.distill.context import count_words, favouring, located, mixed
from gistill.retrieval.rank import Index
from gistill.segmentation.render import render
from threads import meeting

SEGMENTS = meeting(240).segments
INDEX = Index(SEGMENTS)
QUERY = "What was said about the printer?"


def gold(first: int, length: int) -> frozenset[str]:
    return frozenset(s.id for s in SEGMENTS[first : first + length])


def test_as_located_is_what_the_locator_says() -> None:
    from gistill.retrieval.locate import locate

    found = located(SEGMENTS, QUERY, 200, INDEX)
    plain = locate(SEGMENTS, QUERY, 200, count_words, INDEX)
    assert (found.segments, found.scores) == (plain.segments, plain.scores)
    assert (found.distractors, found.is_gold) == (None, ())
    assert found.text.splitlines() == [render(s) for s in plain.segments]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 230), st.integers(1, 10), st.integers(20, 400), st.floats(0, 0.8))
def test_mixed_contexts_keep_to_their_share(
    first: int, length: int, words: int, share: float
) -> None:
    wanted = gold(first, length)
    found = mixed(SEGMENTS, QUERY, words, INDEX, wanted, share)
    assert wanted & set(found.ids)
    assert found.distractors is not None
    assert found.distractors <= share + 1e-3
    assert len(found.scores) == len(found.is_gold) == len(found.segments)
    assert [s.id for s in found.segments] == sorted(found.ids)  # in thread order
    cost = sum(count_words(render(s)) + 1 for s in found.segments)
    inside = [s for s in found.segments if s.id in wanted]
    if len(inside) > 1:  # one may be longer than all that is allowed
        assert cost <= words + 1


def test_half_of_a_mixed_context_is_distractors() -> None:
    found = mixed(SEGMENTS, QUERY, 300, INDEX, gold(100, 40), 0.5)
    assert found.distractors == pytest.approx(0.5, abs=0.15)
    others = [s for s, inside in zip(found.segments, found.is_gold, strict=True) if not inside]
    ranked = [int(run) for run in INDEX.rank(QUERY).argsort()[::-1]]
    pieces = [INDEX.passages.pieces[slice(*INDEX.passages.runs[run])] for run in ranked]
    best = next(run for run in pieces if not {p.id for p in run} & gold(100, 40))
    assert {p.id for p in best} <= {s.id for s in others}  # those that mislead most


def test_gold_turns_without_words_are_as_good_as_none() -> None:
    silent = (replace(SEGMENTS[0], text="{vocalsound}"), *SEGMENTS[1:])
    found = mixed(silent, QUERY, 100, Index(silent), gold(0, 1), 0.2)
    assert found.segments
    assert found.distractors == 1


def test_without_distractors_there_is_gold_alone() -> None:
    found = mixed(SEGMENTS, QUERY, 300, INDEX, gold(100, 8), 0.0)
    assert set(found.ids) == gold(100, 8)
    assert found.distractors == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(100, 600), st.floats(0, 0.5))
def test_favouring_contexts_keep_their_length_and_know_their_gold(words: int, share: float) -> None:
    wanted = gold(20, 3)
    found = favouring(SEGMENTS, QUERY, words, INDEX, wanted, share)
    assert sum(count_words(render(s)) + 1 for s in found.segments) <= words
    total = sum(count_words(s.text) for s in found.segments)
    inside = sum(count_words(s.text) for s in found.segments if s.id in wanted)
    assert found.distractors == pytest.approx(1 - inside / total, abs=1e-4)


@pytest.mark.parametrize("place", [25, 75])
def test_where_gold_turns_do_not_all_fit_a_clue_chooses_among_them(place: int) -> None:
    rare = replace(SEGMENTS[place], text="Pelicans nest in the chimney of the town hall.")
    said = (*SEGMENTS[:place], rare, *SEGMENTS[place + 1 :])
    clue, wanted = "Pelicans nest in the chimney.", gold(20, 60)
    found = favouring(said, "What of the weather?", 150, Index(said), wanted, 0.0, clue)
    assert rare.id in found.ids
    assert found.distractors is not None
    assert found.distractors < 0.5
    others = wanted - set(found.ids)
    assert len(others) > 30  # it was a choice


def test_favoured_passages_are_there_when_the_locator_would_not_find_them() -> None:
    query, wanted = "What of the weather?", gold(100, 8)
    plain = located(SEGMENTS, query, 120, INDEX, wanted)
    wished = favouring(SEGMENTS, query, 300, INDEX, wanted, 0.0)
    assert plain.distractors is not None
    assert wished.distractors is not None
    assert wished.distractors < plain.distractors
    assert INDEX.rank(query).tolist() == Index(SEGMENTS).rank(query).tolist()  # left as it was
