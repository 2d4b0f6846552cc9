"""A lock between processes that dies with its holder."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file `path` for the length of the block.

    `waiting` is called once if another process holds it. The file stays behind: removing it
    would let two holders lock two different files of the same name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        said = False
        while True:
            try:
                _try(file.fileno())
                break
            except OSError:
                if not said:
                    waiting()
                    said = True
                time.sleep(0.2)
        yield
