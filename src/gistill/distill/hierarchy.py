"""Training rows from a run of the hierarchy: each target with exactly the input it was made from.

The pairs are read back from the store under the requests that made them, so they cannot slip
against each other, whatever dedupe and repair did afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gistill import prompts
from gistill.artifacts.citations import nodes
from gistill.decoding.profiles import PROFILES
from gistill.errors import MissingExtra
from gistill.grounding import Evidence, support_rate
from gistill.options import Options
from gistill.pipeline import leaf_requests
from gistill.teacher import fuse
from gistill.teacher.generation import Answer, Generation, claimed_sentences
from gistill.types import Chunk, Done, Request, Segment, Thread

SPLITS = ("train", "dev", "test")
_HELD_OUT = 0.1  # share of the chunks for each of dev and test, one at least
_SOUND = 0.5  # share of a target's sentences that must have support

Row = dict[str, Any]


def rows(done: Done, thread: Thread, generation: Generation, options: Options) -> list[Row]:
    """A row for every generation of the run that the engine wrote and the thread supports.

    `input` is the prompt, `target` the answer; `chunks` and `segments` name all that the input
    was made from. Stand-ins for failed generations are left out.
    """
    found = [*_leaf_rows(done, generation, options), *_fuse_rows(done, generation, options)]
    source = [source.sha256 for source in thread.sources]
    by_id = {segment.id: segment for segment in thread.segments}
    kept = []
    for number, (task, request, answer, chunks) in enumerate(found):
        ids = list(dict.fromkeys(s.id for chunk in chunks for s in chunk.segments))
        sound = _support([by_id[i] for i in ids], answer, options)
        if sound < _SOUND:
            continue
        kept.append(
            {
                "id": f"{task}-{number:05d}",
                "task": task,
                "input": request.prompt,
                "target": answer.text,
                "query": done.query or "",
                "source": source,
                "chunks": [chunk.id for chunk in chunks],
                "segments": ids,
                "teacher": answer.by,
                "support": sound,
            }
        )
    return kept


def split(rows: Sequence[Row], chunks: Sequence[Chunk]) -> dict[str, list[Row]]:
    """Rows by split: the last tenth of the thread is test, the tenth before it dev.

    A row belongs to a split if all its segments do; rows that touch two (at an overlap, or where
    parts of both are fused) belong to none, so that no split has seen another's text.
    """
    # The first chunk of a split shares its overlap with the split before and is lost.
    held = max(1, round(len(chunks) * _HELD_OUT)) + any(chunk.overlap for chunk in chunks)
    ends = (len(chunks) - 2 * held, len(chunks) - held, len(chunks))
    if ends[0] < 1:
        return {"train": list(rows), "dev": [], "test": []}
    owner: dict[str, set[str]] = {}
    start = 0
    for name, end in zip(SPLITS, ends, strict=True):
        for chunk in chunks[start:end]:
            for segment in chunk.segments[chunk.overlap :]:
                owner.setdefault(segment.id, set()).add(name)
        start = end
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row in rows:
        touched = {name for segment in row["segments"] for name in owner[segment]}
        if len(touched) == 1:
            parts[touched.pop()].append(row)
    return parts


def save(parts: dict[str, list[Row]], folder: Path) -> None:
    """Writes `parts` as a Hugging Face `DatasetDict`.

    Raises: MissingExtra without the datasets package.
    """
    try:
        from datasets import Dataset, DatasetDict, Features, Value, disable_progress_bars
        from datasets import List as ListOf
    except ImportError:
        raise MissingExtra("writing distill_data", "train") from None
    disable_progress_bars()
    text, texts = Value("string"), ListOf(Value("string"))
    features = Features(
        dict.fromkeys(("id", "task", "input", "target", "query", "teacher"), text)
        | dict.fromkeys(("source", "chunks", "segments"), texts)
        | {"support": Value("float64")}
    )
    DatasetDict(
        {
            # By column: a split without rows keeps its features.
            name: Dataset.from_dict({f: [row[f] for row in part] for f in features}, features)
            for name, part in parts.items()
        }
    ).save_to_disk(str(folder), num_shards=dict.fromkeys(parts, 1))


_Found = tuple[str, Request, Answer, Sequence[Chunk]]


def _leaf_rows(done: Done, generation: Generation, options: Options) -> Iterator[_Found]:
    task, requests = leaf_requests(
        done.chunks, done.plan, query=done.query, language=options.language
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
        length = done.plan.global_len if node is done.summary else done.plan.local_len
        request = fuse.request(
            node.children,
            PROFILES[done.plan.profile],
            max_tokens=length,
            query=done.query,
            language=options.language,
        )
        version = prompts.template(task).version
        answer = generation.stored(request, stage=f"fuse {node.level}", version=version)
        if answer and not answer.gap:
            leaves = [leaf.chunk for leaf in nodes(node) if leaf.chunk]
            yield task, request, answer, [by_id[i] for i in leaves]


def _support(segments: Sequence[Segment], answer: Answer, options: Options) -> float:
    claims = Evidence(tuple(segments)).ground(claimed_sentences(answer.text, cut=answer.cut))
    return support_rate(claims, options.support_thr)
