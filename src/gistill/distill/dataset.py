"""Rows to train a student on: each target with exactly the input it was made from.

Contexts hold distractors on purpose: at run time the student reads what a locator found, never a
gold span alone. All prompts are `gistill.prompts`, all text is `gistill.segmentation.render`.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gistill.distill.qmsum import Meeting, Question
from gistill.errors import BadInput
from gistill.prompts import Task, template
from gistill.retrieval.locate import Located, locate
from gistill.retrieval.rank import Index, Passages
from gistill.segmentation import sentences
from gistill.segmentation.render import render
from gistill.types import Segment


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and its target, with where they came from.

    gold: the share of the context's words that the annotators marked as holding the answer, None
        where nothing was marked. distractors: the share of them they did not.
    """

    task: Task
    prompt: str
    completion: str
    source: str
    segments: tuple[str, ...] = ()
    teacher: str = "reference"
    gold: float | None = None
    distractors: float | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many variants of each kind to draw from a meeting, and how their contexts vary."""

    query: int = 6  # per question
    local: int = 2  # per question with a short gold span
    fuse: int = 8  # per general question
    whole: int = 4  # per general question
    fuse_query: int = 2  # per specific question
    words: tuple[int, int] = (300, 1500)  # of a located context
    local_words: tuple[int, int] = (350, 750)  # about 450 to 1,000 tokens
    gold: float = 0.75  # how often the gold turns are sure to be in the context
    max_distractors: float = 0.5
    exact: float = 0.4  # how often a prompt allows just the words that its target has
    unlimited: float = 0.2  # how often it names no limit; else one of up to `slack` words more
    slack: int = 60

    def limit(self, target: str, draw: random.Random) -> int | None:
        """The words that the prompt of a row allows, in tens; never fewer than its target has.

        Were it always just that many, the student would fill any limit; were it always far more,
        it would heed none.
        """
        kind = draw.random()
        if kind < self.unlimited:
            return None
        more = 0 if kind < self.unlimited + self.exact else draw.randint(0, self.slack)
        return -(-(count_words(target) + more) // 10) * 10


def count_words(text: str) -> int:
    """Words at white space: the unit of context lengths here."""
    return len(text.split())


def query_row(
    meeting: Meeting,
    question: Question,
    words: int,
    index: Index,
    distractors: float | None = None,
    limit: int | None = None,
) -> Row:
    """A question with its located context of at most `words` words; the prompt allows `limit`.

    With `distractors`, gold passages fill the rest of the allowance first, best-ranked ones first,
    and that share at least is left to the best-ranked others.
    """
    shown = index
    if distractors is not None and question.spans:
        shown = _Favouring(index, question.text, meeting.gold(question), words, distractors)
    found = locate(meeting.segments, question.text, words, count_words, shown)
    prompt = template("query").render(_rendered(found.segments), query=question.text, words=limit)
    gold = _gold_share(found, meeting.gold(question)) if question.spans else None
    return Row(
        task="query",
        prompt=prompt,
        completion=question.answer,
        source=meeting.id,
        segments=tuple(s.id for s in found.segments),
        gold=gold,
        distractors=None if gold is None else 1 - gold,
        query=question.text,
    )


def rows(meeting: Meeting, mixture: Mixture, seed: int = 0) -> Iterator[Row]:
    """All training rows of one meeting; the same seed gives the same rows."""
    draw = random.Random(f"{seed}/{meeting.id}")
    index = Index(meeting.segments)
    for question in (*meeting.specific, *meeting.general):
        for _ in range(mixture.query):
            favour = question.spans and draw.random() < mixture.gold
            share = draw.uniform(0, mixture.max_distractors) if favour else None
            limit = mixture.limit(question.answer, draw)
            words = draw.randint(*mixture.words)
            yield query_row(meeting, question, words, index, share, limit)
    answered = [q for q in meeting.specific if q.spans]  # the others are of no known place
    for question in answered:
        for _ in range(mixture.local):
            if row := _local_row(meeting, question, mixture, draw):
                yield row
        for _ in range(mixture.fuse_query):
            yield _fuse_row(meeting, question, mixture, draw, query=True)
    for question in meeting.general:
        for _ in range(mixture.whole):
            yield _whole_row(meeting, question, mixture, index, draw)
        if len(answered) >= 3:
            for _ in range(mixture.fuse):
                yield _fuse_row(meeting, question, mixture, draw, query=False)


def write(path: Path, found: Iterable[Row]) -> int:
    """Writes rows as gzipped JSON Lines; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=9) as file:
        for total, row in enumerate(found, 1):  # noqa: B007 (total is what is returned)
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    return total


def load(path: Path) -> list[Row]:
    """The rows of one split.

    Raises: BadInput if the file is missing or holds no row.
    """
    if not path.is_file():
        raise BadInput(f"{path} is missing; make it with scripts/qmsum_distill_data.py")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [Row(**{**r, "segments": tuple(r["segments"])}) for r in map(json.loads, lines)]
    if not found:
        raise BadInput(f"{path} holds no row; nothing to train on")
    return found


