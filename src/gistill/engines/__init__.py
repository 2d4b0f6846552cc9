"""The only door to a model: a protocol, and a table from SPEC to the module that opens it.

A SPEC is `name` or `name:argument`. Modules are imported when their engine is opened, so that
no command pays for an engine it does not use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from gistill.errors import BadInput
from gistill.types import Completion, Request

OnText = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second over a whole batch: what a plan reckons with before it has measured."""

    prefill: float
    decode: float


class Engine(Protocol):
    """A model that completes prompts.

    id: names weights, precision and revision; it goes into cache keys.
    context: tokens of prompt and completion together that one generation may hold.
    window: tokens of material in one prompt that the model still handles well (<= context).
    overhead: tokens that the chat template adds to a prompt.
    speed: a first guess; the store replaces it by what was measured here.
    """

    id: str
    context: int
    window: int
    overhead: int
    speed: Speed

    def count(self, text: str) -> int:
        """Tokens in `text` by this engine's own tokenizer, without special tokens."""
        ...

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """Yields one `Completion` a request as each finishes, in any order.

        `deadline` is a `time.monotonic()` value: requests unfinished by then are yielded with
        what they have and `finish="deadline"`. Text comes without special tokens and stripped.
        `on_text(index, text)` is called with all that a request has so far, each time there is
        more, by engines that can tell and for requests whose text only grows (not with beams).

        Raises: Overflow, before anything is generated, if a prompt and its `max_tokens` exceed
        `context`; EngineFailed if the model stops answering. Closing the iterator cancels what
        is under way.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What the user set about engines in general; an engine reads what concerns it."""

    offline: bool = False
    max_memory: int | None = None  # bytes for batches and caches


_TABLE = {
    "bundled": "the model that `gistill models get` fetched (OpenVINO, CPU)",
    "echo": "repeats the start of its input; for tests and dry runs",
    "extractive": "selects sentences; no model",
    "openvino": "openvino:PATH_OR_NAME, an OpenVINO model folder or a fetched model's name",
    "gguf": "gguf:PATH, a GGUF file, run by OpenVINO",
    "ct2": "ct2:PATH, a CTranslate2 model folder",
    "hf": "hf:ID_OR_PATH, a transformers model, on a GPU when there is one",
    "openai": "openai:URL#model, any OpenAI-compatible /v1 server",
}
_MODULES = {"bundled": "openvino", "gguf": "openvino", "hf": "transformers"}


def specs() -> dict[str, str]:
    """Engine names and what each opens, for help texts."""
    return dict(_TABLE)


def open_engine(spec: str, options: OpenOptions | None = None) -> Engine:
    """Opens the engine that `spec` names.

    Raises: BadInput for an unknown name or an unusable argument; MissingExtra; EngineFailed.
    """
    name, _, argument = spec.partition(":")
    if name not in _TABLE:
        raise BadInput(f"unknown engine {spec!r}; choose one of {', '.join(_TABLE)}")
    module = importlib.import_module(f"gistill.engines.{_MODULES.get(name, name)}")
    return cast(Engine, module.open(name, argument, options or OpenOptions()))


def open_or_select(spec: str, options: OpenOptions | None = None) -> tuple[Engine, str | None]:
    """Opens an engine; for "bundled" without its model, the extractive one and a notice."""
    if spec == "bundled":
        from gistill import models

        if not models.is_installed("bundled"):
            return open_engine("extractive", options), (
                "the bundled model is not fetched yet, so sentences are selected, not written; "
                "fetch it once with: gistill models get"
            )
    return open_engine(spec, options), None
