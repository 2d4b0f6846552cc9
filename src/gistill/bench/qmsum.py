"""QMSum as the bench reads it: where it lies, and its questions one by one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gistill.distill.qmsum import DOMAINS, Meeting, Question, read
from gistill.errors import BadInput

SPLITS = ("train", "val", "test")
# Meetings a split has in the published data: what is at hand may be less.
WHOLE = {"train": 162, "val": 35, "test": 35}
NEARBY = Path("../shared/qmsum")

Kind = Literal["general", "specific"]


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a meeting.

    `index` counts those of its kind: some meetings ask the same text twice, with two answers.
    """

    meeting: Meeting
    kind: Kind
    index: int
    question: Question

    @property
    def key(self) -> str:
        return f"{self.meeting.id}/{self.kind}/{self.index}"


def folder(named: Path | None = None) -> Path:
    """Where QMSum lies: `named`, else `../shared/qmsum` when present, else $QMSUM_DIR.

    Raises: BadInput if it lies nowhere.
    """
    variable = os.environ.get("QMSUM_DIR")
    found = named or (NEARBY if NEARBY.is_dir() else Path(variable) if variable else None)
    if found is None:
        raise BadInput(
            "no QMSum here: clone https://github.com/Yale-LILY/QMSum and name its data folder "
            "with --data DIR or QMSUM_DIR"
        )
    if not found.is_dir():
        raise BadInput(f"{found} is no folder; name the one that holds QMSum with --data DIR")
    return found


def load(where: Path, split: str, domain: str | None = None) -> list[Meeting]:
    """The meetings of a split, in file order; only those of `domain` (in any case) if named.

    Raises: BadInput for an unknown split or domain, or if there are none.
    """
    if split not in SPLITS:
        raise BadInput(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    if domain is not None and domain.title() not in DOMAINS:
        raise BadInput(f"unknown domain {domain!r}; choose one of {', '.join(DOMAINS)}")
    found = [m for m in read(where, split) if domain is None or m.domain == domain.title()]
    if not found:
        raise BadInput(f"{where} holds no meeting of the domain {domain!r} in {split}")
    return found


def queries(meetings: Iterable[Meeting]) -> Iterator[Query]:
    """Every question, meeting by meeting, the general ones first."""
    for meeting in meetings:
        for index, question in enumerate(meeting.general):
            yield Query(meeting, "general", index, question)
        for index, question in enumerate(meeting.specific):
            yield Query(meeting, "specific", index, question)


def extent(split: str, meetings: int, queries: int, domain: str | None = None) -> str:
    """What was looked at, in one sentence for every page of results."""
    whole = WHOLE[split]
    name = f"{split}, {domain.title()}" if domain else split
    text = f"QMSum {name}: {queries} questions on {meetings} of {whole} meetings"
    if meetings < whole:
        text += "; a part of the split, so not comparable with published figures"
    return text + "."
