"""What happens at each greedy step of CTranslate2: the deadline, the ending, and what is shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gistill.engines import OnText
from gistill.engines.growth import closes, legible, winding_down
from gistill.types import Request

FADE = 0.8  # how fast a slow step is forgotten


class Bell:
    """Called by CTranslate2, in a thread of its own, at each greedy step of each row of a batch;
    a true answer ends the row. A row is a request with its place in the caller's sequence.

    It rings when one more step would end after `deadline`, a step being taken to last as long as
    the slowest lately; `step` is that in seconds. `ended` has the rows that were wound down.

    It must not lead to the model: the last one to let go of it may be the model's own thread, which
    cannot wait for itself to end.
    """

    def __init__(
        self,
        rows: Sequence[tuple[int, Request]],
        tokenizer: Any,
        deadline: float | None,
        step: float,
        shows: bool,
    ) -> None:
        self.step = step
        self.cancelled = False
        self.rang = False
        self.ended: set[int] = set()
        self._rows, self._tokenizer, self._deadline, self._shows = rows, tokenizer, deadline, shows
        self._tokens: list[list[str]] = [[] for _ in rows]
        self._texts: dict[int, str] = {}  # not handed over yet
        self._shown = [""] * len(rows)
        self.first: float | None = None  # when the first step was done
        self._at = -1
        self._last = 0.0

    def __call__(self, step: Any) -> bool:
        self._time(step.step)
        row: int = step.batch_id
        (_, request), tokens = self._rows[row], self._tokens[row]
        tokens.append(step.token)
        ending = winding_down(request, len(tokens))
        if ending or self._shows:
            text = decoded(self._tokenizer, tokens)
            if self._shows:
                self._texts[row] = legible(text)
            if ending and closes(text):
                self.ended.add(row)
        return self.rang or self.cancelled or row in self.ended

    def written(self) -> list[list[str]]:
        """The tokens of each row up to now."""
        return [list(tokens) for tokens in self._tokens]

    def hand_over(self, on_text: OnText | None) -> None:
        """Calls `on_text` with what is new, in the thread of the engine's caller."""
        for row in list(self._texts):
            text = self._texts.pop(row)
            if on_text is not None and text and text != self._shown[row]:
                self._shown[row] = text
                on_text(self._rows[row][0], text)

    def _time(self, at: int) -> None:
        now = time.monotonic()
        if at != self._at:
            if self.first is None:
                self.first = now
            else:
                self.step = max(now - self._last, FADE * self.step)
            self._at, self._last = at, now
        late = self._deadline is not None and now + self.step >= self._deadline
        self.rang = self.rang or late


def decoded(tokenizer: Any, tokens: Sequence[str]) -> str:
    """The text of tokens; those that the tokenizer does not know are left out."""
    found = [tokenizer.token_to_id(token) for token in tokens]
    text: str = tokenizer.decode([i for i in found if i is not None])
    return text
