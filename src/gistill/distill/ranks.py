"""The processes of one training: one, or as many as `accelerate launch` started.

Each takes its share of a step's passes; gradients are summed over all, so that every process makes
the same step, the one that a single process with as many accumulated passes would make.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process's number, out of how many, and its device (None: the caller's choice)."""

    rank: int = 0
    size: int = 1
    device: str | None = None

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def add(self, tensors: Sequence[Any]) -> None:
        """Replaces each tensor by its sum over all processes."""
        if self.size > 1:
            import torch.distributed as distributed

            for tensor in tensors:
                distributed.all_reduce(tensor)

    def share(self, items: Sequence[T]) -> list[T]:
        """This process's part of `items`."""
        return list(items[self.rank :: self.size])

    def gather(self, mine: Sequence[T]) -> list[T]:
        """All items again, in order, from what every process made of its `share`."""
        if self.size == 1:
            return list(mine)
        import torch.distributed as distributed

        parts: list[Any] = [None] * self.size
        distributed.all_gather_object(parts, list(mine))
        total = sum(map(len, parts))
        return [parts[i % self.size][i // self.size] for i in range(total)]


def join(device: str | None = None) -> Ranks:
    """The processes that `accelerate launch` started with this one, connected."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks()
    from accelerate import PartialState

    state = PartialState(cpu=True) if device == "cpu" else PartialState()
    where = str(state.device) if state.device.type == "cuda" else state.device.type
    return Ranks(state.process_index, state.num_processes, where)
