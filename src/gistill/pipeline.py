"""`summarize`: the one generator that everything else iterates over, and the order of its stages.

thread -> located segments (only with a query) -> chunks -> local summaries -> dedupe -> fuse
level by level -> Done. Nothing here knows how a stage does its work, and no stage knows the next.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gistill import grounding, planning
from gistill.decoding.profiles import PROFILES
from gistill.engines import Engine, open_or_select
from gistill.errors import BadInput
from gistill.options import Options, chunk_size
from gistill.prompts import Task, template
from gistill.segmentation import chunk as chunking
from gistill.spending import Meter, learn_speed, speed_of
from gistill.store import Store
from gistill.teacher import fuse, local
from gistill.teacher.dedupe import dedupe
from gistill.teacher.generation import Answer, Generation
from gistill.types import (
    Budget,
    Chunk,
    Coverage,
    Done,
    Draft,
    Event,
    Notice,
    Plan,
    Planned,
    Progress,
    Request,
    Segment,
    Summary,
    Thread,
    Unread,
)

T = TypeVar("T")
Stage = Generator[Event, None, T]  # yields events as it works, returns what it made

_MARGIN = 0.05  # seconds kept back for putting the answer together
_SOUND = 0.5  # share of a chunk's sentences that need support for its summary to stand
_TINY = 24  # tokens: below it, whether any sentence fits is found out before the work
_DRAFT_LINES = 2000  # an instant draft reads an even sample of this many segments


class Run(Iterator[Event]):
    """The events of one run, made as they are asked for; the last one is `Done`."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def __next__(self) -> Event:
        return next(self._events)

    def result(self) -> Done:
        """Runs to the end and returns the result."""
        *_, last = self
        assert isinstance(last, Done)
        return last


def summarize(
    thread: Thread,
    engine: Engine | str = "bundled",
    budget: Budget | None = None,
    query: str | None = None,
    *,
    options: Options | None = None,
    store: Store | None = None,
) -> Run:
    """Summarizes `thread`, or answers `query` about it, within `budget`.

    Iterating gives `Planned`, then `Progress`, `Notice` and `Draft` events as they come, then
    `Done`; `.result()` runs through to it. Without `store` nothing is kept between runs. A name
    opens an engine; "bundled" falls back to selecting sentences while its model is not fetched.

    Raises, when iterated: BadInput for an empty thread or unusable settings; Overflow.
    """
    notices = []
    if isinstance(engine, str):
        engine, notice = open_or_select(engine)
        notices = [notice] if notice else []
    work = _Work(
        thread,
        engine,
        budget or Budget(),
        query.strip() if query else None,
        options or Options(),
        store or Store(),
        notices,
    )
    return Run(work.events())


