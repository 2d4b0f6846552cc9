"""A fake model for tests and dry runs: repeats the start of its input, and fails to order.

The argument is a comma-separated list of `name=value` and bare words:

    context=8192   tokens of prompt and completion together
    window=1024    tokens of material in one prompt
    delay=0        seconds a completion takes, shown sentence by sentence; a deadline cuts its
                   text in proportion
    fail=N         the N-th completion raises EngineFailed, once
    dead=N         the N-th completion and all later ones raise EngineFailed
    empty          every completion is empty
    loop           every completion repeats one phrase up to its limit
    stutter        as loop, unless the request sets a repetition penalty

`echo:context=512,delay=0.01,fail=3` is a SPEC. A token is four bytes of UTF-8.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from gistill.engines import OnText, OpenOptions, Speed
from gistill.engines.growth import winding_down
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.segmentation import sentences
from gistill.types import Completion, Finish, Request

_BYTES = 4
_NUMBERS = {"context": 8192, "window": 1024, "delay": 0.0, "fail": 0, "dead": 0}
_MODES = ("empty", "loop", "stutter")
_SPEAKER = re.compile(r"^[^\W\d][^:\n]{0,40}: (?=\S)", re.MULTILINE)


class Echo:
    """See the module. `id` names what changes the text: not delays, limits or planned failures,
    so that a run which failed on purpose can be resumed with a plain `echo`."""

    def __init__(self, numbers: dict[str, float], mode: str | None) -> None:
        self.id = "-".join(filter(None, ("echo-1", mode)))
        self.context = int(numbers["context"])
        self.window = min(int(numbers["window"]), self.context)
        self.overhead = 0
        delay = numbers["delay"]
        self.speed = Speed(prefill=1e8, decode=self.window / delay if delay else 1e8)
        self._delay = delay
        self._fail, self._dead = int(numbers["fail"]), int(numbers["dead"])
        self._mode = mode
        self._done = 0

    def count(self, text: str) -> int:
        return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        for request in requests:
            needed = self.count(request.prompt) + request.max_tokens
            if needed > self.context:
                raise Overflow(needed, self.context)
        return self._generate(requests, deadline, on_text)

    def _generate(
        self, requests: Sequence[Request], deadline: float | None, on_text: OnText | None
    ) -> Iterator[Completion]:
        for index, request in enumerate(requests):
            began = time.monotonic()
            text, finish = self._answer(request)
            left = self._delay if deadline is None else min(self._delay, deadline - began)
            if left < self._delay:
                share = max(left, 0.0) / (self._delay or 1.0)
                text, finish = text[: int(share * len(text))].rstrip(), "deadline"
            for end in _ends(text):
                written = left * end / len(text) if text else left
                time.sleep(max(0.0, began + written - time.monotonic()))
                if on_text is not None and text:
                    on_text(index, text[:end])
            self._done += 1
            if self._done == self._fail or 0 < self._dead <= self._done:
                raise EngineFailed(f"echo failed at completion {self._done}, as its SPEC asks")
            yield Completion(
                index,
                text,
                self.count(request.prompt),
                self.count(text),
                finish,
                time.monotonic() - began,
            )

    def _answer(self, request: Request) -> tuple[str, Finish]:
        if self._mode == "empty":
            return "", "stop"
        stuck = self._mode == "loop" or (
            self._mode == "stutter" and request.repetition_penalty <= 1.0
        )
        if stuck:
            phrase = "and so on and "
            return (phrase * request.max_tokens)[: _BYTES * request.max_tokens].strip(), "length"
        return self._opening(request)

    def _opening(self, request: Request) -> tuple[str, Finish]:
        """The first whole sentences of the text within the limit, or its start if none fits."""
        text, limit = request.text, request.max_tokens
        head = _SPEAKER.sub("", text[: _BYTES * limit + 256])
        found = sentences.split(head)
        if len(text) > _BYTES * limit + 256:
            found = found[:-1]  # the cut went through it
        kept = ""
        for sentence in found:
            stopped = sentence if sentences.ended(sentence) else f"{sentence}."
            longer = f"{kept} {stopped}".strip()
            if self.count(longer) > limit:
                break
            kept = longer
            if winding_down(request, self.count(kept)) and sentence is not found[-1]:
                return kept, "length"
        if kept or not head.strip():
            return kept, "stop"
        raw = head.strip().encode("utf-8", "replace")[: _BYTES * limit]
        return raw.decode("utf-8", "ignore").strip(), "length"


def _ends(text: str) -> list[int]:
    """Where the sentences of `text` end, and `text` itself."""
    return sorted({*(end for _, end in sentences.spans(text)), len(text)})


def open(name: str, argument: str, options: OpenOptions) -> Echo:
    """Raises: BadInput for an argument that is not of the list above."""
    numbers = dict(_NUMBERS)
    mode = None
    for item in filter(None, argument.split(",")):
        key, equals, value = item.partition("=")
        if not equals and key in _MODES:
            mode = key
            continue
        try:
            numbers[key] = type(_NUMBERS[key])(value)
        except (KeyError, ValueError):
            known = ", ".join([*(f"{k}={v}" for k, v in _NUMBERS.items()), *_MODES])
            raise BadInput(f"echo does not understand {item!r}; it takes {known}") from None
    if numbers["context"] < 2 or min(numbers.values()) < 0:
        raise BadInput(f"echo cannot work with {argument!r}; give positive numbers")
    return Echo(numbers, mode)
