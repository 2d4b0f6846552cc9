"""gistill itself, as `gistill FILE --query …` runs it, with or without a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gistill.bench.systems import Options, Output
from gistill.distill.qmsum import Meeting, Question
from gistill.engines import OpenOptions, open_engine
from gistill.errors import BadInput
from gistill.options import Options as Settings
from gistill.pipeline import summarize
from gistill.segmentation.chunk import pack
from gistill.store import Store
from gistill.types import Budget, Source, Thread

_STRETCH = 1000  # tokens


class Hierarchy:
    """Local summaries of every chunk, or of those located for the question, then fused."""

    def __init__(self, options: Options) -> None:
        self._engine = open_engine(options.engine, OpenOptions(offline=options.offline))
        self._budget = Budget(options.tokens, options.seconds, options.profile)
        self._settings = Settings(locate=options.locate, max_tokens=options.max_tokens)
        # Kept in memory: a run measures the speed it plans with, and nothing outlives it.
        self._store = Store()
        self._warm = self._budget.seconds is None

    def settings(self) -> Mapping[str, Any]:
        return {
            "engine": self._engine.id,
            "tokens": self._budget.tokens,
            "seconds": self._budget.seconds,
            "profile": self._budget.profile,
            "locate": self._settings.locate,
            "max_tokens": self._settings.max_tokens,
            "local_len": self._settings.local_len,
            "global_len": self._settings.global_len,
        }

    def answer(self, meeting: Meeting, question: Question) -> Output:
        thread = Thread(meeting.segments, (Source(meeting.id, "", ""),), meeting.id)
        if not self._warm:
            self._warm_up(thread)
        done = summarize(
            thread,
            self._engine,
            self._budget,
            question.text,
            options=self._settings,
            store=self._store,
        ).result()
        return Output(
            done.text,
            cites=tuple(dict.fromkeys(cite for c in done.summary.claims for cite in c.cites)),
            tokens_in=done.spend.tokens_in,
            tokens_out=done.spend.tokens_out,
            seconds=done.spend.seconds,
            notes=(*done.notices, *done.failures),
        )

    def _warm_up(self, thread: Thread) -> None:
        """Has the engine start and its speed measured on stretches that nobody asks about, so that
        deadlines are kept as by a service that has been running."""
        plain = Budget(profile=self._budget.profile)
        size = min(_STRETCH, self._engine.window)
        for chunk in pack(thread.segments, self._engine.count, max_tokens=size, overlap=0)[:2]:
            stretch = replace(thread, segments=chunk.segments)
            summarize(stretch, self._engine, plain, store=self._store).result()
        self._warm = True


def open(name: str, options: Options) -> Hierarchy:
    """Raises: BadInput, also for `budget` without a budget; MissingExtra; EngineFailed."""
    if name == "budget" and options.tokens is None and options.seconds is None:
        raise BadInput("the system budget needs --tokens or --seconds")
    if name == "hierarchy" and (options.tokens is not None or options.seconds is not None):
        raise BadInput("with --tokens or --seconds the system is called budget")
    return Hierarchy(options)