def check_splits(train: Sequence[Row], val: Sequence[Row]) -> None:
    """Raises: BadInput if a source stands in both splits."""
    if shared := {r.source for r in train} & {r.source for r in val}:
        raise BadInput(
            f"train and val share {len(shared)} sources, {sorted(shared)[0]} among them; "
            "split by source and build the data again"
        )


class _Favouring(Index):
    """An index that puts gold passages first, up to their share of the allowance."""

    def __init__(
        self, index: Index, query: str, gold: frozenset[str], words: int, distractors: float
    ) -> None:
        self.__dict__.update(index.__dict__)
        scores = index.rank(query)
        places = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")
        self._order = -places.astype(np.float32)
        left = (1 - distractors) * words
        isgold = _gold_runs(self.passages, gold)
        for run in np.argsort(places, kind="stable"):
            first, last = self.passages.runs[run]
            length = sum(self.passages.lengths[first:last])
            if isgold[run] and length <= left:
                left -= length
                self._order[run] += len(places)
            elif isgold[run]:
                self._order[run] -= len(places)

    def rank(self, query: str) -> np.ndarray:
        return self._order


def _gold_runs(passages: Passages, gold: frozenset[str]) -> list[bool]:
    found = []
    for first, last in passages.runs:
        inside = sum(
            n
            for piece, n in zip(
                passages.pieces[first:last], passages.lengths[first:last], strict=True
            )
            if piece.id in gold
        )
        found.append(2 * inside > sum(passages.lengths[first:last]))
    return found


def _gold_share(found: Located, gold: frozenset[str]) -> float:
    total = sum(count_words(s.text) for s in found.segments)
    inside = sum(count_words(s.text) for s in found.segments if s.id in gold)
    return round(inside / total, 4) if total else 0.0


def _rendered(segments: Iterable[Segment]) -> str:
    return "\n".join(line for segment in segments if (line := render(segment)))


def _local_row(
    meeting: Meeting, question: Question, mixture: Mixture, draw: random.Random
) -> Row | None:
    """A stretch around a short gold span; its target tells all that is answered within it."""
    words = draw.randint(*mixture.local_words)
    lengths = [count_words(s.text) + 1 for s in meeting.segments]
    first, last = _hull(question)
    room = words - sum(lengths[first : last + 1])
    if room < 0:
        return None
    before = room * draw.random()
    while first > 0 and before > 0:
        first -= 1
        before -= lengths[first]
    while last + 1 < len(lengths) and sum(lengths[first : last + 1]) < words:
        last += 1
    inside = [
        q for q in meeting.specific if q.spans and first <= _hull(q)[0] and _hull(q)[1] <= last
    ]
    inside.sort(key=_hull)
    answers = list(dict.fromkeys(q.answer for q in inside))[:3]
    segments = meeting.segments[first : last + 1]
    target = " ".join(answers)
    prompt = template("local").render(_rendered(segments), words=mixture.limit(target, draw))
    return Row("local", prompt, target, meeting.id, tuple(s.id for s in segments))


def _hull(question: Question) -> tuple[int, int]:
    return min(a for a, _ in question.spans), max(b for _, b in question.spans)


def _whole_row(
    meeting: Meeting, question: Question, mixture: Mixture, index: Index, draw: random.Random
) -> Row:
    found = locate(meeting.segments, "", draw.randint(*mixture.words), count_words, index)
    limit = mixture.limit(question.answer, draw)
    prompt = template("whole").render(_rendered(found.segments), words=limit)
    ids = tuple(s.id for s in found.segments)
    return Row("whole", prompt, question.answer, meeting.id, ids)


_LAYOUTS: tuple[Callable[[list[str]], str], ...] = (
    lambda notes: "\n".join(notes),
    lambda notes: "\n".join(
        f"- {sentence}" for note in notes for sentence in sentences.split(note)
    ),
    lambda notes: "\n\n".join(notes),
)


def _fuse_row(
    meeting: Meeting, question: Question, mixture: Mixture, draw: random.Random, *, query: bool
) -> Row:
    """Notes, the specific answers in thread order, noisy as a small model's are."""
    told = sorted((q for q in meeting.specific if q.spans), key=_hull)
    # A question's own note always stays, or there would be nothing to answer from.
    told = [q for q in told if q is question or draw.random() < 0.8] or told
    notes = []
    for other in told:
        lines = sentences.split(other.answer)
        if len(lines) > 1 and draw.random() < 0.2 and other is not question:
            lines = lines[: draw.randint(1, len(lines) - 1)]
        notes.append(" ".join(lines))
        if draw.random() < 0.1:
            notes.append(draw.choice(lines))
    if draw.random() < 0.2:
        at = draw.randrange(len(notes))
        notes.insert(draw.randrange(len(notes)), notes.pop(at))
    text = draw.choice(_LAYOUTS)(notes)
    ids = tuple(dict.fromkeys(i for q in told for i in sorted(meeting.gold(q))))
    task: Task = "fuse_query" if query else "fuse"
    asked = question.text if query else None
    limit = mixture.limit(question.answer, draw)
    prompt = template(task).render(text, query=asked, words=limit)
    return Row(task, prompt, question.answer, meeting.id, ids, query=asked)
