"""Asking the engine what a stage needs of it, within the stage's share of the time."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gistill.findings import Findings
from gistill.prompts import Task, template
from gistill.speeds import learn_speed, seconds_for
from gistill.store import Store
from gistill.teacher.generation import Answer, Generation
from gistill.types import Event, Progress, Request

T = TypeVar("T")
Stage = Generator[Event, None, T]  # yields events as it works, returns what it made


@dataclass(frozen=True, slots=True)
class Asking:
    """What the stages of one run ask through; `found` learns what that costs and what is lost."""

    found: Findings
    store: Store
    generation: Generation

    def answers(
        self, requests: Sequence[Request], stage: str, task: Task, share: float
    ) -> Stage[list[Answer]]:
        """Answers to `requests` within `share` of the time that is left."""
        started, deadline = time.monotonic(), self.found.until(share)
        version = template(task).version
        answers: list[Answer] = []
        yield Progress(stage, 0, len(requests))
        for answer in self.generation.answers(
            requests, stage=stage, version=version, deadline=deadline
        ):
            self.found.meter.add(answer)
            answers.append(answer)
            reused = sum(a.reused for a in answers)
            yield Progress(stage, len(answers), len(requests), reused)
        took, beams = time.monotonic() - started, max((r.beams for r in requests), default=1)
        allowed = max((r.max_tokens for r in requests), default=0)
        learn_speed(self.store, self.found.engine, answers, took, beams=beams, allowed=allowed)
        degraded = dict.fromkeys(text for answer in answers for text in answer.degraded)
        gaps = dict.fromkeys(answer.gap for answer in answers if answer.gap)
        broken = dict.fromkeys(a.gap for a in answers if a.gap and a.failed == "broken")
        self.found.failures += [f"{stage}: {gap}" for gap in broken]
        for text in [*degraded, *(f"{stage}: {gap}" for gap in gaps)]:
            if text not in self.found.notices:
                yield self.found.notice(text)
        return answers

    def in_time(self, requests: Sequence[Request], tokens_in: int, until: float | None) -> bool:
        """Whether `requests`, with so many tokens in all, are likely to be answered by `until`."""
        if until is None:
            return True
        took = seconds_for(self.store, self.found.engine, requests, tokens_in)
        return time.monotonic() + took <= until
