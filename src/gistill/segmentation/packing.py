"""Runs of neighbours within a limit: how segments become chunks, and summaries groups to fuse."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def fill(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Index ranges [start, end) of runs filled from the start, each of at most `room`.

    Filling from the start keeps every run but the last where it is when more is appended. An item
    larger than `room` is a run of its own.
    """
    runs: list[tuple[int, int]] = []
    start = used = 0
    for index, size in enumerate(sizes):
        if index > start and used + size > room:
            runs.append((start, index))
            start, used = index, 0
        used += size
    if len(sizes) > start:
        runs.append((start, len(sizes)))
    return runs


def middle(sizes: Sequence[int]) -> int:
    """Where to split two or more items so that both sides differ least; neither side is empty."""
    total = sum(sizes)
    used = list(itertools.accumulate(sizes[:-1]))
    return min(range(len(used)), key=lambda i: abs(total - 2 * used[i])) + 1
