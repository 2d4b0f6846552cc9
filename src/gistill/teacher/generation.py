"""Asks an engine through the store: no finished generation is ever made twice.

Also where a bad answer is caught. A model that returns nothing or loops one phrase is asked once
more with a repetition penalty; then sentences are selected from its input instead, and the answer
says so in `gap`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from gistill.engines import Engine, OnText
from gistill.engines.extractive import Extractive
from gistill.errors import EngineFailed
from gistill.grounding import Evidence
from gistill.retrieval.terms import words
from gistill.segmentation import sentences
from gistill.store import Store, key
from gistill.types import Claim, Completion, Request

_RETRY_PENALTY = 1.3
_GRAM = 12  # characters: long enough that prose seldom repeats one by chance
_LEAST = 10 * _GRAM


@dataclass(frozen=True, slots=True)
class Answer:
    """The completion of `requests[index]`, who wrote it, and why not the engine, if so.

    `reused` answers came from the store.
    """

    index: int
    text: str
    tokens_in: int
    tokens_out: int
    seconds: float
    by: str
    cut: bool = False  # the token limit or the deadline ended it
    gap: str | None = None
    failed: Literal["", "broken", "late"] = ""  # a stand-in: the engine broke, or time ran out
    reused: bool = False
    degraded: tuple[str, ...] = ()

    @property
    def searched(self) -> bool:
        """Whether the engine took as many beams as it was asked to: with others it would write
        something else."""
        return not any(note.startswith("beams") for note in self.degraded)


@dataclass(slots=True)
class Generation:
    """An engine behind a store."""

    engine: Engine
    store: Store

    def answers(
        self,
        requests: Sequence[Request],
        *,
        stage: str,
        version: str,
        deadline: float | None,
        on_text: OnText | None = None,
    ) -> Iterator[Answer]:
        """One answer a request, stored ones first, then each as it finishes; none is missing.

        `version` is that of the prompt template; `on_text` is told what is being written, as
        engines tell it. Raises: Overflow.
        """
        keys = [self._key(request, stage, version) for request in requests]
        todo: list[int] = []
        for index, address in enumerate(keys):
            if kept := self._stored(index, address):
                yield kept
            else:
                todo.append(index)
        again: list[int] = []
        for answer in self._ask(requests, todo, deadline, on_text):
            if not answer.failed and _fault(answer):
                again.append(answer.index)
                continue
            yield self._kept(answer, keys, stage)
        firmer = {i: replace(requests[i], repetition_penalty=_RETRY_PENALTY) for i in again}
        for answer in self._ask(
            [firmer.get(i, r) for i, r in enumerate(requests)], again, deadline
        ):
            if not answer.failed and (fault := _fault(answer)):
                answer = replace(self.selected(requests[answer.index], answer.index, fault))
            yield self._kept(answer, keys, stage)

    def stored(self, request: Request, *, stage: str, version: str) -> Answer | None:
        """The answer that the store holds for `request`, if any."""
        return self._stored(0, self._key(request, stage, version))

    def _key(self, request: Request, stage: str, version: str) -> str:
        return key(stage, version, self.engine.id, asdict(request))

    def _stored(self, index: int, address: str) -> Answer | None:
        kept = self.store.get(address)
        if kept is None:
            return None
        return Answer(index, **(kept | {"degraded": tuple(kept["degraded"])}), reused=True)

    def _kept(self, answer: Answer, keys: Sequence[str], stage: str) -> Answer:
        if not answer.failed:
            value = asdict(answer)
            for name in ("index", "reused", "failed"):
                del value[name]
            self.store.put(keys[answer.index], stage, value)
        return answer

    def _ask(
        self,
        requests: Sequence[Request],
        todo: Sequence[int],
        deadline: float | None,
        on_text: OnText | None = None,
    ) -> Iterator[Answer]:
        """Answers `requests[i]` for every i in `todo`, by selection where the engine does not."""
        if not todo:
            return
        left = dict.fromkeys(todo)
        fault = "the engine gave no answer"
        told = None if on_text is None else lambda index, text: on_text(todo[index], text)
        asked = [requests[i] for i in todo]
        try:
            for completion in self.engine.generate(asked, deadline=deadline, on_text=told):
                index = todo[completion.index]
                del left[index]
                if completion.finish == "deadline":
                    yield self._cut_short(requests[index], index, completion)
                else:
                    yield self._answer(index, completion)
        except EngineFailed as error:
            fault = f"the engine failed: {error}"
        for index in left:
            yield replace(self.selected(requests[index], index, fault), failed="broken")

    def _answer(self, index: int, completion: Completion) -> Answer:
        return Answer(
            index,
            completion.text,
            completion.tokens_in,
            completion.tokens_out,
            completion.seconds,
            self.engine.id,
            cut=completion.finish != "stop",
            degraded=completion.degraded,
        )

    def _cut_short(self, request: Request, index: int, completion: Completion) -> Answer:
        """What was written by the deadline, if that holds a whole sentence."""
        kept = self._answer(index, completion)
        if _fault(kept):
            kept = self.selected(request, index, "time ran out")
        return replace(kept, gap=kept.gap or "time ran out", failed="late")

    def selected(self, request: Request, index: int, why: str) -> Answer:
        """Sentences of the request's own material, within its limit by the engine's tokenizer."""
        started = time.monotonic()
        selector = Extractive(counter=self.engine.count)
        (completion,) = selector.generate([request])
        return Answer(
            index,
            completion.text,
            completion.tokens_in,
            completion.tokens_out,
            time.monotonic() - started,
            selector.id,
            gap=f"{why}; sentences were selected",
        )


def _fault(answer: Answer) -> str | None:
    """What is wrong with an answer, if anything."""
    if not answer.text.strip():
        return "the engine returned nothing"
    if loops(answer.text):
        return "the engine repeated one phrase"
    if not claimed_sentences(answer.text, cut=answer.cut):
        return "the engine finished no sentence"
    return None


def loops(text: str) -> bool:
    """Whether more than half of `text` repeats what it said before, letter for letter."""
    text = " ".join(text.split())
    if len(text) < _LEAST:
        return False
    grams = [text[i : i + _GRAM] for i in range(len(text) - _GRAM + 1)]
    return len(set(grams)) < len(grams) / 2


def grounded(answer: Answer, evidence: Evidence, query: str | None) -> list[Claim]:
    """The sentences of `answer`, each with what it rests on.

    Names of speakers are put right, but not in answers to a `query`: what somebody else said
    answers no question about the one whom it names.
    """
    said = claimed_sentences(answer.text, cut=answer.cut)
    return evidence.ground(said if query else list(map(evidence.put_right, said)))


def claimed_sentences(text: str, *, cut: bool) -> list[str]:
    """The sentences an answer claims, bullets stripped, each with a stop at its end.

    Notes in lines often carry no stops and get one. Of a last line without one, where the answer
    was `cut`, only clauses that are whole are kept. A name alone claims nothing and is left out.
    """
    found = sentences.split(text)
    if found and cut and not sentences.ended(found[-1]):
        found[-1:] = filter(None, [sentences.clause(found[-1])])
    said = [s for s in found if len(words(s)) > 2]
    return [s if sentences.ended(s) else s.rstrip(" ,;:–-") + "." for s in said]