@dataclass(slots=True)
class _Work:
    """One run's inputs and its account."""

    thread: Thread
    engine: Engine
    budget: Budget
    query: str | None
    options: Options
    store: Store
    notices: list[str]
    meter: Meter = field(default_factory=Meter)
    unread: list[Unread] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def deadline(self) -> float | None:
        seconds = self.budget.seconds
        return None if seconds is None else self.meter.started + seconds - _MARGIN

    def events(self) -> Iterator[Event]:
        if not any(local.lines([segment]) for segment in self.thread.segments):
            raise BadInput("there is nothing to summarize: the thread holds no words")
        segments, chunks, plan = self._planned()
        if plan.global_len < _TINY:
            local.short_sentence(chunks, self.engine.count, plan.global_len)  # or BadInput
        yield Planned(plan)
        for text in self._opening_notices(plan):
            yield self._notice(text)
        if self.deadline is not None:
            yield Draft(self._draft(segments, plan))
        leaves = yield from self._leaves(chunks, plan)
        leaves = self._deduped(leaves, plan)
        root = yield from self._fused(leaves, plan)
        for text in self.store.notes:
            if text not in self.notices:
                yield self._notice(text)
        yield self._done(root, leaves, chunks, plan)

    def _planned(self) -> tuple[Sequence[Segment], tuple[Chunk, ...], Plan]:
        options, budget = self.options, self.budget
        global_len = min(options.global_len, budget.tokens or options.global_len)
        size = chunk_size(options, self.engine, global_len)
        segments = self._located(size)
        overlap = options.overlap
        if options.max_tokens is None:
            overlap = min(overlap, size // 4)
        chunks = chunking.pack(segments, self.engine.count, max_tokens=size, overlap=overlap)
        plan = planning.plan(
            chunks,
            budget,
            speed_of(self.store, self.engine),
            max_tokens=size,
            overlap=overlap,
            local_len=options.local_len,
            global_len=options.global_len,
        )
        return segments, chunks, plan

    def _located(self, size: int) -> Sequence[Segment]:
        """The segments that a query needs, all of them where they fit one prompt anyway."""
        segments = self.thread.segments
        if self.query is None or not self.options.locate:
            return segments
        costs = {s.id: chunking.cost(s, self.engine.count) for s in segments}
        if sum(costs.values()) <= size:
            return segments
        from gistill.retrieval.locate import locate

        found = locate(segments, self.query, size, self.engine.count).segments
        kept = {segment.id for segment in found}
        left = tuple(s.id for s in segments if s.id not in kept and costs[s.id])
        if left:
            tokens = sum(costs[i] for i in left)
            self.unread.append(Unread("not located for the query", tokens, left))
        return found

    def _opening_notices(self, plan: Plan) -> list[str]:
        texts = [*self.notices, *self.thread.notes, *self.store.notes]
        self.notices.clear()
        if plan.given_up:
            texts.append(f"to keep the time budget, given up in order: {', '.join(plan.given_up)}")
        return texts

    def _notice(self, text: str) -> Notice:
        self.notices.append(text)
        return Notice(text)

    def _draft(self, segments: Sequence[Segment], plan: Plan) -> str:
        step = -(-len(segments) // _DRAFT_LINES)
        text = local.lines(segments[::step])
        request = Request(text, text, plan.global_len, self.query)
        return self._generation().selected(request, 0, "draft").text

    def _generation(self) -> Generation:
        return Generation(self.engine, self.store)

    def _leaves(self, chunks: Sequence[Chunk], plan: Plan) -> Stage[list[Summary]]:
        """Local summaries, one a chunk, in order."""
        task, requests = leaf_requests(
            chunks, plan, query=self.query, language=self.options.language
        )
        read = _spread(len(chunks), plan.unread)
        skipped = [i for i in range(len(chunks)) if i not in read]
        answers: dict[int, Answer] = {}
        for index in skipped:
            why = "not read for lack of time"
            answers[index] = self._generation().selected(requests[index], index, why)
        asked = [requests[i] for i in read]
        share = plan.steps[0].seconds / plan.seconds if plan.seconds else 1.0
        single = len(chunks) == 1
        stage = "single" if single else "local"
        for answer in (yield from self._answers(asked, stage, task, share)):
            answers[read[answer.index]] = answer
        leaves = []
        for index, chunk in enumerate(chunks):
            answer = answers[index]
            leaves.append(self._leaf(chunk, requests[index], answer))
            if answer.failed or index in skipped:
                self._count_unread(chunk, answer.gap or "not read")
        if single:
            limits = self._limits(plan.global_len)
            leaves = [replace(leaves[0], claims=fuse.compose(leaves[0].claims, (), limits))]
        return leaves

    def _leaf(self, chunk: Chunk, request: Request, answer: Answer) -> Summary:
        """The chunk's summary; selected sentences where the engine mostly made things up."""
        leaf = local.summary(chunk, answer)
        rate = grounding.support_rate(leaf.claims, self.options.support_thr)
        if answer.gap or rate >= _SOUND:
            cited = tuple(claim for claim in leaf.claims if claim.cites)
            return replace(leaf, claims=cited or leaf.claims)
        why = "most of what the engine wrote has no support in the text"
        selected = local.summary(chunk, self._generation().selected(request, 0, why))
        return selected if selected.claims else leaf

    def _answers(
        self, requests: Sequence[Request], stage: str, task: Task, share: float
    ) -> Stage[list[Answer]]:
        """Answers to `requests` within `share` of the time that is left."""
        deadline = self.deadline
        started = time.monotonic()
        if deadline is not None:
            deadline = started + max(0.0, deadline - started) * share
        version = template(task).version
        found: list[Answer] = []
        yield Progress(stage, 0, len(requests))
        for answer in self._generation().answers(
            requests, stage=stage, version=version, deadline=deadline
        ):
            self.meter.add(answer)
            found.append(answer)
            yield Progress(stage, len(found), len(requests), sum(a.reused for a in found))
        learn_speed(self.store, self.engine, found, time.monotonic() - started)
        degraded = dict.fromkeys(text for answer in found for text in answer.degraded)
        gaps = dict.fromkeys(answer.gap for answer in found if answer.gap)
        broken = dict.fromkeys(a.gap for a in found if a.gap and a.failed == "broken")
        self.failures += [f"{stage}: {gap}" for gap in broken]
        for text in [*degraded, *(f"{stage}: {gap}" for gap in gaps)]:
            if text not in self.notices:
                yield self._notice(text)
        return found

    def _count_unread(self, chunk: Chunk, reason: str) -> None:
        own = chunk.segments[chunk.overlap :]
        costs = {s.id: chunking.cost(s, self.engine.count) for s in own}
        ids = tuple(i for i, tokens in costs.items() if tokens)
        self.unread.append(Unread(reason, sum(costs.values()), ids))

    def _limits(self, tokens: int) -> fuse.Limits:
        options = self.options
        return fuse.Limits(tokens, self.engine.count, options.support_thr, options.strict)

    def _deduped(self, leaves: Sequence[Summary], plan: Plan) -> list[Summary]:
        parts = dedupe([leaf.claims for leaf in leaves], threshold=self.options.dedupe_thr)
        return [replace(leaf, claims=part) for leaf, part in zip(leaves, parts, strict=True)]

    def _fused(self, leaves: Sequence[Summary], plan: Plan) -> Stage[Summary]:
        """The root over `leaves`, level by level."""
        segments = {segment.id: segment for segment in self.thread.segments}
        nodes, level = list(leaves), 0
        room = min(
            max(plan.max_tokens, 4 * plan.local_len),
            self.engine.context - plan.global_len - planning.TEMPLATE - self.engine.overhead,
        )
        while len(nodes) > 1:
            level += 1
            groups = fuse.groups(nodes, self.engine.count, room)
            last = len(groups) == 1
            ids = [f"n{level}-{number:04d}" for number in range(len(groups))]
            limits = self._limits(plan.global_len if last else plan.local_len)
            ahead = [s.seconds for s in plan.steps if s.stage == "fuse" and s.level >= level]
            share = ahead[0] / sum(ahead) if sum(ahead) else 1.0
            if plan.unread == plan.chunks or (plan.flat and not last):
                why = "fused without the model for lack of time"
                nodes = [
                    fuse.union(i, level, g, limits, why) for i, g in zip(ids, groups, strict=True)
                ]
            else:
                nodes = yield from self._level(ids, level, groups, limits, plan, share, segments)
        return nodes[0]

    def _level(
        self,
        ids: Sequence[str],
        level: int,
        groups: Sequence[Sequence[Summary]],
        limits: fuse.Limits,
        plan: Plan,
        share: float,
        segments: Mapping[str, Segment],
    ) -> Stage[list[Summary]]:
        """The nodes over `groups`, those of several summaries fused by the engine."""
        asked = [index for index, group in enumerate(groups) if len(group) > 1]
        requests = [
            fuse.request(
                groups[index],
                PROFILES[plan.profile],
                max_tokens=limits.tokens,
                query=self.query,
                language=self.options.language,
            )
            for index in asked
        ]
        task: Task = "fuse_query" if self.query else "fuse"
        # A group of one goes up as it is.
        nodes = [group[0] for group in groups]
        for answer in (yield from self._answers(requests, f"fuse {level}", task, share)):
            index = asked[answer.index]
            if answer.failed and answer.by != self.engine.id:
                # Selecting from notes is what a union does, and it hears every child.
                why = f"{(answer.gap or '').partition(';')[0]}; the best notes were kept"
                nodes[index] = fuse.union(ids[index], level, groups[index], limits, why)
            else:
                group = groups[index]
                nodes[index] = fuse.summary(ids[index], level, group, answer, segments, limits)
        return nodes

    def _done(
        self, root: Summary, leaves: Sequence[Summary], chunks: Sequence[Chunk], plan: Plan
    ) -> Done:
        options = self.options
        if options.strict:
            sound = tuple(c for c in root.claims if c.support >= options.support_thr)
            root = replace(root, claims=sound)
        if not root.claims and not options.strict:
            claim = local.short_sentence(chunks, self.engine.count, plan.global_len)
            root = replace(root, claims=(claim,))
        claims = root.claims
        total = sum(chunking.cost(s, self.engine.count) for s in self.thread.segments)
        unread = sum(part.tokens for part in self.unread)
        return Done(
            text=fuse.joined(claims),
            summary=root,
            local=tuple(claim for leaf in leaves for claim in leaf.claims),
            chunks=tuple(chunks),
            plan=plan,
            coverage=Coverage(max(0, total - unread), total, tuple(self.unread)),
            positions=grounding.positions(claims, self.thread.segments),
            support_rate=grounding.support_rate(claims, options.support_thr),
            spend=self.meter.spend(),
            engine=self.engine.id,
            query=self.query,
            notices=tuple(self.notices),
            failures=tuple(self.failures),
        )


def leaf_requests(
    chunks: Sequence[Chunk], plan: Plan, *, query: str | None, language: str | None
) -> tuple[Task, list[Request]]:
    """What the engine is asked of each chunk, and by which prompt."""
    single = len(chunks) == 1
    task: Task = "query" if query else "whole" if single else "local"
    requests = [
        local.request(
            chunk.segments,
            task,
            PROFILES[plan.profile],
            max_tokens=plan.global_len if single else plan.local_len,
            query=query,
            language=language,
        )
        for chunk in chunks
    ]
    return task, requests


def _spread(count: int, unread: int) -> list[int]:
    """`count - unread` indices of `count`, evenly apart: the start and the end are both heard."""
    read = count - unread
    if read <= 0:
        return []
    if read == 1:
        return [0] if count == 1 else [count // 2]
    return sorted({round(i * (count - 1) / (read - 1)) for i in range(read)})
