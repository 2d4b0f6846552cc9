"""What a run costs: generations and tokens, stage by stage, and the time and memory of it all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from gistill.cost import Cost as Cost
from gistill.cost import CostTracker as CostTracker
from gistill.speeds import learn_speed as learn_speed
from gistill.speeds import speed_of as speed_of
from gistill.teacher.generation import Answer
from gistill.types import Spend, Step

StageName = Literal["single", "local", "fuse"]


@dataclass(slots=True)
class _Stage:
    """The account of one stage so far; `began` is when it was last entered, if it is under way."""

    name: StageName
    level: int
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    began: float | None = None

    def step(self) -> Step:
        answers, began = tuple(self.answers), self.began
        more = 0.0 if began is None else time.monotonic() - began
        return Step(
            self.name,
            self.level,
            len(answers),
            sum(answer.tokens_in for answer in answers),
            sum(answer.tokens_out for answer in answers),
            round(self.seconds + more, 3),
        )


@dataclass(slots=True)
class Meter:
    """Counts from the moment it is made."""

    started: float = field(default_factory=time.monotonic)
    _tracker: CostTracker = field(default_factory=lambda: CostTracker().start())
    _answers: list[Answer] = field(default_factory=list)
    _stages: dict[tuple[StageName, int], _Stage] = field(default_factory=dict)
    _stage: _Stage | None = None

    def add(self, answer: Answer) -> None:
        """Counts an answer, and for the stage that is under way, if any."""
        self._answers.append(answer)
        if self._stage is not None:
            self._stage.answers.append(answer)

    @contextmanager
    def stage(self, name: StageName, level: int) -> Iterator[None]:
        """What happens inside is the account of this stage of the plan."""
        before = self._stage
        stage = self._stages.setdefault((name, level), _Stage(name, level))
        self._stage, stage.began = stage, time.monotonic()
        try:
            yield
        finally:
            stage.seconds += time.monotonic() - stage.began
            self._stage, stage.began = before, None

    def spent(self) -> tuple[Step, ...]:
        """The stages in the order they began, to lay beside those of the plan.

        Calls and tokens include those of stored answers, which took no time. A run that goes on
        in another thread meanwhile does no harm.
        """
        return tuple(stage.step() for stage in tuple(self._stages.values()))

    def spend(self) -> Spend:
        """The account so far; tokens include those of stored answers."""
        reused = sum(answer.reused for answer in self._answers)
        cost = self._tracker.cost()
        return Spend(
            calls=len(self._answers) - reused,
            reused=reused,
            tokens_in=sum(answer.tokens_in for answer in self._answers),
            tokens_out=sum(answer.tokens_out for answer in self._answers),
            seconds=round(time.monotonic() - self.started, 3),
            cpu_seconds=cost.cpu_seconds,
            peak_rss=cost.peak_rss,
            peak_vram=cost.peak_vram,
            joules=cost.joules,
        )
