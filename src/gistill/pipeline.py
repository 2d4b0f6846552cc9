"""`summarize`: the one generator that everything else iterates over, and the order of its stages.

thread -> located segments (only with a query) -> chunks -> local summaries -> dedupe -> fuse
level by level -> Done. Nothing here knows how a stage does its work, and no stage knows the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gistill import preparation
from gistill.asking import Asking, Stage
from gistill.decoding.deadline import Emit, until
from gistill.decoding.profiles import PROFILES
from gistill.engines import Engine, open_or_select, slack_of
from gistill.findings import LATE, Findings
from gistill.options import Options, room
from gistill.prompts import Task
from gistill.retrieval.chunks import choose
from gistill.spending import Meter, StageName
from gistill.store import Store
from gistill.teacher import fuse, local
from gistill.teacher.dedupe import dedupe
from gistill.teacher.generation import Generation
from gistill.teacher.local import Part
from gistill.types import (
    Budget,
    Chunk,
    Done,
    Draft,
    Event,
    Plan,
    Planned,
    Request,
    Segment,
    Summary,
    Thread,
    Unread,
)

_TINY = 24  # tokens: below it, whether any sentence fits is found out before the work
_LEAST, _QUICK, _FULL = 8, 64, 2000  # segments of the last resort, the first and second draft
_DRAFT_SHARE = 0.1  # of the time that is left: what the second draft may take


class Run(Iterator[Event]):
    """The events of one run, made as they are asked for; the last one is `Done`."""

    def __init__(self, events: Iterator[Event], plan: Callable[[], Plan]) -> None:
        self._events, self._plan = events, plan

    def __next__(self) -> Event:
        return next(self._events)

    def plan(self) -> Plan:
        """How the run would go, without beginning it: the engine counts, and is asked nothing."""
        return self._plan()

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

    With `budget.seconds` the work is done in a thread of its own, and at the deadline, counted
    from this call, what there is becomes the result. Opening an engine by name counts too, but
    cannot be interrupted.

    Raises, when iterated: BadInput for an empty thread or unusable settings; Overflow.
    """
    meter = Meter()
    notices = []
    if isinstance(engine, str):
        engine, notice = open_or_select(engine)
        notices = [notice] if notice else []
    budget = budget or Budget()
    query = query.strip() if query else None
    found = Findings(thread, engine, budget, query, options or Options(), notices, meter)
    store = store or Store()
    work = _Work(found, store, Generation(engine, store))
    events = work.events() if budget.seconds is None else work.punctual(budget.seconds)
    return Run(events, lambda: replace(work, found=replace(found, unread=[])).planned()[1])


