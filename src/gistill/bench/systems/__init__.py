"""What is compared: a protocol, and a table from a system's name to the module that opens it.

A module has `open(name, options) -> System`; it is imported when its system is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from gistill.distill.qmsum import Meeting, Question
from gistill.errors import BadInput


@dataclass(frozen=True, slots=True)
class Output:
    """What a system answered to one question.

    cites: ids of the meeting's segments. tokens_in, tokens_out: by the system's own tokenizer,
    over all its calls; 0 where no model is at work. seconds: this answer's own wall time.
    support: share of the sentences that the transcript supports, None where it was not looked at.
    notes: what the reader of the result should know (what was cut), one sentence each.
    """

    summary: str
    cites: tuple[str, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    support: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked of systems in general; a system reads what concerns it.

    words: limit of the systems that select text. engine: an engine SPEC. tokens, seconds: a budget.
    locate: read only what seems to answer the question. The rest is for model systems; None means
    the system's own default.
    """

    words: int = 100
    seed: int = 0
    engine: str = "bundled"
    tokens: int | None = None
    seconds: float | None = None
    profile: str = "fast"
    locate: bool = True
    model: str | None = None  # a hub id or a path
    adapter: str | None = None  # a path
    max_seq_len: int | None = None
    max_new_tokens: int | None = None
    instruct: bool = False
    device: str | None = None
    device_map: str | None = None  # a name that accelerate knows, or a JSON file
    dtype: str | None = None
    offline: bool = False


class System(Protocol):
    """Answers questions about meetings, each on its own."""

    def settings(self) -> Mapping[str, Any]:
        """All that is needed to repeat its answers, as JSON values; goes into `run.json`."""
        ...

    def answer(self, meeting: Meeting, question: Question) -> Output:
        """The answer to one question. Called meeting by meeting, so a meeting's index is reusable.

        Raises: GistillError when no question could be answered; what goes wrong with one question
        alone belongs into the output's notes.
        """
        ...


_TABLE = {
    "lead": ("floors", "the first words of the meeting"),
    "random": ("floors", "turns drawn at random"),
    "textrank": ("graphs", "TextRank sentences"),
    "lexrank": ("graphs", "LexRank sentences"),
    "bm25": ("floors", "the turns that share most with the question"),
    "gold-span-lead": ("floors", "the first words of the annotated spans"),
    "oracle": ("oracle", "the sentences that raise ROUGE most; a ceiling, it sees the reference"),
    "hierarchy": ("hierarchy", "gistill's own pipeline"),
    "student": ("student", "an engine, once over located context"),
    "budget": ("hierarchy", "gistill's own pipeline under --tokens and --seconds"),
    "openai": ("student", "a /v1 model, once over the whole transcript or located context"),
    "mpt-storywriter": ("mpt", "MPT-7B-StoryWriter, the whole transcript"),
    "longformer": ("longformer", "LED, 16,384 tokens of the transcript"),
    "llama-adapter": ("llama_adapter", "LLaMA with LLaMA-Adapter, window by window"),
    "longllama": ("longllama", "LongLLaMA 3B, the whole transcript"),
}


def names() -> dict[str, str]:
    """System names and what each does, for help texts."""
    return {name: about for name, (_, about) in _TABLE.items()}


def open_system(name: str, options: Options | None = None) -> System:
    """Opens the system of that name.

    Raises: BadInput for an unknown name or unusable options; MissingExtra; EngineFailed.
    """
    if name not in _TABLE:
        raise BadInput(f"unknown system {name!r}; choose one of {', '.join(_TABLE)}")
    module = importlib.import_module(f"gistill.bench.systems.{_TABLE[name][0]}")
    return cast(System, module.open(name, options or Options()))
