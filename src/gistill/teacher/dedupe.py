"""Folds sentences that say the same into the earliest one, and keeps what it folded and why.

Exact: the all-pairs search is one matrix product over a short projection whose last coordinate
holds the norm that the projection lost, so its product bounds the true cosine from above; only
pairs over the threshold by that bound are looked at in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gistill.numbers import numbers
from gistill.retrieval.embed import embed
from gistill.types import Claim, Merge

Vectors = npt.NDArray[np.float32]

_SHORT = 48  # dimensions of the projection
_BLOCK = 2048  # rows compared at once: two blocks of products stay in the cache
_NEGATION = re.compile(r"\b(?:not|no|never|without|n't|nicht|kein\w*|pas|nunca)\b|n't\b", re.I)


def dedupe(
    parts: Sequence[Sequence[Claim]], *, threshold: float = 0.92
) -> tuple[tuple[Claim, ...], ...]:
    """The claims of each part, without those that an earlier claim already says.

    `parts` holds the claims of each chunk in thread order. A claim is folded into the earliest
    kept one with the same words, else into the most similar kept one at a cosine of at least
    `threshold`; sentences whose numbers or negations differ are never the same. The kept claim
    cites the union of what was folded into it and lists it in `merged`. What is kept of the first
    n parts does not depend on the parts after them, except for those citations.
    """
    claims = [claim for part in parts for claim in part]
    target = _targets([claim.text for claim in claims], threshold)
    merged: dict[int, list[Merge]] = {}
    for index, (into, score) in target.items():
        claim = claims[index]
        reason = "exact" if score == 1.0 else "similar"
        merge = Merge(claim.text, claim.cites, score, reason)  # type: ignore[arg-type]
        merged.setdefault(into, []).extend([merge, *claim.merged])
    kept: list[tuple[Claim, ...]] = []
    start = 0
    for part in parts:
        row = range(start, start + len(part))
        kept.append(tuple(_folded(claims[i], merged.get(i, [])) for i in row if i not in target))
        start += len(part)
    return tuple(kept)


def _folded(claim: Claim, merges: list[Merge]) -> Claim:
    if not merges:
        return claim
    cites = dict.fromkeys([*claim.cites, *(c for m in merges for c in m.cites)])
    return replace(claim, cites=tuple(sorted(cites)), merged=(*claim.merged, *merges))


def _targets(texts: list[str], threshold: float) -> dict[int, tuple[int, float]]:
    """For each text that is folded: the index of the kept text it is folded into, and the score."""
    target: dict[int, tuple[int, float]] = {}
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        plain = " ".join(re.findall(r"\w+", text.casefold())) or text
        if plain in first:
            target[index] = (first[plain], 1.0)
        else:
            first[plain] = index
    alone = list(first.values())
    if len(alone) > 1 and threshold <= 1.0:
        facts = [(numbers(texts[i]), bool(_NEGATION.search(texts[i]))) for i in alone]
        close: dict[int, list[tuple[float, int]]] = {}
        for i, j, score in _pairs(embed([texts[i] for i in alone]), threshold):
            if facts[i] == facts[j]:
                close.setdefault(j, []).append((score, i))
        gone: dict[int, tuple[int, float]] = {}
        for j in sorted(close):
            best = max(((s, -i) for s, i in close[j] if i not in gone), default=None)
            if best:
                gone[j] = (-best[1], min(best[0], 0.9999))
        target |= {alone[j]: (alone[i], round(s, 4)) for j, (i, s) in gone.items()}
    # An exact copy of a sentence that was itself folded follows it.
    return {
        i: (target[into][0], target[into][1] if score == 1.0 else score)
        if into in target
        else (into, score)
        for i, (into, score) in target.items()
    }


def _pairs(vectors: Vectors, threshold: float) -> Iterator[tuple[int, int, float]]:
    """All i < j whose rows have a cosine of at least `threshold`, with it."""
    short = _bounded(vectors)
    for top in range(0, len(vectors), _BLOCK):
        rows = short[top : top + _BLOCK]
        for left in range(0, top + 1, _BLOCK):
            bound = short[left : left + _BLOCK] @ rows.T
            # On the flat view: finding the few hits in two dimensions takes far longer.
            hits = np.flatnonzero(bound.ravel() >= threshold - 1e-5)
            first, second = left + hits // len(rows), top + hits % len(rows)
            first, second = first[first < second], second[first < second]
            scores = np.einsum("ij,ij->i", vectors[first], vectors[second])
            sure = scores >= threshold
            yield from zip(
                first[sure].tolist(), second[sure].tolist(), scores[sure].tolist(), strict=True
            )


def _bounded(vectors: Vectors) -> Vectors:
    if vectors.shape[1] <= _SHORT or len(vectors) <= _BLOCK:
        return vectors
    sample = vectors[:: max(1, len(vectors) // 5000)]
    _, axes = np.linalg.eigh(sample.T @ sample)
    near = vectors @ axes[:, -_SHORT:].astype(np.float32)
    lost = np.sqrt(np.clip(1.0 - (near * near).sum(axis=1), 0.0, None))
    return np.concatenate([near, lost[:, None]], axis=1).astype(np.float32)
