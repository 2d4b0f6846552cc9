"""One pass of an engine: over what was located for the question, or over the whole transcript."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gistill import prompts
from gistill.bench.systems import Latest, Options, Output
from gistill.decoding.profiles import PROFILES
from gistill.distill.qmsum import Meeting, Question
from gistill.engines import OpenOptions, open_engine, slack_of
from gistill.errors import BadInput, Overflow
from gistill.grounding import Evidence
from gistill.retrieval.locate import locate
from gistill.retrieval.rank import Index
from gistill.teacher import local
from gistill.teacher.generation import claimed_sentences
from gistill.types import Completion, Request, Segment

TOKENS = 160  # of a summary, unless asked otherwise


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as it is put to the engine: what it reads, and the seconds to find that."""

    request: Request
    segments: tuple[Segment, ...]
    seconds: float


class SinglePass:
    """Asks the question once, with as much of the meeting as was allowed."""

    def __init__(self, options: Options) -> None:
        self._engine = open_engine(options.engine, OpenOptions(offline=options.offline))
        self._profile, self._penalty = options.profile, options.repetition_penalty
        self._tokens = options.tokens or TOKENS
        self._words = options.words or prompts.words_in(self._tokens, slack_of(self._engine))
        self._batch = options.batch
        self._index = Latest(lambda meeting: Index(meeting.segments))
        self._located: int | None = None
        if options.locate:
            most = self._room("x")
            self._located = options.max_tokens or max(1, min(self._engine.window, most))
            if self._located > most:
                raise BadInput(
                    f"the engine's context of {self._engine.context} tokens does not hold "
                    f"{self._located} of the transcript and {self._tokens} of the answer; "
                    "lower --max-tokens or --tokens"
                )

    def settings(self) -> Mapping[str, Any]:
        """`located`: tokens of the transcript in a prompt; None where the whole is read."""
        decoding = asdict(PROFILES[self._profile]) | {"repetition_penalty": self._penalty}
        return {
            "engine": self._engine.id,
            "located": self._located,
            "tokens": self._tokens,
            "words": self._words,
            "profile": self._profile,
            "decoding": decoding,
            "prompt": prompts.template("query").version,
            "batch": self._batch,
        }

    def answer(self, meeting: Meeting, question: Question) -> Output:
        began = time.monotonic()
        ((_, output),) = self.answers([(meeting, question)])
        return replace(output, seconds=time.monotonic() - began)

    def answers(self, asked: Sequence[tuple[Meeting, Question]]) -> Iterator[tuple[int, Output]]:
        """As `Batching` says: the engine gets all prompts at once."""
        ready = [self._ask(meeting, question) for meeting, question in asked]
        try:
            for completion in self._engine.generate([one.request for one in ready]):
                yield completion.index, _output(ready[completion.index], completion)
        except Overflow as error:
            raise BadInput(
                f"a meeting needs {error.needed} tokens and the engine's context holds "
                f"{error.context}; leave out --read-all, or give an engine with a longer context"
            ) from None

    def _ask(self, meeting: Meeting, question: Question) -> _Asked:
        began = time.monotonic()
        segments = meeting.segments
        if self._located is not None:
            room = min(self._located, self._room(question.text))
            index = self._index(meeting)
            segments = locate(segments, question.text, room, self._engine.count, index).segments
        text = local.lines(segments)
        template = prompts.template("query")
        prompt = template.render(text, query=question.text, words=self._words)
        decoding = PROFILES[self._profile]
        request = replace(
            decoding.request(prompt, text, self._tokens, question.text),
            repetition_penalty=self._penalty,
        )
        return _Asked(request, tuple(segments), time.monotonic() - began)

    def _room(self, question: str) -> int:
        """Tokens of the transcript that the engine's context can hold beside this question."""
        around = prompts.overhead(self._engine.count, query=question) + self._engine.overhead
        return self._engine.context - self._tokens - around


def _output(asked: _Asked, completion: Completion) -> Output:
    began = time.monotonic()
    sentences = claimed_sentences(completion.text, cut=completion.finish == "length")
    claims = Evidence(asked.segments).ground(sentences)
    notes = completion.degraded
    if not asked.segments:
        notes += ("No passage of the transcript fits what --max-tokens allows.",)
    return Output(
        " ".join(claim.text for claim in claims),
        cites=tuple(dict.fromkeys(cite for claim in claims for cite in claim.cites)),
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        seconds=asked.seconds + completion.seconds + time.monotonic() - began,
        notes=notes,
    )


def open(name: str, options: Options) -> SinglePass:
    """Raises: BadInput, also for `openai` with another engine; MissingExtra; EngineFailed."""
    if name == "openai" and not options.engine.startswith("openai:"):
        raise BadInput("the system openai needs --engine openai:URL#model")
    return SinglePass(options)
