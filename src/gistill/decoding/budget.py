"""One text into a short one within a hard budget of tokens and seconds, by any engine.

What is given up to keep the budget is given up in a fixed order, the least missed first, and said:
beams, then length, then the model, for sentences selected from the text. Those are there from the
first moments, and are replaced as better ones come.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

from gistill import planning, prompts
from gistill.decoding.deadline import Emit, until
from gistill.decoding.profiles import PROFILES
from gistill.engines import Engine, OpenOptions, open_engine, slack_of, spec_of
from gistill.errors import BadInput, Overflow
from gistill.findings import LATE
from gistill.home import home
from gistill.ingest import assemble
from gistill.ingest.files import Raw
from gistill.options import Options
from gistill.pipeline import summarize
from gistill.segmentation import sentences
from gistill.speeds import fill_of, lanes_of, learn_speed, speed_of, start_of
from gistill.store import Store
from gistill.teacher.generation import Answer, Generation, claimed_sentences
from gistill.types import Budget, Chunk, Done, Draft, Finish, Plan, Profile, Request

_MARGIN, _SHARE = 0.02, 0.01  # seconds, and share of the budget, that the engine does not get
_DRAFT = 32  # characters of text that a draft reads for each token it may have
_LOCAL = 128  # tokens of a local summary, where the text needs a hierarchy


class BudgetLog(TypedDict):
    """What a call cost and gave up.

    `tokens_in` counts all prompts, `tokens_out` the delivered text, both by the engine's tokenizer.
    `num_beams` and `length_penalty` are those used in the end; `by` is the engine that wrote the
    text; `finish` is "stop", "length" (the token budget ended it) or "deadline".
    """

    latency_s: float
    budget_tokens: int
    budget_seconds: float | None
    tokens_in: int
    tokens_out: int
    num_beams: int
    length_penalty: float
    profile: Profile
    finish: Finish
    degraded: list[str]
    engine: str
    by: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The last thing a stream yields: the text and its log."""

    text: str
    log: BudgetLog


