"""A child process that answers numbered questions in lines of JSON."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from gistill.errors import EngineFailed

Message = dict[str, Any]


class Child:
    """Sends questions, and puts each answer in the queue that its question came with.

    An answer names its question under "done", or under "more" if others to it will follow. When
    the child ends, or sends {"failed": why} with "done": null, every open question gets
    {"failed": why} and no further one is taken.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        self._open: dict[int, SimpleQueue[Message]] = {}
        self._lock = threading.Lock()
        self._failed: str | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._failed is None

    def ask(self, number: int, question: Message, answers: SimpleQueue[Message]) -> None:
        """Raises: EngineFailed if the child has ended."""
        with self._lock:
            if self._failed is not None:
                raise EngineFailed(self._failed)
            self._open[number] = answers
        self.tell(question)

    def tell(self, message: Message) -> None:
        """Sends what has no answer of its own."""
        assert self._process.stdin is not None
        # A child that has ended is the reader's to notice; a closed one needs nothing any more.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Ends the child at once: it has nothing to lose."""
        self._process.kill()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        why = None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "more" in answer:
                if answers := self._open.get(answer["more"]):
                    answers.put(answer)
                continue
            number = answer.get("done")
            if number is None:
                why = answer["failed"]
            elif answers := self._open.pop(number, None):
                answers.put(answer)
        code = self._process.wait()
        with self._lock:
            self._failed = why or self._last_words(code)
            for answers in self._open.values():
                answers.put({"failed": self._failed})
            self._open.clear()

    def _last_words(self, code: int) -> str:
        if code < 0:
            want = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
            return f"it was ended by signal {-code} ({signal.strsignal(-code)}){want}"
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][-300:] if lines else f"it ended with code {code}"
