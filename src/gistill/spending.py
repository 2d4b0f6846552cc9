"""What a run costs: wall and CPU seconds, peak memory, and the generations it made."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from gistill.teacher.generation import Answer
from gistill.types import Spend


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


def peak_rss() -> int:
    """The most memory this process has held, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
