"""What a run will read of its thread, and by which plan.

Everything, unless a query is asked that needs only some of it. Where a deadline leaves no time for
that much, less is located before anything else is given up: that was measured to lose the least
(dev/LOG.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gistill import planning
from gistill.errors import BadInput
from gistill.findings import Findings
from gistill.options import chunk_size
from gistill.segmentation import chunk as chunking
from gistill.speeds import fill_of, lanes_of, speed_of, start_of
from gistill.store import Store
from gistill.teacher import local
from gistill.types import Chunk, Plan, Segment, Unread

_LITTLE = 256  # tokens located for a query: less is not worth reading
_SOON = 0.05  # seconds: what a plan has at least


def prepare(
    found: Findings, store: Store, deadline: float | None
) -> tuple[tuple[Chunk, ...], Plan]:
    """The chunks to summarize and the plan for them; `found` learns what is left unread.

    Raises: BadInput for a thread without words, or unusable settings; Overflow.
    """
    if not any(local.lines([segment]) for segment in found.thread.segments):
        raise BadInput("there is nothing to summarize: the thread holds no words")
    options, budget, engine = found.options, found.budget, found.engine
    size = chunk_size(options, engine, found.global_len, found.query)
    overlap = options.overlap
    if options.max_tokens is None:
        overlap = min(overlap, size // 4)
    speed, fill = speed_of(store, engine), fill_of(store, engine)
    start, tried = start_of(store, engine), list[tuple[tuple[Chunk, ...], Plan, list[Unread]]]()
    costs = found.count_all()
    for read in _choices(found, sum(costs.values()), size):
        found.unread = _left_out(costs, read)
        chunks = chunking.pack(
            found.admit(read, size), engine.count, max_tokens=size, overlap=overlap
        )
        if deadline is not None:  # drafts and packing have had their part
            budget = replace(budget, seconds=max(_SOON, deadline - time.monotonic()))
        plan = planning.plan(
            chunks,
            budget,
            speed,
            max_tokens=size,
            overlap=overlap,
            local_len=options.local_len,
            global_len=options.global_len,
            lanes=lanes_of(engine),
            start=start,
            fill=fill,
        )
        worse = plan.given_up
        if tried and planning.EXTRACTIVE not in worse:
            plan = replace(plan, given_up=(planning.LESS, *worse))
        tried.append((chunks, plan, found.unread))
        if planning.in_time(plan, budget, start) and not worse:
            break
    # Where no model would be in time, what needs none reads the most.
    chunks, plan, found.unread = tried[0 if planning.EXTRACTIVE in plan.given_up else -1]
    return chunks, plan


def _choices(found: Findings, total: int, size: int) -> Iterator[Sequence[Segment]]:
    """What could be read: everything, or what a query needs where the `total` does not fit one
    prompt anyway; then ever less of it."""
    segments, query = found.thread.segments, found.query
    if query is None or not found.options.locate:
        yield segments
        return
    room, index = size, None
    if total <= room:
        yield segments
        room //= 2
    while room >= _LITTLE or room == size:
        if total > room:
            from gistill.retrieval.locate import locate
            from gistill.retrieval.rank import Index

            index = index or Index(segments)
            yield locate(segments, query, room, found.engine.count, index).segments
        room //= 2


def _left_out(costs: Mapping[str, int], read: Sequence[Segment]) -> list[Unread]:
    kept = {segment.id for segment in read}
    left = tuple(id for id, tokens in costs.items() if tokens and id not in kept)
    tokens = sum(costs[id] for id in left)
    return [Unread("not located for the query", tokens, left)] if left else []
