"""What a run will read of its thread, and by which plan.

Everything, unless a query is asked that needs only some of it. Where a deadline leaves no time for
that much, less is located before anything else is given up; where an engine makes most of it up
from what it focuses on, it is given more. Both were measured (dev/LOG.md).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gistill import planning
from gistill.engines import focus_of
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
    size, overlap = _sizes(found)
    speed, fill = speed_of(store, engine), fill_of(store, engine)
    start, total = start_of(store, engine), sum(found.count_all().values())

    def planned(room: int) -> tuple[tuple[Chunk, ...], Plan, list[Unread]]:
        nonlocal budget
        chunks, unread = _packed(found, _needed(found, room))
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
        return chunks, plan, unread

    rooms = _rooms(found, total, size)
    for room in rooms:
        chunks, plan, found.unread = planned(room)
        worse = plan.given_up
        if room < rooms[0] and planning.EXTRACTIVE not in worse:
            plan = replace(plan, given_up=(planning.LESS, *worse))
        if planning.in_time(plan, budget, start) and not worse:
            break
    if planning.EXTRACTIVE in plan.given_up:
        # Where no model would be in time, what needs none reads the most.
        chunks, plan, found.unread = planned(size)
    return chunks, plan


def widened(found: Findings, chunk: Chunk) -> tuple[Chunk, list[Unread]] | None:
    """What one prompt may hold for the query, where `chunk` is less, and what is left unread."""
    if found.query is None or not found.options.locate:
        return None
    size, _ = _sizes(found)
    chunks, unread = _packed(found, _needed(found, size))
    if len(chunks) > 1 or chunks[0].tokens <= chunk.tokens:
        return None
    return chunks[0], unread


def _sizes(found: Findings) -> tuple[int, int]:
    """The most tokens that a chunk may have, and how many of them it may repeat."""
    options = found.options
    size = chunk_size(options, found.engine, found.global_len, found.query)
    # What was not asked for gives way to small chunks.
    return size, min(options.overlap, size // 4) if options.max_tokens is None else options.overlap


def _rooms(found: Findings, total: int, size: int) -> list[int]:
    """Tokens to read of `total`: for a query what the engine focuses on, then ever less."""
    if found.query is None or not found.options.locate:
        return [size]
    first = size
    if total > size and found.options.max_tokens is None:
        first = min(size, focus_of(found.engine))
    rooms = [first]
    while (room := rooms[-1] // 2) >= _LITTLE:
        rooms.append(room)
    return [first, *(room for room in rooms[1:] if room < total)]


def _needed(found: Findings, room: int) -> Sequence[Segment]:
    """Everything, unless there is a query and that is more than `room`: then what it needs."""
    assert found.costs is not None
    if found.query is None or not found.options.locate or sum(found.costs.values()) <= room:
        return found.thread.segments
    return found.locate(found.query, room)


def _packed(found: Findings, read: Sequence[Segment]) -> tuple[tuple[Chunk, ...], list[Unread]]:
    """The chunks of `read`, and what is not in them."""
    assert found.costs is not None
    size, overlap = _sizes(found)
    trial = replace(found, unread=_left_out(found.costs, read))
    kept = trial.admit(read, size)
    return chunking.pack(kept, found.engine.count, max_tokens=size, overlap=overlap), trial.unread


def _left_out(costs: Mapping[str, int], read: Sequence[Segment]) -> list[Unread]:
    kept = {segment.id for segment in read}
    left = tuple(id for id, tokens in costs.items() if tokens and id not in kept)
    tokens = sum(costs[id] for id in left)
    return [Unread("not located for the query", tokens, left)] if left else []
