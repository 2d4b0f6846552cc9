"""The settings of one run: how a thread is taken apart and put together."""

from __future__ import annotations

from dataclasses import dataclass

from gistill import grounding, prompts
from gistill.engines import Engine
from gistill.errors import BadInput


@dataclass(frozen=True, slots=True)
class Options:
    """How a thread is taken apart and put together; lengths in tokens of the engine.

    max_tokens: material in one prompt; None takes what the engine handles well.
    overlap: whole turns repeated at the start of the next chunk.
    local_len, global_len: the most that a local and the final summary may have.
    dedupe_thr: cosine from which two sentences are the same.
    support_thr: support below which a sentence is marked, or dropped with `strict`.
    image_share: of a chunk, the most that text seen in images and on slides may take; in the long
        run a third of that. With 1 only what was told before is left out.
    locate: with a query, read only what seems to answer it; else every chunk is read.
    """

    max_tokens: int | None = None
    overlap: int = 128
    local_len: int = 128
    global_len: int = 200
    dedupe_thr: float = 0.92
    support_thr: float = grounding.THRESHOLD
    image_share: float = 0.25
    strict: bool = False
    language: str | None = None
    locate: bool = True

    def __post_init__(self) -> None:
        for name in ("local_len", "global_len"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}; give at least 1")
        if self.overlap < 0:
            raise BadInput(f"overlap is {self.overlap}; give 0 or more")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise BadInput(f"max_tokens is {self.max_tokens}; give at least 1")
        for name in ("dedupe_thr", "support_thr", "image_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is {getattr(self, name)}; give a value from 0 to 1")


def room(options: Options, engine: Engine, global_len: int, query: str | None) -> int:
    """Tokens of material that one prompt of any stage may hold."""
    template = prompts.overhead(engine.count, query=query, language=options.language)
    return engine.context - max(options.local_len, global_len) - template - engine.overhead


def chunk_size(options: Options, engine: Engine, global_len: int, query: str | None = None) -> int:
    """`max_tokens` as it will be used. Raises: BadInput if the engine's context cannot hold it."""
    most = room(options, engine, global_len, query)
    if most < 1:
        raise BadInput(
            f"the engine's context of {engine.context} tokens leaves no room for text beside the "
            "prompt and the summary; lower the summary lengths or use another engine"
        )
    if options.max_tokens is None:
        return min(engine.window, most)
    if options.max_tokens > most:
        raise BadInput(
            f"max_tokens is {options.max_tokens}, but the engine's context of {engine.context} "
            f"leaves room for {most}; lower --max-tokens or the summary lengths"
        )
    return options.max_tokens
