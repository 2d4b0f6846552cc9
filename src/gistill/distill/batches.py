"""Which rows are seen together, and when."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from gistill.distill.settings import Settings
from gistill.distill.student import by_length

_WINDOW = 40  # batches among which rows are sorted by length


def plan_steps(
    lengths: Sequence[int], settings: Settings, processes: int = 1
) -> list[list[list[int]]]:
    """The rows of every pass of every step, as indices into `lengths` (tokens of each row).

    A step has `settings.accumulate` passes for each of the processes, the last one perhaps fewer.
    """
    epochs = math.ceil(settings.epochs) if not settings.max_steps else None
    each = settings.accumulate * processes
    passes: list[list[int]] = []
    epoch = 0
    while epoch < epochs if epochs is not None else len(passes) < settings.max_steps * each:
        passes += plan_batches(lengths, settings, epoch)
        epoch += 1
    if settings.max_steps:
        passes = passes[: settings.max_steps * each]
    else:
        passes = passes[: max(1, round(len(passes) * settings.epochs / epoch))]
    return [passes[at : at + each] for at in range(0, len(passes), each)]


def plan_batches(lengths: Sequence[int], settings: Settings, epoch: int) -> list[list[int]]:
    """One epoch's batches: similar lengths together, their order and make-up new each epoch.
    Packed rows need not be alike, but take their places in the sequence in any order."""
    draw = random.Random(f"{settings.seed}/{epoch}")
    order = list(range(len(lengths)))
    draw.shuffle(order)
    if settings.batching == "pack":
        return _packs(order, lengths, settings.batch_tokens)
    batches = []
    window = max(1, _WINDOW * settings.batch_tokens // max(1, sum(lengths) // len(lengths)))
    for start in range(0, len(order), window):
        some = order[start : start + window]
        batches += [
            [some[i] for i in batch]
            for batch in by_length([lengths[i] for i in some], settings.batch_tokens)
        ]
    draw.shuffle(batches)
    return batches


def _packs(order: Sequence[int], lengths: Sequence[int], most: int) -> list[list[int]]:
    packs: list[list[int]] = []
    used = most
    for i in order:
        if not packs or used + lengths[i] > most:
            packs.append([])
            used = 0
        packs[-1].append(i)
        used += lengths[i]
    return packs


def rate(step: int, steps: int, warmup: float) -> float:
    """The share of the learning rate: linear warm-up to 1, then a half cosine to 0."""
    rise = max(1, int(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
