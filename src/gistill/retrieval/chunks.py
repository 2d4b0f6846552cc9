"""Which chunks are read when there is no time for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gistill.types import Chunk


def choose(
    chunks: Sequence[Chunk], read: int, query: str | None, count: Callable[[str], int]
) -> list[int]:
    """Indices of `read` chunks, in order: those that seem to answer `query`, else an even spread,
    in which the start and the end are both heard."""
    if read <= 0:
        return []
    if query is None or read >= len(chunks):
        return spread(len(chunks), read)
    from gistill.retrieval.locate import locate

    segments = [s for chunk in chunks for s in chunk.segments[chunk.overlap :]]
    room = sum(sorted((chunk.tokens for chunk in chunks), reverse=True)[:read])
    found = {s.id for s in locate(segments, query, room, count).segments}
    held = [sum(s.id in found for s in chunk.segments) for chunk in chunks]
    best = sorted(range(len(chunks)), key=lambda i: (-held[i], i))
    return sorted(best[:read])


def spread(count: int, read: int) -> list[int]:
    """At most `read` indices of `count`, evenly apart."""
    if read <= 0:
        return []
    if read == 1:
        return [0] if count == 1 else [count // 2]
    return sorted({round(i * (count - 1) / (read - 1)) for i in range(read)})
