"""Training rows from QMSum's meetings: questions, stretches and notes, in a mixture."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gistill.distill.context import (
    Context,
    count_words,
    favouring,
    located,
    mixed,
)
from gistill.distill.dataset import REFERENCE, Row
from gistill.distill.qmsum import Meeting, Question
from gistill.distill.support import share_supported
from gistill.distill.teacher import Taught, answers
from gistill.prompts import Task, template
from gistill.retrieval.rank import Index
from gistill.segmentation import sentences
from gistill.teacher.generation import Generation
from gistill.teacher.local import lines


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
    gold: float = 1.0  # how often the gold turns are sure to be in the context; else as located
    max_distractors: float = 0.5  # of a context with gold turns, drawn evenly from 0
    fill: bool = False  # contexts with gold turns up to their length, with more distractors
    evidence: bool = False  # of gold turns that do not all fit, those that the answer points to
    min_support: float = 0.0  # share of a reference's sentences that its context must support
    taught: float = 0.5  # the share of answers that is the teacher's, where there is one
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


def query_row(
    meeting: Meeting,
    question: Question,
    context: Context,
    *,
    limit: int | None = None,
    taught: Taught | None = None,
) -> Row:
    """The question over `context`, with its reference answer or the teacher's."""
    row = Row(
        task="query",
        input=template("query").render(context.text, query=question.text, words=limit),
        target=question.answer,
        source=meeting.id,
        segments=context.ids,
        query=question.text,
        scores=context.scores,
        is_gold=context.is_gold,
        distractors=context.distractors,
    )
    if taught is None:
        return row
    return replace(row, target=taught.text, teacher=taught.by, support=taught.support)


def dev_rows(meeting: Meeting, words: int) -> Iterator[Row]:
    """Every question over what the locator finds for it; nothing of the references is used."""
    index = Index(meeting.segments)
    for question in (*meeting.specific, *meeting.general):
        gold = meeting.gold(question) if question.spans else None
        context = located(meeting.segments, question.text, words, index, gold)
        yield query_row(meeting, question, context)


def rows(
    meeting: Meeting,
    mixture: Mixture,
    seed: int = 0,
    taught: Mapping[Question, Taught] | None = None,
) -> Iterator[Row]:
    """All training rows of one meeting; the same seed gives the same rows.

    `taught` has a teacher's answers to some of its specific questions.
    """
    draw = random.Random(f"{seed}/{meeting.id}")
    index = Index(meeting.segments)
    for question in (*meeting.specific, *meeting.general):
        answer = (taught or {}).get(question)
        for number in range(mixture.query):
            share = mixture.taught
            theirs = int((number + 1) * share) > int(number * share)
            yield _query_row(meeting, question, mixture, index, draw, answer if theirs else None)
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


def _query_row(
    meeting: Meeting,
    question: Question,
    mixture: Mixture,
    index: Index,
    draw: random.Random,
    taught: Taught | None,
) -> Row:
    favour = question.spans and draw.random() < mixture.gold
    share = draw.uniform(0, mixture.max_distractors) if favour else 0.0
    limit = mixture.limit(taught.text if taught else question.answer, draw)
    words, gold = draw.randint(*mixture.words), meeting.gold(question)
    if favour:
        if mixture.fill:
            clue = question.answer if mixture.evidence else ""
            context = favouring(meeting.segments, question.text, words, index, gold, share, clue)
        else:
            context = mixed(meeting.segments, question.text, words, index, gold, share)
    else:
        known = gold if question.spans else None
        context = located(meeting.segments, question.text, words, index, known)
    return query_row(meeting, question, context, limit=limit, taught=taught)


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
    told = list(dict.fromkeys(q.answer for q in inside))[:3]
    segments = meeting.segments[first : last + 1]
    target = " ".join(told)
    prompt = template("local").render(lines(segments), words=mixture.limit(target, draw))
    return Row("local", prompt, target, meeting.id, tuple(s.id for s in segments))


