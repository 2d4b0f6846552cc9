"""What happens at each decoding step of transformers: penalties, the deadline, and the ending."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    StoppingCriteria,
)

from gistill.engines.growth import closes, legible, winding_down
from gistill.types import Request

FADE = 0.8  # how fast a slow step is forgotten


class Late(Exception):
    """The deadline passed while the prompt was read."""


class Watch(StoppingCriteria):
    """Follows a batch while it is written: stops it at `deadline`, stops a row that has come to a
    good end, and shows what the rows hold.

    The deadline rings when one more step would be too late, a step being taken to last as long as
    the slowest lately; `step` is that in seconds, given for the first and learnt from then on.
    `first` is when the first step was done, `rang` whether the deadline ended the batch.

    Several tokens may come in one step, with speculation, and several sequences a row, with beams:
    then `show(row, text)` is never called.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        skip: int,
        ends: frozenset[int],
        decode: Callable[[list[int]], str],
        deadline: float | None,
        step: float,
        show: Callable[[int, str], None] | None,
    ) -> None:
        self.requests, self.skip, self.ends, self.decode = requests, skip, ends, decode
        self.deadline, self.step = deadline, step
        self.show = show if requests[0].beams == 1 else None
        self.first: float | None = None
        self.rang = False
        self._ended: list[list[list[int]]] = [[] for _ in requests]
        self._last = 0.0
        self._closed: set[int] = set()
        self._seen = 0
        self._shown = [""] * len(requests)
        self._hooks: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        now = time.monotonic()
        if self.first is None:
            self.first = now
            self.release()
        else:
            self.step = max(now - self._last, FADE * self.step)
        self._last = now
        written = input_ids.shape[1] - self.skip
        done = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        if self.show or any(winding_down(r, written) for r in self.requests):
            answers = input_ids[:, self.skip :].tolist()
            follow = self._follow_beams if self.requests[0].beams > 1 else self._follow_rows
            done = torch.tensor(follow(answers), device=input_ids.device)
        self._seen = written
        self.rang = self.deadline is not None and time.monotonic() + self.step >= self.deadline
        return done | self.rang

    def ending(self, row: int, ids: list[int]) -> int | None:
        """After how many tokens winding down ended the answer `ids`; None if it did not."""
        return next((len(end) for end in self._ended[row] if ids[: len(end)] == end), None)

    def guard(self, model: Any) -> None:
        """Makes `model` raise `Late` when the deadline passes before the first step is done.

        It looks before each layer, so this holds on a CPU; a GPU works long after Python has
        passed by.
        """
        if self.deadline is not None:
            leaves = (module for module in model.modules() if not any(module.children()))
            self._hooks = [leaf.register_forward_pre_hook(self._look) for leaf in leaves]

    def release(self) -> None:
        """Takes back `guard`."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _look(self, module: Any, arguments: Any) -> None:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise Late

    def _follow_rows(self, answers: list[list[int]]) -> list[bool]:
        for row, ids in enumerate(answers):
            for size in range(self._seen + 1, len(ids) + 1):
                if row not in self._closed:
                    self._grow(row, ids[:size])
        return [row in self._closed for row in range(len(answers))]

    def _grow(self, row: int, ids: list[int]) -> None:
        request = self.requests[row]
        if not self.ends.isdisjoint(ids):
            self._closed.add(row)
            return
        ending = winding_down(request, len(ids))
        if not ending and not self.show:
            return
        text = self.decode(ids)
        if self.show and (seen := legible(text)) and seen != self._shown[row]:
            self._shown[row] = seen
            self.show(row, seen)
        if ending and closes(text):
            self._closed.add(row)
            self._ended[row].append(ids)

    def _follow_beams(self, answers: list[list[int]]) -> list[bool]:
        """A beam that closes is a finished hypothesis, as if it had written the end token."""
        done = []
        for place, ids in enumerate(answers):
            row = place * len(self.requests) // len(answers)
            ending = winding_down(self.requests[row], len(ids))
            done.append(ending and ids[-1] not in self.ends and closes(self.decode(ids)))
            if done[-1]:
                self._ended[row].append(ids)
        return done


class _AnswerOnly(LogitsProcessor):
    """Shows another processor the ids after the first `skip`."""

    def __init__(self, inner: LogitsProcessor, skip: int) -> None:
        self.inner, self.skip = inner, skip

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        return self.inner(input_ids[:, self.skip :], scores)


def penalties(request: Request, skip: int) -> LogitsProcessorList:
    """Those that `request` asks for, over the answer alone, which begins at `skip`."""
    chosen: list[LogitsProcessor] = []
    if request.repetition_penalty != 1.0:
        chosen.append(RepetitionPenaltyLogitsProcessor(float(request.repetition_penalty)))
    if request.no_repeat_ngram > 0:
        chosen.append(NoRepeatNGramLogitsProcessor(request.no_repeat_ngram))
    return LogitsProcessorList([_AnswerOnly(processor, skip) for processor in chosen])