@dataclass(slots=True)
class _Work:
    """One run: its stages in order, which leave what they find in `found`."""

    found: Findings
    store: Store
    generation: Generation

    @property
    def asking(self) -> Asking:
        return Asking(self.found, self.store, self.generation)

    def punctual(self, seconds: float) -> Iterator[Event]:
        """The events until the time is up, then a result of what there is."""
        found = self.found
        for event in until(found.meter.started + seconds, self._hand_over):
            yield event
            if isinstance(event, Done):
                return
        if found.root is None:
            found.draft(lines=_LEAST)
            yield from self._drafted()
        if found.root is None:
            yield from self.events()  # there is no sentence: this says why
        else:
            yield found.notice(f"{LATE}: this is the best result so far")
            yield found.late()

    def _hand_over(self, emit: Emit[Event]) -> None:
        for event in self.events():
            emit(event)

    def events(self) -> Iterator[Event]:
        found = self.found
        if found.deadline is not None:
            yield from self._drafts(found.deadline)
        chunks, plan = self.planned()
        if plan.global_len < _TINY:
            local.short_sentence(chunks, found.engine.count, plan.global_len)  # or BadInput
        found.chunks, found.plan = chunks, plan
        yield Planned(plan)
        for text in self._opening_notices(plan):
            yield found.notice(text)
        leaves = yield from self._leaves(chunks, plan)
        leaves = self._deduped(leaves)
        if found.deadline is not None:
            found.unite(leaves)
            yield from self._drafted()
        root = yield from self._fused(leaves, plan)
        found.leaves, found.root = tuple(leaves), root
        for text in self.store.notes:
            if text not in found.notices:
                yield found.notice(text)
        yield found.done()

    def _drafts(self, deadline: float) -> Iterator[Draft]:
        """A draft from a few segments at once, then one from more if that is soon done."""
        started = time.monotonic()
        self.found.draft(lines=_QUICK)
        yield from self._drafted()
        now = time.monotonic()
        more = min(_FULL, len(self.found.thread.segments)) / _QUICK
        if more > 1 and (now - started) * more < _DRAFT_SHARE * (deadline - now):
            self.found.draft(lines=_FULL)
            yield from self._drafted()

    def _drafted(self) -> Iterator[Draft]:
        if self.found.root is not None:
            yield Draft(fuse.joined(self.found.root.claims))

    def planned(self) -> tuple[tuple[Chunk, ...], Plan]:
        return preparation.prepare(self.found, self.store, self.found.deadline)

    def _opening_notices(self, plan: Plan) -> list[str]:
        thread = self.found.thread
        unread = [file.why for file in thread.unread]
        texts = [*self.found.notices, *thread.notes, *unread, *self.store.notes]
        self.found.notices.clear()
        if plan.given_up:
            texts.append(f"to keep the time budget, given up in order: {', '.join(plan.given_up)}")
        return texts

    def _leaves(self, chunks: Sequence[Chunk], plan: Plan) -> Stage[list[Summary]]:
        """Local summaries, one a chunk, in order."""
        task, requests = self._requests(chunks, plan)
        read = choose(chunks, len(chunks) - plan.unread, self.found.query, self.found.engine.count)
        skipped = [i for i in range(len(chunks)) if i not in read]
        why = "not read for lack of time"
        answers = {i: self.generation.selected(requests[i], i, why) for i in skipped}
        asked = [requests[i] for i in read]
        share = plan.steps[0].seconds / plan.seconds if plan.seconds else 1.0
        single = len(chunks) == 1
        stage: StageName = "single" if single else "local"
        with self.found.meter.stage(stage, 0):
            for answer in (yield from self.asking.answers(asked, stage, task, share)):
                answers[read[answer.index]] = answer
            parts = [Part.of(chunk, requests[i], answers[i]) for i, chunk in enumerate(chunks)]
            if single:
                parts[0] = yield from self._again(parts[0], plan)
                self.found.chunks = (parts[0].chunk,)
        for index, part in enumerate(parts):
            if part.answer.failed or index in skipped:
                unread = part.chunk.segments[part.chunk.overlap :]
                self.found.count_unread(unread, part.answer.gap or "not read")
        leaves = [self._sound(part) for part in parts]
        if single:
            limits = self.found.limits(plan.global_len)
            leaves = [replace(leaves[0], claims=fuse.compose(leaves[0].claims, (), limits))]
        return leaves

    def _requests(self, chunks: Sequence[Chunk], plan: Plan) -> tuple[Task, list[Request]]:
        found = self.found
        language, slack = found.options.language, slack_of(found.engine)
        return local.requests(chunks, plan, query=found.query, language=language, slack=slack)

    def _again(self, part: Part, plan: Plan) -> Stage[Part]:
        """`part`, or what the engine makes of it when it reads more or searches with other beams,
        whichever has the most support: for a part that is all there will be, as long as most of it
        is made up, and if there is time."""
        found, threshold = self.found, self.found.options.support_thr
        for chunk, unread, request in self._other_ways(part, plan):
            tokens_in = part.answer.tokens_in + chunk.tokens - part.chunk.tokens
            if not self.asking.in_time([request], tokens_in, found.deadline):
                break
            task: Task = "query" if found.query else "whole"
            (answer,) = yield from self.asking.answers([request], "single again", task, 1.0)
            if answer.gap:
                break
            found.unread = unread  # and what was made of less may cite this too
            both = Part.of(chunk, part.request, part.answer), Part.of(chunk, request, answer)
            part = max(both, key=lambda made: made.support(threshold))
            if not part.made_up(threshold):
                break
        return part

    def _other_ways(self, part: Part, plan: Plan) -> Iterator[tuple[Chunk, list[Unread], Request]]:
        """What else to ask for a part that is mostly made up: chunks, what they leave unread, and
        requests."""
        if not part.made_up(self.found.options.support_thr):
            return
        chunk, unread, request = part.chunk, self.found.unread, part.request
        if wider := preparation.widened(self.found, chunk):
            chunk, unread = wider
            _, (request,) = self._requests([chunk], plan)
            yield chunk, unread, request
        if part.answer.searched:
            yield chunk, unread, local.otherwise(request)

    def _sound(self, part: Part) -> Summary:
        """The part's leaf; selected sentences where the engine mostly made things up, and nothing
        where there is none to select and all of it is made up."""
        leaf = part.leaf
        if not part.made_up(self.found.options.support_thr):
            cited = tuple(claim for claim in leaf.claims if claim.cites)
            return replace(leaf, claims=cited or leaf.claims)
        why = "most of what the engine wrote has no support in the text"
        answer = self.generation.selected(part.request, 0, why)
        selected = local.summary(part.chunk, answer, part.request.query)
        if selected.claims or not any(claim.cites for claim in leaf.claims):
            return selected
        return leaf

    def _deduped(self, leaves: Sequence[Summary]) -> list[Summary]:
        parts = dedupe([leaf.claims for leaf in leaves], threshold=self.found.options.dedupe_thr)
        return [replace(leaf, claims=part) for leaf, part in zip(leaves, parts, strict=True)]

    def _fused(self, leaves: Sequence[Summary], plan: Plan) -> Stage[Summary]:
        """The root over `leaves`, level by level."""
        segments = {segment.id: segment for segment in self.found.thread.segments}
        nodes, level = list(leaves), 0
        found = self.found
        most = room(found.options, found.engine, plan.global_len, found.query)
        space = min(max(plan.max_tokens, 4 * plan.local_len), most)
        while len(nodes) > 1:
            level += 1
            groups = fuse.groups(nodes, self.found.engine.count, space)
            last = len(groups) == 1
            ids = [f"n{level}-{number:04d}" for number in range(len(groups))]
            limits = self.found.limits(plan.global_len if last else plan.local_len)
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
        found = self.found
        most = room(found.options, found.engine, limits.tokens, found.query)
        several = [index for index, group in enumerate(groups) if len(group) > 1]
        # Even two long summaries may be too much for a very small context.
        asked = [i for i in several if found.engine.count(fuse.notes(groups[i])) <= most]
        requests = [
            fuse.request(
                groups[index],
                PROFILES[plan.profile],
                max_tokens=limits.tokens,
                query=self.found.query,
                language=self.found.options.language,
                slack=slack_of(self.found.engine),
                alone=len(groups) == 1,
            )
            for index in asked
        ]
        task: Task = "fuse_query" if self.found.query else "fuse"
        # A group of one goes up as it is.
        nodes = [group[0] for group in groups]
        for index in set(several) - set(asked):
            why = "the notes do not fit the engine's context; the best ones were kept"
            nodes[index] = fuse.union(ids[index], level, groups[index], limits, why)
        with found.meter.stage("fuse", level):
            answers = yield from self.asking.answers(requests, f"fuse {level}", task, share)
        for answer in answers:
            index = asked[answer.index]
            if answer.failed and answer.by != found.engine.id:
                # Selecting from notes is what a union does, and it hears every child.
                why = f"{(answer.gap or '').partition(';')[0]}; the best notes were kept"
                nodes[index] = fuse.union(ids[index], level, groups[index], limits, why)
            else:
                group = groups[index]
                nodes[index] = fuse.summary(
                    ids[index], level, group, answer, segments, limits, found.query
                )
        return nodes
