"""The only door to a model: a protocol, and a table from SPEC to the module that opens it.

A SPEC is `name` or `name:argument`. Modules are imported when their engine is opened, so that
no command pays for an engine it does not use.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol, cast

from gistill.errors import BadInput
from gistill.home import expanded
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
    context: tokens of prompt and completion together that one generation may hold; those of the
        prompt alone where an encoder reads it.
    window: tokens of material in one prompt that the model still handles well (<= context).
    overhead: tokens that the chat template adds to a prompt.
    speed: a first guess; the store replaces it by what was measured here.
    lanes (optional): generations that run side by side, each as fast as if it were alone.
    start (optional): a first guess at the seconds before the first generation begins.
    slack (optional): words to ask for beyond those that fit, of a model that stays below what it
        is asked for.
    focus (optional): tokens to locate for a question at first, of a model that answers better from
        less than its window.
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


def slack_of(engine: Engine) -> int:
    """Words to ask `engine` for beyond those that fit; none, unless it says otherwise."""
    return int(getattr(engine, "slack", 0))


def focus_of(engine: Engine) -> int:
    """Tokens to locate for a question at first: the window of `engine`, unless it says less."""
    return min(int(getattr(engine, "focus", 0)) or engine.window, engine.window)


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What the user set about engines in general; an engine reads what concerns it.

    `speculate` asks for prompt-lookup decoding (Saxena 2023), which drafts from the prompt; None
    leaves it to the engine.
    """

    offline: bool = False
    max_memory: int | None = None  # bytes for batches and caches
    speculate: bool | None = None


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
_CONTENTS = {  # what a model folder holds, by the engine that opens it
    "openvino": ("openvino_model.xml",),
    "ct2": ("model.bin", "*vocabulary.*"),
    "hf": ("config.json",),
}
_HUB_ID = re.compile(r"([\w-][\w.-]*)/[\w.-]+")


def specs() -> dict[str, str]:
    """Engine names and what each opens, for help texts."""
    return dict(_TABLE)


def spec_of(name: str | PathLike[str]) -> str:
    """The SPEC of what a user may name: a SPEC, the path of a model, or a model of the hub.

    A folder is taken for what it holds: an OpenVINO model, a CTranslate2 model, a checkpoint of
    transformers or a LoRA adapter. `org/name` is the hub's, unless there is a folder `org` here.

    Raises: BadInput for anything else.
    """
    if isinstance(name, str) and name.partition(":")[0] in _TABLE:
        return name
    path = expanded(name)
    if path.is_file() and path.suffix.lower() == ".gguf":
        return f"gguf:{path}"
    if name and path.exists():
        return f"{_kind(path)}:{path}"
    hub = _HUB_ID.fullmatch(name) if isinstance(name, str) else None
    if hub and not Path(hub[1]).is_dir() and path.suffix.lower() != ".gguf":
        return f"hf:{name}"
    raise BadInput(
        f"unknown engine {str(name)!r}, and there is no such path; give the path of a model, a "
        f"model of the hub (org/name), or an engine: {', '.join(_TABLE)}"
    )


def _kind(path: Path) -> str:
    if path.is_dir():
        if (path / "adapter_config.json").is_file():
            return "hf"
        for engine, patterns in _CONTENTS.items():
            if all(any(path.glob(pattern)) for pattern in patterns):
                return engine
    raise BadInput(
        f"{path} is no model; give a .gguf file, or a folder that holds openvino_model.xml, "
        "config.json, adapter_config.json, or CTranslate2's model.bin with its vocabulary"
    )


def open_engine(spec: str | PathLike[str], options: OpenOptions | None = None) -> Engine:
    """Opens the engine that `spec` names, as `spec_of` reads it.

    Raises: BadInput for an unknown name or an unusable argument; MissingExtra; EngineFailed.
    """
    name, _, argument = spec_of(spec).partition(":")
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