def _hull(question: Question) -> tuple[int, int]:
    return min(a for a, _ in question.spans), max(b for _, b in question.spans)


def _whole_row(
    meeting: Meeting, question: Question, mixture: Mixture, index: Index, draw: random.Random
) -> Row:
    context = located(meeting.segments, "", draw.randint(*mixture.words), index)
    limit = mixture.limit(question.answer, draw)
    prompt = template("whole").render(context.text, words=limit)
    return Row("whole", prompt, question.answer, meeting.id, context.ids, scores=context.scores)


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
    notes = _noisy(told, question, draw)
    text = draw.choice(_LAYOUTS)(notes)
    ids = tuple(dict.fromkeys(i for q in told for i in sorted(meeting.gold(q))))
    task: Task = "fuse_query" if query else "fuse"
    asked = question.text if query else ""
    limit = mixture.limit(question.answer, draw)
    prompt = template(task).render(text, query=asked, words=limit)
    return Row(task, prompt, question.answer, meeting.id, ids, query=asked)


def _noisy(told: Sequence[Question], kept: Question, draw: random.Random) -> list[str]:
    """The answers to `told`, some cut short, said twice or out of place; never that to `kept`."""
    notes = []
    for other in told:
        lines = sentences.split(other.answer)
        if len(lines) > 1 and draw.random() < 0.2 and other is not kept:
            lines = lines[: draw.randint(1, len(lines) - 1)]
        notes.append(" ".join(lines))
        if draw.random() < 0.1:
            notes.append(draw.choice(lines))
    if draw.random() < 0.2:
        at = draw.randrange(len(notes))
        notes.insert(draw.randrange(len(notes)), notes.pop(at))
    return notes


def build(
    meetings: Sequence[Meeting],
    dev: Sequence[Meeting],
    mixture: Mixture,
    *,
    dev_words: int,
    seed: int,
    generation: Generation | None,
    say: Callable[[str], None],
) -> dict[str, list[Row]]:
    """Rows of `meetings` to train on, and the questions of `dev` as they are met at run time.

    With a `generation`, its engine answers each question that has marked turns, from these turns.

    Raises: BadInput if a meeting is in both.
    """
    train: list[Row] = []
    unsound = unfounded = 0
    for number, meeting in enumerate(meetings, 1):
        taught: dict[Question, Taught] = {}
        if generation is not None:
            asked = [question for question in meeting.specific if question.spans]
            golds = [meeting.gold(question) for question in asked]
            seen = [
                ([s for s in meeting.segments if s.id in gold], question.text)
                for gold, question in zip(golds, asked, strict=True)
            ]
            for place, answer in answers(generation, seen):
                if answer is None:
                    unsound += 1
                else:
                    taught[asked[place]] = answer
            say(f"taught {meeting.id}, {number} of {len(meetings)} meetings")
        for row in rows(meeting, mixture, seed, taught):
            if founded(row, mixture.min_support):
                train.append(row)
            else:
                unfounded += 1
    if unsound:
        say(f"{unsound} of the teacher's answers have no support: left out")
    if unfounded:
        say(f"{unfounded} rows whose context does not support their reference: left out")
    return {
        "train": train,
        "dev": [row for meeting in dev for row in dev_rows(meeting, dev_words)],
        "test": [],
    }


def founded(row: Row, least: float) -> bool:
    """Whether the context of a row supports `least` of its reference's sentences: what it does not
    hold can only be made up. A teacher's answers have been looked at before."""
    return row.teacher != REFERENCE or not least or share_supported(row.target, row.input) >= least


def held_out(meetings: Sequence[Meeting], share: float) -> tuple[list[Meeting], list[Meeting]]:
    """Meetings to train on and, by their names and not by chance, `share` of them for dev."""
    ranked = sorted(meetings, key=lambda m: hashlib.sha256(m.id.encode()).digest())
    dev = {meeting.id for meeting in ranked[: max(1, round(share * len(ranked)))]}
    return [m for m in meetings if m.id not in dev], [m for m in meetings if m.id in dev]
