"""What a run's predictions come to: scores, whole and in parts, their support, their cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.bench import folder as runs
from gistill.bench import qmsum
from gistill.bench.paired import Interval, difference, interval
from gistill.bench.scores import METRICS, PARTS, SCORER, Scores, rouge
from gistill.errors import BadInput

F1 = PARTS.index("f1")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """A scored run.

    scores: a row a prediction, shape (queries, 4, 3). bert: likewise, (queries, 3), where BERTScore
    was computed.
    """

    name: str
    record: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    scores: Scores
    bert: NDArray[np.float64] | None = None

    @property
    def meetings(self) -> list[str]:
        return [row["meeting_id"] for row in self.rows]

    @property
    def source(self) -> tuple[str, str]:
        """The split, and what identifies its text."""
        return self.record["split"], self.record["data"]["sha256"]

    @property
    def extent(self) -> str:
        """Which split, and how much of it."""
        meetings, questions = len(set(self.meetings)), len(self.rows)
        return qmsum.extent(self.record["split"], meetings, questions, self.record["domain"])

    def f1(self, metric: str) -> NDArray[np.float64]:
        """One value a question."""
        return np.asarray(self.scores[:, METRICS.index(metric), F1])


Bert = Callable[[Sequence[str], Sequence[str]], NDArray[np.float64]]


def load(folder: Path, bert: Bert | None = None) -> Result:
    """Reads a run and scores it.

    Raises: BadInput if there is none; MissingExtra.
    """
    record, rows = runs.load(folder)
    texts = [row["summary"] for row in rows], [row["reference"] for row in rows]
    return Result(
        folder.resolve().name, record, rows, rouge(*texts), bert(*texts) if bert else None
    )


def figures(result: Result) -> Figures:
    """Everything that is reported of a run, as JSON values."""
    rows = result.rows
    seconds = np.array([row["seconds"] for row in rows])
    cost = result.record.get("cost", {})
    found: Figures = {
        "run": result.name,
        "system": result.record["system"],
        "scorer": SCORER,
        "split": result.record["split"],
        "extent": result.extent,
        "rouge": _whole(result),
        "by_domain": _parts(result, "domain"),
        "by_kind": _parts(result, "kind"),
        "words": {
            "summary": _mean(len(row["summary"].split()) for row in rows),
            "reference": _mean(len(row["reference"].split()) for row in rows),
        },
        "support": _mean(row["support"] for row in rows),
        "cited": _mean(row["cited"] for row in rows),
        "seconds": {
            "mean": round(float(seconds.mean()), 4),
            "median": round(float(np.median(seconds)), 4),
            "p95": round(float(np.percentile(seconds, 95)), 4),
        },
        "at_once": result.record["settings"].get("batch", 1),
        "tokens_in": _mean(row["tokens_in"] for row in rows),
        "tokens_out": _mean(row["tokens_out"] for row in rows),
        "peak_rss": cost.get("peak_rss"),
        "peak_vram": cost.get("peak_vram"),
        "with_notes": sum(bool(row["notes"]) for row in rows),
    }
    if result.bert is not None:
        means = 100 * result.bert.mean(axis=0)
        found["bertscore"] = {p: round(float(v), 2) for p, v in zip(PARTS, means, strict=True)}
    return found


def compare(ours: Result, theirs: Result) -> Figures:
    """`ours - theirs` in F1 on the questions that both answered.

    Raises: BadInput if they are of different data, or share no question.
    """
    if ours.source != theirs.source:
        raise BadInput(f"{ours.name} and {theirs.name} are of different splits or data")
    place = {runs.key(row): i for i, row in enumerate(theirs.rows)}
    pairs = [(i, place[k]) for i, row in enumerate(ours.rows) if (k := runs.key(row)) in place]
    if not pairs:
        raise BadInput(f"{ours.name} and {theirs.name} have answered no question both")
    mine, other = (np.array(side) for side in zip(*pairs, strict=True))
    meetings = [ours.meetings[i] for i in mine]
    return {
        "run": ours.name,
        "against": theirs.name,
        "queries": len(pairs),
        **{
            metric: _interval(difference(ours.f1(metric)[mine], theirs.f1(metric)[other], meetings))
            for metric in METRICS
        },
    }


def _whole(result: Result) -> Figures:
    found: Figures = {}
    for i, metric in enumerate(METRICS):
        means = result.scores[:, i].mean(axis=0)
        between = interval(result.f1(metric), result.meetings)
        found[metric] = {
            **{part: round(float(value), 2) for part, value in zip(PARTS, means, strict=True)},
            "low": round(between.low, 2),
            "high": round(between.high, 2),
        }
    return found


def _parts(result: Result, field: str) -> Figures:
    names = np.array([row[field] for row in result.rows])
    found: Figures = {}
    for name in sorted(set(names)):
        means = result.scores[names == name][:, :, F1].mean(axis=0)
        scores = {m: round(float(v), 2) for m, v in zip(METRICS, means, strict=True)}
        found[str(name)] = {"queries": int((names == name).sum()), **scores}
    return found


def _interval(found: Interval) -> Figures:
    return {
        "mean": round(found.mean, 2),
        "low": round(found.low, 2),
        "high": round(found.high, 2),
        "clear": found.clear,
    }


def _mean(values: Any) -> float:
    return round(float(np.mean(list(values))), 4)
