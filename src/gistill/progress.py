"""What a run shows on stderr while it works: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from gistill.types import Done, Event, Notice, Plan, Planned, Progress, Spend


class Reporter:
    """Shows events; a context manager, so that the moving line is gone when something is printed.

    With `quiet` only notices are shown.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._tty = sys.stderr.isatty()

    def __enter__(self) -> Reporter:
        if self._tty and not self._quiet:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description:<10}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def show(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case Notice(text):
                self.say(f"note: {text}")
            case Planned(plan) if not self._quiet:
                self.say(summary_of(plan))
            case Progress(stage, done, total, reused) if not self._quiet:
                self._advance(stage, done, total, reused)
            case _:
                pass

    def say(self, text: str) -> None:
        """One line on stderr, above the moving one."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _advance(self, stage: str, done: int, total: int, reused: int) -> None:
        if self._bar is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=total)
            self._bar.update(self._tasks[stage], completed=done)
        elif done == total and total:
            stored = f", {reused} from the store" if reused else ""
            self.say(f"{stage}: {done} of {total}{stored}")


def summary_of(plan: Plan) -> str:
    """A plan in one line."""
    calls = sum(step.calls for step in plan.steps)
    parts = "part" if plan.chunks == 1 else "parts"
    seconds = f"about {plan.seconds:.0f} s" if plan.seconds >= 1 else "under a second"
    return f"plan: {plan.chunks} {parts}, {calls} generations, {plan.profile}, {seconds}"


def account_of(done: Done) -> str:
    """What a run cost and covered, in one line."""
    return (
        f"spent: {spend_of(done.spend)} (planned {done.plan.seconds:.1f} s); "
        f"read {done.coverage.share:.0%} of {done.coverage.total:,} tokens; "
        f"{done.support_rate:.0%} of sentences supported"
    )


def spend_of(spend: Spend) -> str:
    stored = f" + {spend.reused} stored" if spend.reused else ""
    return (
        f"{spend.calls}{stored} generations, {spend.tokens_in:,} tokens in, "
        f"{spend.tokens_out:,} out, {spend.seconds:.1f} s, {spend.peak_rss / 1e6:.0f} MB"
    )
