"""What a run costs: seconds, memory and generations; and how fast engines turn out to be."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gistill.engines import Engine, Speed
from gistill.store import Store
from gistill.teacher.generation import Answer
from gistill.types import Spend

_LEAST = 0.05  # seconds: anything shorter says nothing about an engine's speed


@dataclass(slots=True)
class Meter:
    """Counts from the moment it is made."""

    started: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=time.process_time)
    _answers: list[Answer] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        self._answers.append(answer)

    def spend(self) -> Spend:
        """The account so far; tokens include those of stored answers."""
        reused = sum(answer.reused for answer in self._answers)
        return Spend(
            calls=len(self._answers) - reused,
            reused=reused,
            tokens_in=sum(answer.tokens_in for answer in self._answers),
            tokens_out=sum(answer.tokens_out for answer in self._answers),
            seconds=round(time.monotonic() - self.started, 3),
            cpu_seconds=round(time.process_time() - self._cpu, 3),
            peak_rss=peak_rss(),
        )


def speed_of(store: Store, engine: Engine) -> Speed:
    """The engine's speed as measured here, else its own first guess."""
    kept = store.speed(engine.id)
    return Speed(*kept) if kept else engine.speed


def learn_speed(store: Store, engine: Engine, answers: Sequence[Answer], seconds: float) -> None:
    """Keeps the engine's speed: what was believed, scaled to `seconds` for these answers."""
    fresh = [a for a in answers if not a.reused and a.by == engine.id]
    speed = speed_of(store, engine)
    guess = sum(a.tokens_in / speed.prefill + a.tokens_out / speed.decode for a in fresh)
    if guess > 0 and seconds > _LEAST:
        ratio = guess / seconds
        store.learn_speed(engine.id, speed.prefill * ratio, speed.decode * ratio)


def peak_rss() -> int:
    """The most memory this process has held, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
