"""One pass of an engine: over what was located for the question, or over the whole transcript."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gistill import prompts
from gistill.bench.systems import Latest, Options, Output
from gistill.decoding.profiles import PROFILES
from gistill.distill.qmsum import Meeting, Question
from gistill.engines import OpenOptions, open_engine
from gistill.errors import BadInput, Overflow
from gistill.grounding import Evidence
from gistill.retrieval.locate import locate
from gistill.retrieval.rank import Index
from gistill.teacher import local
from gistill.teacher.generation import claimed_sentences

MAX_TOKENS = 160


class SinglePass:
    """Asks the question once, with as much of the meeting as the engine handles well."""

    def __init__(self, options: Options) -> None:
        self._engine = open_engine(options.engine, OpenOptions(offline=options.offline))
        self._profile = options.profile
        self._max_tokens = options.max_new_tokens or MAX_TOKENS
        self._locate = options.locate
        overhead = prompts.overhead(self._engine.count, query="") + self._engine.overhead
        room = self._engine.context - self._max_tokens - overhead
        self._room = min(options.max_seq_len or self._engine.window, room)
        self._index = Latest(lambda meeting: Index(meeting.segments))

    def settings(self) -> Mapping[str, Any]:
        return {
            "engine": self._engine.id,
            "located": self._room if self._locate else None,
            "max_new_tokens": self._max_tokens,
            "profile": self._profile,
            "decoding": asdict(PROFILES[self._profile]),
            "prompt": prompts.template("query").version,
        }

    def answer(self, meeting: Meeting, question: Question) -> Output:
        began = time.monotonic()
        segments = meeting.segments
        if self._locate:
            room = self._room - self._engine.count(question.text) * 2
            index = self._index(meeting)
            segments = locate(segments, question.text, room, self._engine.count, index).segments
        request = local.request(
            segments,
            "query",
            PROFILES[self._profile],
            max_tokens=self._max_tokens,
            query=question.text,
            language=None,
        )
        try:
            (completion,) = self._engine.generate([request])
        except Overflow as error:
            raise BadInput(
                f"{meeting.id} needs {error.needed} tokens and the engine's context holds "
                f"{error.context}; leave out --read-all, or give an engine with a longer context"
            ) from None
        sentences = claimed_sentences(completion.text, cut=completion.finish == "length")
        claims = Evidence(tuple(segments)).ground(sentences)
        return Output(
            " ".join(claim.text for claim in claims),
            cites=tuple(dict.fromkeys(cite for claim in claims for cite in claim.cites)),
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            seconds=time.monotonic() - began,
            notes=completion.degraded,
        )


def open(name: str, options: Options) -> SinglePass:
    """Raises: BadInput, also for `openai` with another engine; MissingExtra; EngineFailed."""
    if name == "openai" and not options.engine.startswith("openai:"):
        raise BadInput("the system openai needs --engine openai:URL#model")
    return SinglePass(options)
