"""What is compared: a protocol, and a table from a system's name to the module that opens it.

A module has `open(name, options) -> System`; it is imported when its system is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from gistill.errors import BadInput

if TYPE_CHECKING:
    from gistill.distill.qmsum import Meeting, Question
    from gistill.types import Profile


@dataclass(frozen=True, slots=True)
class Output:
    """What a system answered to one question.

    cites: ids of the meeting's segments. tokens_in, tokens_out: by the system's own tokenizer,
    over all its calls; 0 where no model is at work. seconds: this answer's own wall time, 0 to have
    it measured from outside. notes: what the reader of the result should know (what was cut), one
    sentence each.
    """

    summary: str
    cites: tuple[str, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
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
    profile: Profile = "fast"
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


T = TypeVar("T")


class Latest(Generic[T]):
    """What `make` made of the last meeting asked for: questions come meeting by meeting."""

    def __init__(self, make: Callable[[Meeting], T]) -> None:
        self._make = make
        self._meeting: Meeting | None = None

    def __call__(self, meeting: Meeting) -> T:
        if meeting is not self._meeting:
            self._made = self._make(meeting)
            self._meeting = meeting
        return self._made


_TABLE = {
    "lead": ("floors", "the first words of the meeting"),
    "random": ("floors", "turns drawn at random"),
    "textrank": ("graphs", "TextRank sentences"),
    "lexrank": ("graphs", "LexRank sentences"),
    "bm25": ("floors", "the turns that share most with the question"),
    "gold-span-lead": ("floors", "the first words of the annotated spans"),
    "oracle": ("oracle", "the sentences that raise ROUGE most; a ceiling, it sees the reference"),
    "hierarchy": ("hierarchy", "gistill's own pipeline"),
    "student": ("single", "an engine, once over located context"),
    "budget": ("hierarchy", "gistill's own pipeline under --tokens and --seconds"),
    "openai": ("single", "a /v1 model, once over the whole transcript or located context"),
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
