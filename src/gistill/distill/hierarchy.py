"""Training rows from a run of the hierarchy: each target with exactly the input it was made from.

The pairs are read back from the store under the requests that made them, so they cannot slip
against each other, whatever dedupe and repair did afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from gistill import prompts
from gistill.artifacts.citations import nodes
from gistill.decoding.profiles import PROFILES
from gistill.distill.dataset import SPLITS, Row
from gistill.distill.teacher import SOUND
from gistill.engines import slack_of
from gistill.grounding import Evidence, support_rate
from gistill.options import Options
from gistill.teacher import fuse, local
from gistill.teacher.generation import Answer, Generation, claimed_sentences
from gistill.types import Chunk, Done, Request, Segment, Thread

_HELD_OUT = 0.1  # share of the chunks for each of dev and test, one at least


def rows(done: Done, thread: Thread, generation: Generation, options: Options) -> list[Row]:
    """A row for every generation of the run that the engine wrote and the thread supports.

    Its chunks and segments are all that the input was made from. Stand-ins for failed generations
    are left out, and so are targets that less than half of is supported.
    """
    return [row for row in generated(done, thread, generation, options) if sound(row)]


def sound(row: Row) -> bool:
    """Whether the segments support enough of the target to learn from it."""
    return row.support is None or row.support >= SOUND


def generated(
    done: Done, thread: Thread, generation: Generation, options: Options
) -> Iterator[Row]:
    """As `rows`, with those that the thread does not support."""
    found = [*_leaf_rows(done, generation, options), *_fuse_rows(done, generation, options)]
    by_id = {segment.id: segment for segment in thread.segments}
    for task, request, answer, chunks in found:
        ids = tuple(dict.fromkeys(s.id for chunk in chunks for s in chunk.segments))
        yield Row(
            task=task,
            input=request.prompt,
            target=answer.text,
            source=source(thread),
            segments=ids,
            chunks=tuple(chunk.id for chunk in chunks),
            teacher=answer.by,
            query=done.query or "",
            support=_support([by_id[i] for i in ids], answer, options),
        )


def source(thread: Thread) -> str:
    """What names a thread in rows: the sha256 of its file, or over those of its files."""
    hashes = [source.sha256 for source in thread.sources]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def regions(chunks: Sequence[Chunk]) -> dict[str, frozenset[str]]:
    """The ids of the segments that each split of one thread owns: the last tenth of the chunks is
    test, the tenth before it dev. All is train where there are too few chunks for that.

    A segment that is cut in two between splits belongs to none.
    """
    # The first chunk of a split shares its overlap with the split before and is lost.
    held = max(1, round(len(chunks) * _HELD_OUT)) + any(chunk.overlap for chunk in chunks)
    ends = (len(chunks) - 2 * held, len(chunks) - held, len(chunks))
    if ends[0] < 1:
        ends = (len(chunks),) * 3
    owned: dict[str, set[str]] = {}
    start = 0
    for name, end in zip(SPLITS, ends, strict=True):
        own = (chunk.segments[chunk.overlap :] for chunk in chunks[start:end])
        owned[name] = {segment.id for segments in own for segment in segments}
        start = end
    return {
        name: frozenset(ids.difference(*(owned[other] for other in SPLITS if other != name)))
        for name, ids in owned.items()
    }


def split(rows: Sequence[Row], chunks: Sequence[Chunk]) -> dict[str, list[Row]]:
    """Rows by split, as `regions` has them.

    A row belongs to a split if all its segments do; rows that touch two (at an overlap, or where
    parts of both are fused) belong to none, so that no split has seen another's text.
    """
    return {
        name: [row for row in rows if owned.issuperset(row.segments)]
        for name, owned in regions(chunks).items()
    }


_Found = tuple[prompts.Task, Request, Answer, Sequence[Chunk]]


def _leaf_rows(done: Done, generation: Generation, options: Options) -> Iterator[_Found]:
    task, requests = local.requests(
        done.chunks,
        done.plan,
        query=done.query,
        language=options.language,
        slack=slack_of(generation.engine),
    )
    stage = "single" if len(done.chunks) == 1 else "local"
    version = prompts.template(task).version
    for chunk, request in zip(done.chunks, requests, strict=True):
        answer = generation.stored(request, stage=stage, version=version)
        if answer and not answer.gap:
            yield task, request, answer, [chunk]


def _fuse_rows(done: Done, generation: Generation, options: Options) -> Iterator[_Found]:
    by_id = {chunk.id: chunk for chunk in done.chunks}
    task: prompts.Task = "fuse_query" if done.query else "fuse"
    for node in nodes(done.summary):
        if len(node.children) < 2:
            continue
        last = node is done.summary
        length = done.plan.global_len if last else done.plan.local_len
        request = fuse.request(
            node.children,
            PROFILES[done.plan.profile],
            max_tokens=length,
            query=done.query,
            language=options.language,
            slack=slack_of(generation.engine),
            alone=last,
        )
        version = prompts.template(task).version
        answer = generation.stored(request, stage=f"fuse {node.level}", version=version)
        if answer and not answer.gap:
            leaves = [leaf.chunk for leaf in nodes(node) if leaf.chunk]
            yield task, request, answer, [by_id[i] for i in leaves]


def _support(segments: Sequence[Segment], answer: Answer, options: Options) -> float:
    claims = Evidence(tuple(segments)).ground(claimed_sentences(answer.text, cut=answer.cut))
    return support_rate(claims, options.support_thr)
