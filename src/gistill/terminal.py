"""Bars that move on a terminal, and lines of text above them; all of it on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self


class Bars:
    """A bar for each name that is moved; a context manager, after which they are gone.

    Off a terminal, and unless `shown`, there are none, which `moving` says.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self.shown = shown
        self._drawn: Any = None
        self._tasks: dict[str, Any] = {}

    @property
    def moving(self) -> bool:
        return self._drawn is not None

    def __enter__(self) -> Self:
        if self.shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeElapsedColumn as Elapsed
            from rich.progress import TimeRemainingColumn as Remaining

            columns = (BarColumn(bar_width=30), MofNCompleteColumn(), Elapsed(), Remaining())
            text = TextColumn("{task.description:<10}")
            console = Console(stderr=True)
            self._drawn = Progress(text, *columns, console=console, transient=True)
            self._drawn.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None

    def move(self, name: str, done: int, total: int, text: str | None = None) -> None:
        """Moves the bar called `name` to `done` of `total`; it reads `text`, else its name."""
        if self._drawn is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._drawn.add_task(name, total=total)
        self._drawn.update(self._tasks[name], completed=done, total=total, description=text or name)

    def say(self, text: str) -> None:
        """One line, above the bars."""
        if self._drawn is not None:
            self._drawn.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)
