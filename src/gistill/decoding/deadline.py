"""Work that must not be late.

A prefill, a slow file system or a busy machine can hold a call longer than it said it would take.
So work with a deadline runs in a thread of its own, which is left behind when the time is up: what
it had handed over by then is the answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Emit = Callable[[T], None]


class Abandoned(Exception):
    """Raised in work that nobody waits for any longer, when it next hands something over."""


class _End(Exception):
    """The work is done."""


def until(deadline: float | None, work: Callable[[Emit[T]], None]) -> Iterator[T]:
    """Yields what `work(emit)` emits, until it ends or `deadline` (`time.monotonic()`) passes.

    What was emitted before the deadline is always yielded, and what `work` raises is raised here.
    The thread that runs `work` is a daemon and is not waited for after the deadline, nor when this
    iterator is closed: it stops at its next `emit`, which raises `Abandoned`.
    """
    handed: SimpleQueue[T | BaseException] = SimpleQueue()
    over = threading.Event()

    def emit(item: T) -> None:
        if over.is_set():
            raise Abandoned
        handed.put(item)

    def run() -> None:
        try:
            work(emit)
            handed.put(_End())
        except Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001
            handed.put(error)  # raised again by the reader

    threading.Thread(target=run, name="gistill-work", daemon=True).start()
    try:
        while True:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                item = handed.get(timeout=wait)
            except Empty:
                return
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        over.set()
