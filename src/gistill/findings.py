"""What a run has found so far: at any moment after the first, enough to make a result of."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gistill import grounding
from gistill.engines import Engine
from gistill.engines.extractive import Extractive
from gistill.errors import BadInput
from gistill.options import Options
from gistill.segmentation import chunk as chunking
from gistill.segmentation.chunk import Atom
from gistill.segmentation.render import render
from gistill.segmentation.seen import admit
from gistill.spending import Meter
from gistill.teacher import fuse, local
from gistill.teacher.draft import draft
from gistill.types import (
    Budget,
    Chunk,
    Coverage,
    Done,
    Notice,
    Plan,
    Segment,
    Summary,
    Thread,
    Unread,
)

if TYPE_CHECKING:  # a thread that is read whole needs none of it
    from gistill.retrieval.rank import Index

LATE = "time ran out"
_MARGIN, _SHARE = 0.05, 0.02  # seconds, and share of the budget, for putting the answer together
_BYTES = 4  # in a token, where nothing was counted yet


@dataclass(slots=True)
class Findings:
    """A run's inputs and what came of them. `root` is the best summary so far."""

    thread: Thread
    engine: Engine
    budget: Budget
    query: str | None
    options: Options
    notices: list[str]
    meter: Meter
    unread: list[Unread] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    costs: dict[str, int] | None = None  # tokens of each segment
    index: Index | None = None  # of the thread, once something was located in it
    plan: Plan | None = None
    chunks: tuple[Chunk, ...] = ()
    leaves: tuple[Summary, ...] = ()
    root: Summary | None = None

    @property
    def global_len(self) -> int:
        return min(self.options.global_len, self.budget.tokens or self.options.global_len)

    @property
    def deadline(self) -> float | None:
        """When the engine has to be done."""
        seconds = self.budget.seconds
        return None if seconds is None else self.meter.started + seconds * (1 - _SHARE) - _MARGIN

    def until(self, share: float) -> float | None:
        """When `share` of the time that the engine has left will be over."""
        if self.deadline is None:
            return None
        now = time.monotonic()
        return now + max(0.0, self.deadline - now) * share

    def notice(self, text: str) -> Notice:
        """Keeps `text` to be told with the result, too."""
        self.notices.append(text)
        return Notice(text)

    def limits(self, tokens: int) -> fuse.Limits:
        options = self.options
        return fuse.Limits(tokens, self.engine.count, options.support_thr, options.strict)

    def count_all(self) -> dict[str, int]:
        """Tokens of each segment, which `costs` holds from now on."""
        self.costs = {s.id: chunking.cost(s, self.engine.count) for s in self.thread.segments}
        return self.costs

    def locate(self, query: str, tokens: int) -> Sequence[Segment]:
        """What of the thread `query` needs, within `tokens`."""
        from gistill.retrieval.locate import locate
        from gistill.retrieval.rank import Index

        segments = self.thread.segments
        self.index = self.index or Index(segments)
        return locate(segments, query, tokens, self.engine.count, self.index).segments

    def count_unread(self, segments: Sequence[Segment], reason: str) -> None:
        """`segments` may be pieces: their tokens are counted, not those of the whole."""
        costs = [(s.id, chunking.cost(s, self.engine.count)) for s in segments]
        ids = tuple(dict.fromkeys(id for id, tokens in costs if tokens))
        self.unread.append(Unread(reason, sum(tokens for _, tokens in costs), ids))

    def admit(self, segments: Sequence[Segment], size: int) -> list[Segment]:
        """`segments` without what was seen beyond its share of chunks of `size` tokens or told
        before, which is counted as unread; `costs` have to be known.

        Raises: BadInput if nothing is left.
        """
        assert self.costs is not None
        share = self.options.image_share
        found = admit(segments, self.costs, self.engine.count, room=size, share=share)
        beyond = f"{share:.0%} of a chunk, or a third of that in the long run (--image-share)"
        told = "text in images that was told before"
        self._leave({f"text in images beyond {beyond}": found.left, told: found.told}, found.kept)
        if not found.kept:
            raise BadInput("there is only text in images to read; raise --image-share")
        return found.kept

    def _leave(self, reasons: Mapping[str, Sequence[Atom]], kept: Sequence[Segment]) -> None:
        """Counts what is left out as unread; of segments that are read in part, what is not."""
        assert self.costs is not None
        cut = {atom.segment.id for atoms in reasons.values() for atom in atoms}
        counted = Counter[str]()
        for segment in kept:
            if segment.id in cut:
                counted[segment.id] += chunking.cost(segment, self.engine.count)
        for why, atoms in reasons.items():
            left = Counter[str]()
            for atom in atoms:
                left[atom.segment.id] += atom.tokens
            # Each piece names its speaker: together they cost more than the whole.
            tokens = {id: min(n, max(0, self.costs[id] - counted[id])) for id, n in left.items()}
            counted.update(tokens)
            if ids := tuple(id for id, n in tokens.items() if n):
                self.unread.append(Unread(why, sum(tokens.values()), ids))

    def draft(self, *, lines: int) -> None:
        """Makes the root of sentences from an even sample of the thread, if it has any."""
        claims = draft(
            self.thread.segments, self.global_len, self.query, self.engine.count, lines=lines
        )
        if claims:
            why = f"{LATE}; sentences of a sample were selected"
            self.root = Summary("n0-draft", claims, 0, Extractive.id, gap=why)

    def unite(self, leaves: Sequence[Summary]) -> None:
        """Makes the root of the best claims of `leaves`, without a model."""
        why = f"{LATE}; the best notes were kept"
        self.root = fuse.union("n1-0000", 1, leaves, self.limits(self.global_len), why)
        self.leaves = tuple(leaves)

    def late(self) -> Done:
        """The result when time has run out: there is a root by now."""
        if not self.leaves:
            if self.costs is None:
                lines = {s.id: render(s) for s in self.thread.segments}
                self.costs = {id: -(-len(line) // _BYTES) for id, line in lines.items()}
            ids = tuple(id for id, tokens in self.costs.items() if tokens)
            self.unread = [Unread(LATE, sum(self.costs.values()), ids)]
        return self.done()

    def done(self) -> Done:
        """The result as things stand, with a sentence in it whatever `root` has come to."""
        options, root = self.options, self.root
        assert root is not None
        assert self.costs is not None
        plan = self.plan or self._no_plan()
        if options.strict:
            sound = tuple(c for c in root.claims if c.support >= options.support_thr)
            root = replace(root, claims=sound)
        elif not root.claims:
            claim = local.short_sentence(self.chunks, self.engine.count, plan.global_len)
            root = replace(root, claims=(claim,))
        claims = root.claims
        total = sum(self.costs.values())
        unread = sum(part.tokens for part in self.unread)
        return Done(
            text=fuse.joined(claims),
            summary=root,
            local=tuple(claim for leaf in self.leaves for claim in leaf.claims),
            chunks=self.chunks,
            plan=plan,
            coverage=Coverage(max(0, total - unread), total, tuple(self.unread)),
            positions=grounding.positions(claims, self.thread.segments),
            support_rate=grounding.support_rate(claims, options.support_thr),
            spend=self.meter.spend(),
            spent=self.meter.spent(),
            engine=self.engine.id,
            query=self.query,
            notices=tuple(self.notices),
            failures=(*(file.why for file in self.thread.unread), *self.failures),
        )

    def _no_plan(self) -> Plan:
        options = self.options
        return Plan(
            steps=(),
            chunks=0,
            max_tokens=options.max_tokens or self.engine.window,
            overlap=options.overlap,
            local_len=options.local_len,
            global_len=self.global_len,
            profile=self.budget.profile,
            given_up=("extractive",),
        )
