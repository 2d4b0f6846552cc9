"""What is compared: a protocol, and a table from a system's name to the module that opens it.

A module has `open(name, options) -> System`; it is imported when its system is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, get_args, runtime_checkable

from gistill.errors import BadInput
from gistill.types import Profile

if TYPE_CHECKING:
    from gistill.distill.qmsum import Meeting, Question


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
    """What was asked of a system, by the flags of the command; None is the system's own default.

    words: limit of the systems that select text; for one pass, what its prompt asks for. engine: an
    engine SPEC. tokens, seconds: a budget. max_tokens: of the transcript in one prompt. locate:
    read only what seems to answer the question. batch: questions asked at once. The rest is for
    published models.

    Raises: BadInput for a number that is too small, or an unknown profile.
    """

    words: int | None = None
    seed: int = 0
    engine: str = "bundled"
    tokens: int | None = None
    seconds: float | None = None
    profile: Profile = "fast"
    repetition_penalty: float = 1.0
    max_tokens: int | None = None
    locate: bool = True
    batch: int = 1
    model: str | None = None  # a hub id or a path
    adapter: str | None = None  # a path
    max_seq_len: int | None = None
    max_new_tokens: int | None = None
    instruct: bool = False
    device: str | None = None
    device_map: str | None = None  # a name that accelerate knows, or a JSON file
    dtype: str | None = None
    offline: bool = False

    def __post_init__(self) -> None:
        for name in ("words", "tokens", "max_tokens", "batch", "max_seq_len", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{flag(name)} is {value}; give 1 or more")
        if not self.repetition_penalty > 0:
            raise BadInput(f"--repetition-penalty is {self.repetition_penalty}; give more than 0")
        if self.profile not in get_args(Profile):
            raise BadInput(f"unknown profile {self.profile!r}; choose greedy, fast or quality")


def flag(option: str) -> str:
    """The command's flag for an option."""
    return "--read-all" if option == "locate" else f"--{option.replace('_', '-')}"


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


@runtime_checkable
class Batching(System, Protocol):
    """A system that is faster with many questions at once."""

    def answers(self, asked: Sequence[tuple[Meeting, Question]]) -> Iterator[tuple[int, Output]]:
        """The place of a question in `asked` and its answer, each as it is done, in any order.

        `seconds` is what an answer took in this company. Raises: as `answer`.
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


_SELECTS = ("words",)
_PIPELINE = ("engine", "tokens", "seconds", "profile", "max_tokens", "locate", "offline")
_PASS = ("engine", "tokens", "words", "profile", "repetition_penalty", "max_tokens", "locate",
         "batch", "offline")  # fmt: skip
_MODEL = ("model", "max_new_tokens", "device", "dtype", "offline")
# Which options concern a system, by its module: no other may be set, so that none is ignored.
_READS: dict[str, tuple[str, ...]] = {
    "floors": _SELECTS,
    "graphs": _SELECTS,
    "oracle": _SELECTS,
    "hierarchy": _PIPELINE,
    "single": _PASS,
    "mpt": (*_MODEL, "max_seq_len", "device_map"),
    "longformer": (*_MODEL, "instruct", "device_map"),
    "llama_adapter": (*_MODEL, "adapter", "max_seq_len"),
    "longllama": (*_MODEL, "max_seq_len", "device_map"),
}
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


def reads(name: str) -> tuple[str, ...]:
    """The options that concern a system."""
    return (*_READS[_TABLE[name][0]], *(("seed",) if name == "random" else ()))


def open_system(name: str, options: Options | None = None) -> System:
    """Opens the system of that name.

    Raises: BadInput for an unknown name, or options that it does not read or cannot use;
    MissingExtra; EngineFailed.
    """
    if name not in _TABLE:
        raise BadInput(f"unknown system {name!r}; choose one of {', '.join(_TABLE)}")
    options = options or Options()
    default, known = Options(), reads(name)
    for field in fields(Options):
        changed = getattr(options, field.name) != getattr(default, field.name)
        if changed and field.name not in known:
            flags = ", ".join(map(flag, known))
            raise BadInput(f"the system {name} takes no {flag(field.name)}; it takes {flags}")
    module = importlib.import_module(f"gistill.bench.systems.{_TABLE[name][0]}")
    return cast(System, module.open(name, options))
