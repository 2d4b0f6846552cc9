"""QMSum meetings (Zhong et al., NAACL 2021) as segments, questions and gold spans."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistill.errors import BadInput
from gistill.types import Locator, Segment

DOMAINS = ("Academic", "Product", "Committee")

# How the three collections name their meetings: ICSI, AMI, and parliaments' committees.
_NAMES = {"Academic": r"B[a-z]{2}\d+", "Product": r"(?:ES|IS|TS)\d+", "Committee": r"[a-z]+_\d+"}


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
    domain: str = ""

    def gold(self, question: Question) -> frozenset[str]:
        """Ids of the segments that hold the answer; empty for general questions."""
        return frozenset(s.id for a, b in question.spans for s in self.segments[a : b + 1])


def read(folder: Path, split: str) -> Iterator[Meeting]:
    """Meetings of a split, in file order.

    `folder` holds `qmsum-<split>.jsonl` (or `<split>.jsonl`; each may be gzipped), or is laid out
    as the QMSum repository's `data`: `ALL/<split>/*.json` or `<Domain>/<split>/*.json`. There a
    meeting is named by its file. The repository itself may be named too.

    Raises: BadInput if there is no such file, or one is not of QMSum's shape.
    """
    for path in _files(folder, split):
        if path.suffix == ".json":
            domain = path.parent.parent.name
            yield _meeting(path.name, path.read_bytes(), path.stem, domain)
            continue
        text = path.read_bytes()
        lines = (gzip.decompress(text) if path.suffix == ".gz" else text).splitlines()
        for number, line in enumerate(lines):
            if line.strip():
                yield _meeting(path.name, line, f"{split}-{number:03d}", "")


def _files(folder: Path, split: str) -> list[Path]:
    for root in (folder, folder / "data"):
        for name in (f"qmsum-{split}.jsonl", f"{split}.jsonl"):
            for path in (root / name, root / f"{name}.gz"):
                if path.is_file():
                    return [path]
        by_domain = [path for d in DOMAINS for path in sorted(root.glob(f"{d}/{split}/*.json"))]
        found = by_domain or sorted(root.glob(f"ALL/{split}/*.json"))
        if found:
            return found
        for path in (root / "ALL" / "jsonl" / f"{split}.jsonl", root / "jsonl" / f"{split}.jsonl"):
            if path.is_file():
                return [path]
    raise BadInput(
        f"{folder} holds no QMSum {split}: expected qmsum-{split}.jsonl(.gz), or the folders of "
        f"the QMSum repository's data ({', '.join(DOMAINS)} or ALL) with {split}/*.json"
    )


def domain_of(meeting: str) -> str:
    """The domain of a meeting by how its collection names its meetings; empty if by none."""
    return next((d for d, name in _NAMES.items() if re.match(name, meeting)), "")


def _meeting(source: str, text: bytes, name: str, domain: str) -> Meeting:
    try:
        record = json.loads(text)
        name = record.get("meeting_id", name)
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
            domain=record.get("domain") or (domain if domain in DOMAINS else domain_of(name)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{source} ({name}) is no QMSum meeting: {type(error).__name__} {error}"
        ) from None


def _question(record: dict[str, Any]) -> Question:
    spans = _spans(record.get("relevant_text_span", []))
    return Question(record["query"].strip(), " ".join(record["answer"].split()), spans)


def _spans(pairs: list[list[str]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in pairs)
