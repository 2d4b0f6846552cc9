"""What a training shows on stderr while it runs: a moving line on a terminal, plain lines
elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from gistill.distill.run import Note


class LossLine:
    """Shows notes of a training; a context manager. Silent unless `shown`."""

    def __init__(self, *, shown: bool = True) -> None:
        self._shown = shown
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> LossLine:
        if self._shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeElapsedColumn as Elapsed
            from rich.progress import TimeRemainingColumn as Remaining

            columns = (BarColumn(bar_width=30), MofNCompleteColumn(), Elapsed(), Remaining())
            text = TextColumn("{task.description}")
            console = Console(stderr=True)
            self._bar = Progress(text, *columns, console=console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("loss", total=None)
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

    def show(self, note: Note) -> None:
        """The loss on the moving line, scores above it."""
        if "loss" not in note:
            words = "" if "words" not in note else f", {note['words']} words an answer"
            self.say(
                f"step {note['step']}: ROUGE-Lsum {note['rougeLsum']}, -1 {note['rouge1']}, "
                f"-2 {note['rouge2']}{words}"
            )
        elif self._bar is not None:
            self._bar.update(
                self._task,
                completed=note["step"],
                total=note["of"],
                description=f"loss {note['loss']:.3f}",
            )
        else:
            took = note["seconds"]
            self.say(f"step {note['step']} of {note['of']}: loss {note['loss']:.3f}, {took:.0f} s")

    def say(self, text: str) -> None:
        """One line on stderr, above the moving one."""
        if not self._shown:
            return
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)
