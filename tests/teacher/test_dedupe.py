"""Folding: what is the same goes, what only looks the same stays, and nothing is forgotten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.retrieval.embed import embed
from gistill.teacher import dedupe as module
from gistill.teacher.dedupe import dedupe
from gistill.types import Claim

TEXTS = [
    "The budget was cut by five percent.",
    "The budget was cut by 5 percent.",
    "The budget was cut by seven percent.",
    "The budget was not cut by five percent.",
    "Ada will write the report.",
    "the budget was cut by five percent",
    "The remote control will be made of rubber.",
    "The remote control will be made of rubber, then.",
]
parts = st.lists(
    st.lists(st.sampled_from(TEXTS), max_size=5), max_size=5
).map(
    lambda ps: [
        [Claim(text, (f"s{i:03d}{j:03d}",), 0.9) for j, text in enumerate(part)]
        for i, part in enumerate(ps)
    ]
)  # fmt: skip


@given(parts, st.sampled_from([0.8, 0.92, 1.0]))
@settings(max_examples=60, deadline=None)
def test_every_claim_is_kept_or_merged_and_cites_are_the_union(claims, threshold):
    kept = dedupe(claims, threshold=threshold)
    assert len(kept) == len(claims)
    heard = []
    for claim in (c for part in kept for c in part):
        cited = {cite for merge in claim.merged for cite in merge.cites}
        assert set(claim.cites) >= cited
        heard += [claim.text, *(merge.text for merge in claim.merged)]
        own = set(claim.cites) - cited
        assert len(own) <= 1  # every claim of this test starts with one citation
    assert sorted(heard) == sorted(c.text for part in claims for c in part)


@given(parts, parts)
@settings(max_examples=60, deadline=None)
def test_later_parts_do_not_change_what_is_kept_of_earlier_ones(before, more):
    alone = dedupe(before)
    longer = dedupe(before + more)[: len(before)]
    assert [[c.text for c in p] for p in longer] == [[c.text for c in p] for p in alone]


def test_numbers_and_negations_keep_sentences_apart():
    claims = [[Claim(text, (f"s{i}",), 1.0)] for i, text in enumerate(TEXTS[:4])]
    kept = [c.text for part in dedupe(claims, threshold=0.6) for c in part]
    assert kept == [TEXTS[0], TEXTS[2], TEXTS[3]]


def test_a_merge_says_why_and_at_what_score():
    claims = [[Claim(TEXTS[0], ("s1",), 1.0), Claim(TEXTS[5], ("s2",), 1.0)]]
    ((claim,),) = dedupe(claims)
    (merge,) = claim.merged
    assert (merge.reason, merge.score, merge.cites) == ("exact", 1.0, ("s2",))
    assert claim.cites == ("s1", "s2")
    similar = [[Claim(TEXTS[6], ("s1",), 1.0)], [Claim(TEXTS[7], ("s2",), 1.0)]]
    (first,), second = dedupe(similar, threshold=0.8)
    assert second == ()
    assert first.merged[0].reason == "similar"
    assert 0.8 <= first.merged[0].score < 1


@pytest.mark.parametrize("threshold", [0.7, 0.9])
def test_blocked_search_finds_the_pairs_of_the_plain_product(monkeypatch, threshold):
    monkeypatch.setattr(module, "_BLOCK", 16)
    rng = np.random.default_rng(3)
    words = np.array(
        [
            "the",
            "budget",
            "launch",
            "printer",
            "moved",
            "cut",
            "late",
            "Ada",
            "report",
            "week",
            "ship",
        ]
    )
    texts = [" ".join(rng.choice(words, 6)) for _ in range(150)]
    vectors = embed(texts)
    product = vectors @ vectors.T
    expected = {tuple(p) for p in np.argwhere(np.triu(product, 1) >= threshold).tolist()}
    found = {(i, j) for i, j, _ in module._pairs(vectors, threshold)}
    near = {tuple(p) for p in np.argwhere(abs(product - threshold) < 1e-5).tolist()}
    assert found - near == expected - near
    assert len(expected) > 10
