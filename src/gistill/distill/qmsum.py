"""QMSum meetings (Zhong et al., NAACL 2021) as segments, questions and gold spans."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistill.errors import BadInput
from gistill.types import Locator, Segment


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its reference answer, and the turns (first, last, inclusive) that hold it."""

    text: str
    answer: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting; `topics` are annotated stretches with the name of what was talked about."""

    id: str
    segments: tuple[Segment, ...]
    general: tuple[Question, ...]
    specific: tuple[Question, ...]
    topics: tuple[Question, ...]

    def gold(self, question: Question) -> frozenset[str]:
        """Ids of the segments that hold the answer; empty for general questions."""
        return frozenset(s.id for a, b in question.spans for s in self.segments[a : b + 1])


def read(folder: Path, split: str) -> Iterator[Meeting]:
    """Meetings of `folder/qmsum-<split>.jsonl.gz`, in file order.

    Raises: BadInput if the file is missing.
    """
    path = folder / f"qmsum-{split}.jsonl.gz"
    if not path.is_file():
        raise BadInput(f"{path} is missing; name the folder that holds QMSum's {path.name}")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield _meeting(path.name, json.loads(line))


def _meeting(source: str, record: dict[str, Any]) -> Meeting:
    name = record["meeting_id"]
    segments = tuple(
        Segment(
            id=f"s{i:06d}",
            text=turn["content"],
            at=Locator(source, (0, len(turn["content"])), f"/{name}/{i}/content"),
            speaker=turn["speaker"],
            kind="utterance",
        )
        for i, turn in enumerate(record["meeting_transcripts"])
    )
    return Meeting(
        id=name,
        segments=segments,
        general=tuple(_question(q) for q in record["general_query_list"]),
        specific=tuple(_question(q) for q in record["specific_query_list"]),
        topics=tuple(
            Question(t["topic"].strip(), "", _spans(t["relevant_text_span"]))
            for t in record["topic_list"]
        ),
    )


def _question(record: dict[str, Any]) -> Question:
    spans = _spans(record.get("relevant_text_span", []))
    return Question(record["query"].strip(), " ".join(record["answer"].split()), spans)


def _spans(pairs: list[list[str]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in pairs)
