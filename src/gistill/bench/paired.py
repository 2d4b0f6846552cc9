"""How sure a mean or a difference is: a bootstrap over meetings.

Questions about one meeting share its transcript and its annotator, so they are not independent:
whole meetings are drawn, with replacement, with all their questions (a cluster bootstrap:
Field & Welsh 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistill.errors import BadInput

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions and the percentiles 2.5 and 97.5 of it over resampled meetings."""

    mean: float
    low: float
    high: float
    queries: int
    meetings: int

    @property
    def clear(self) -> bool:
        """Whether 0 lies outside: for a difference, whether one system is clearly better."""
        return self.low > 0 or self.high < 0


def interval(
    values: NDArray[np.float64],
    meetings: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of `values`, one a question, with its 95 % interval; the same seed, the same.

    Raises: BadInput if there are no values, or not one meeting a value.
    """
    if not len(values) or len(values) != len(meetings):
        raise BadInput(f"{len(values)} scores for {len(meetings)} questions; nothing to compare")
    names, index = np.unique(np.asarray(meetings), return_inverse=True)
    sums = np.bincount(index, weights=values, minlength=len(names))
    counts = np.bincount(index, minlength=len(names))
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=resamples
    )
    low, high = np.percentile((draws @ sums) / (draws @ counts), (2.5, 97.5))
    return Interval(float(np.mean(values)), float(low), float(high), len(values), len(names))


def difference(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    meetings: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """`ours - theirs` on the same questions in the same order, as an `interval`.

    Raises: BadInput if the two are not of the same questions.
    """
    if len(ours) != len(theirs):
        raise BadInput(f"{len(ours)} scores against {len(theirs)}: not the same questions")
    return interval(np.asarray(ours) - theirs, meetings, resamples=resamples, seed=seed)