class BudgetDecoder:
    """Decodes within budgets. `model` is a SPEC ("bundled", "openai:URL#model", …), the folder of a
    model or of a LoRA adapter, a hub id, or an open `Engine`.

    `store` keeps results and measured speeds; without it results are kept nowhere, and speeds in
    gistill's home.

    Raises: BadInput for something that is no model, or cannot count tokens; EngineFailed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Engine,
        *,
        options: OpenOptions | None = None,
        store: Store | None = None,
    ) -> None:
        if isinstance(model, str | os.PathLike):
            model = open_engine(spec_of(model), options)
        self.engine = model
        _check_count(model)
        self._results = store or Store()
        self._speeds = store or Store(home() / "store.db")

    def generate_with_budget(
        self,
        text: str,
        budget_tokens: int = 160,
        profile: Profile = "fast",
        *,
        budget_seconds: float | None = None,
        query: str | None = None,
        language: str | None = None,
    ) -> tuple[str, BudgetLog]:
        """A summary of `text`, or an answer to `query`, and the log of how it was made.

        The summary has at most `budget_tokens` tokens, ends at the end of a sentence, and is there
        after `budget_seconds`. A text over the engine's context is summarized through the
        hierarchy, which the log says.

        Raises: BadInput for an empty text, an unusable budget, an unknown profile, or a token
        budget that holds no sentence; EngineFailed.
        """
        *_, last = self.stream_with_budget(
            text,
            budget_tokens,
            profile,
            budget_seconds=budget_seconds,
            query=query,
            language=language,
        )
        assert isinstance(last, Decoded)
        return last.text, last.log

    def stream_with_budget(
        self,
        text: str,
        budget_tokens: int = 160,
        profile: Profile = "fast",
        *,
        budget_seconds: float | None = None,
        query: str | None = None,
        language: str | None = None,
    ) -> Iterator[Draft | Decoded]:
        """As `generate_with_budget`: yields drafts, each a whole text that keeps the token budget
        and replaces the one before, then the `Decoded`."""
        call = _Call(
            self.engine,
            self._results,
            self._speeds,
            text,
            Budget(budget_tokens, budget_seconds, profile),
            query.strip() if query else None,
            language,
            started=time.monotonic(),
        )
        return call.run()


@dataclass(slots=True)
class _Call:
    """One call: its inputs, and the log as far as it has come."""

    engine: Engine
    results: Store
    speeds: Store
    text: str
    budget: Budget
    query: str | None
    language: str | None
    started: float
    length: int = 0  # the token budget, or what the context allows of it
    log: BudgetLog | None = None

    def run(self) -> Iterator[Draft | Decoded]:
        if not self.text.strip():
            raise BadInput("there is nothing to decode: the text is empty")
        tokens, seconds = self.budget.tokens, self.budget.seconds
        assert tokens is not None
        self.length = min(tokens, max(1, self.engine.context // 2))
        self.log = self._opening_log(tokens)
        best = None
        deadline = None if seconds is None else self.started + seconds
        for item in until(deadline, self._work):
            yield item
            if isinstance(item, Decoded):
                return
            best = item
        best = best or self._draft()
        degraded = [*self.log["degraded"], f"{LATE}: the best draft was kept"]
        yield self._decoded(best.text, finish="deadline", degraded=degraded)

    def _opening_log(self, tokens: int) -> BudgetLog:
        decoding = PROFILES[self.budget.profile]
        lowered = []
        if self.length < tokens:
            lowered = [f"token budget lowered to {self.length}: half of the engine's context"]
        return {
            "latency_s": 0.0,
            "budget_tokens": tokens,
            "budget_seconds": self.budget.seconds,
            "tokens_in": 0,
            "tokens_out": 0,
            "num_beams": decoding.beams,
            "length_penalty": decoding.length_penalty,
            "profile": self.budget.profile,
            "finish": "stop",
            "degraded": lowered,
            "engine": self.engine.id,
            "by": "extractive",
        }

    def _decoded(self, text: str, *, finish: Finish, degraded: list[str]) -> Decoded:
        assert self.log is not None
        log: BudgetLog = {
            **self.log,
            "latency_s": round(time.monotonic() - self.started, 4),
            "tokens_out": self.engine.count(text),
            "finish": finish,
            "degraded": list(dict.fromkeys(degraded)),
        }
        return Decoded(text, log)

    def _work(self, emit: Emit[Draft | Decoded]) -> None:
        """Drafts and the result; in a thread of its own, which may be left behind."""
        if self.budget.seconds is not None:
            emit(self._draft())
        try:
            self._once(emit)
        except Overflow:
            self._through_the_hierarchy(emit)

    def _once(self, emit: Emit[Draft | Decoded]) -> None:
        """One generation of the whole text. Raises: Overflow."""
        assert self.log is not None
        task: prompts.Task = "query" if self.query else "whole"
        template = prompts.template(task)
        tokens_in = self.engine.count(self._prompt(template, self.length)) + self.engine.overhead
        if tokens_in > self.engine.context:
            raise Overflow(tokens_in, self.engine.context)
        plan = self._plan(tokens_in)
        degraded = [*self.log["degraded"], *plan.given_up]
        decoding = PROFILES[plan.profile]
        prompt = self._prompt(template, plan.global_len)
        length = plan.global_len
        request = decoding.request(prompt, self.text, length, self.query, alone=True)
        generation = Generation(self.engine, self.results)
        if plan.unread:
            answer = generation.selected(request, 0, "there is no time for the model")
        else:
            self.log["num_beams"] = decoding.beams
            self.log["length_penalty"] = decoding.length_penalty
            self.log["degraded"] = degraded
            answer = self._generated(generation, request, template.version, emit)
        kept = self._fitting(claimed_sentences(answer.text, cut=answer.cut))
        if not kept:
            answer = generation.selected(
                request, 0, "the engine finished no sentence in the budget"
            )
            kept = answer.text or self._selected(self.text)
        self.log["tokens_in"] = answer.tokens_in or tokens_in
        self.log["by"] = answer.by
        degraded += [*answer.degraded, *([answer.gap] if answer.gap else [])]
        finish: Finish = "length" if answer.cut else "stop"
        if answer.failed == "late":
            finish = "deadline"
        emit(self._decoded(kept, finish=finish, degraded=degraded))

    def _prompt(self, template: prompts.Template, length: int) -> str:
        words = prompts.words_in(length, slack_of(self.engine))
        return template.render(self.text, query=self.query, language=self.language, words=words)

    def _plan(self, tokens_in: int) -> Plan:
        chunk = Chunk("c0", (), tokens_in)
        return planning.plan(
            (chunk,),
            replace(self.budget, seconds=self._left()),
            speed_of(self.speeds, self.engine),
            max_tokens=tokens_in,
            overlap=0,
            local_len=self.length,
            global_len=self.length,
            lanes=lanes_of(self.engine),
            start=start_of(self.speeds, self.engine),
            fill=fill_of(self.speeds, self.engine),
        )

    def _generated(
        self,
        generation: Generation,
        request: Request,
        version: str,
        emit: Emit[Draft | Decoded],
    ) -> Answer:
        said = ""

        def on_text(index: int, text: str) -> None:
            nonlocal said
            kept = self._fitting(claimed_sentences(text, cut=True))
            if len(kept) > len(said):
                said = kept
                emit(Draft(said))

        left = self._left()
        deadline = None if left is None else time.monotonic() + left
        began = time.monotonic()
        (answer,) = generation.answers(
            [request], stage="decode", version=version, deadline=deadline, on_text=on_text
        )
        took = time.monotonic() - began
        learn_speed(
            self.speeds,
            self.engine,
            [answer],
            took,
            beams=request.beams,
            allowed=request.max_tokens,
        )
        return answer

    def _left(self) -> float | None:
        """Seconds that the engine may still take; none are left at 1e-9."""
        seconds = self.budget.seconds
        if seconds is None:
            return None
        end = self.started + seconds - _MARGIN - _SHARE * seconds
        return max(1e-9, end - time.monotonic())

    def _through_the_hierarchy(self, emit: Emit[Draft | Decoded]) -> None:
        assert self.log is not None
        data = self.text.encode("utf-8", "surrogatepass")
        thread = assemble([Raw("text", hashlib.sha256(data).hexdigest(), data)])
        room = self.engine.context // 4
        options = Options(
            global_len=min(self.length, room), local_len=min(_LOCAL, room), language=self.language
        )
        budget = Budget(min(self.length, room), self._left(), self.budget.profile)
        events = summarize(
            thread, self.engine, budget, self.query, options=options, store=self.results
        )
        for event in events:
            if isinstance(event, Draft):
                emit(event)
            elif isinstance(event, Done):
                emit(self._from_hierarchy(event))

    def _from_hierarchy(self, done: Done) -> Decoded:
        assert self.log is not None
        decoding = PROFILES[done.plan.profile]
        self.log["num_beams"] = decoding.beams
        self.log["length_penalty"] = decoding.length_penalty
        self.log["tokens_in"] = done.spend.tokens_in
        self.log["by"] = done.summary.by
        over = f"the text is over the context: it was summarized in {len(done.chunks)} chunks"
        degraded = [*self.log["degraded"], over, *done.plan.given_up, *done.notices]
        late = any(notice.startswith(LATE) for notice in done.notices)
        return self._decoded(done.text, finish="deadline" if late else "stop", degraded=degraded)

    def _fitting(self, said: list[str]) -> str:
        """The first of the sentences `said` that keep the token budget together."""
        kept = ""
        for sentence in said:
            longer = f"{kept} {sentence}".strip()
            if self.engine.count(longer) > self.length:
                break
            kept = longer
        return kept

    def _draft(self) -> Draft:
        """Sentences of the text's start, which is soon read, however long the text is."""
        width = _DRAFT * self.length
        while width < len(self.text):
            start = self.text[:width]
            start = sentences.whole(start) or start.rpartition("\n")[0]
            if found := self._select(start):
                return Draft(found)
            width *= 8
        return Draft(self._selected(self.text))

    def _select(self, text: str) -> str:
        request = Request(text, text, self.length, self.query)
        return Generation(self.engine, self.results).selected(request, 0, "").text

    def _selected(self, text: str) -> str:
        """Sentences of `text`, or its shortest one. Raises: BadInput if none fits the budget."""
        if found := self._select(text):
            return found
        sizes = {s: self.engine.count(s) for s in sentences.split(text) if sentences.ended(s)}
        if not sizes:
            raise BadInput("no sentence was found in this text; does it have full stops?")
        shortest = min(sizes, key=lambda sentence: sizes[sentence])
        if sizes[shortest] > self.length:
            raise BadInput(
                f"a budget of {self.length} tokens holds no sentence of this text, whose shortest "
                f"has {sizes[shortest]}; raise the budget"
            )
        return shortest


def _check_count(engine: Engine) -> None:
    try:
        counted = engine.count("One sentence.")
    except (AttributeError, NotImplementedError, TypeError):
        counted = 0
    if not counted:
        raise BadInput(
            f"the engine {getattr(engine, 'id', engine)!r} cannot count tokens, "
            "which a token budget needs; give it a count(text) method"
        )
