"""Training data from the user's own threads, by a teacher that reads them whole.

Three kinds of rows: what the hierarchy asked of each chunk and of the notes of several; its summary
of the whole, over passages spread over the thread; and questions, over located passages with
distractors, which the teacher answers from the passages that hold the answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gistill.distill import hierarchy, teacher
from gistill.distill.context import located, mixed
from gistill.distill.dataset import SPLITS, Row
from gistill.options import Options
from gistill.pipeline import summarize
from gistill.prompts import template, words_in
from gistill.retrieval.rank import Index
from gistill.teacher.generation import Generation
from gistill.types import Budget, Claim, Done, Event, Segment, Thread

Show = Callable[[Event], None]
Say = Callable[[str], None]

_AROUND = 2  # segments before and after a cited one that belong to the answer
_HELD_OUT = 0.1  # share of the threads for each of dev and test


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is made of each thread beside its summaries.

    queries: asked of every thread. questions: that the teacher makes up. variants: contexts of each
    question, and of the whole; words: of such a context; max_distractors: the largest share of them
    that does not hold the answer.
    """

    queries: tuple[str, ...] = ()
    questions: int = 8
    variants: int = 2
    words: tuple[int, int] = (300, 1000)
    max_distractors: float = 0.5
    seed: int = 0


def build(
    threads: Sequence[Thread],
    generation: Generation,
    options: Options,
    recipe: Recipe,
    show: Show,
    say: Say,
) -> dict[str, list[Row]]:
    """Rows by split. Several threads are split as wholes; one alone by its chunks.

    `show` gets the events of each run of the hierarchy, `say` a line about what was left out.

    Raises: BadInput for a thread without words; Overflow.
    """
    unique = list({hierarchy.source(thread): thread for thread in threads}.values())
    if len(unique) < len(threads):
        say(f"{len(threads) - len(unique)} threads are the same as others: left out")
    homes = _homes([hierarchy.source(thread) for thread in unique])
    parts: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for thread, home in zip(unique, homes, strict=True):
        done = _run(thread, generation, options, show)
        found = list(hierarchy.generated(done, thread, generation, options))
        for query in recipe.queries:
            answered = _run(thread, generation, options, show, query)
            found += hierarchy.generated(answered, thread, generation, options)
        good = [row for row in found if hierarchy.sound(row)]
        if home is None:
            for split, rows in hierarchy.split(good, done.chunks).items():
                parts[split] += rows
            regions = hierarchy.regions(done.chunks)
        else:
            parts[home] += good
            regions = {home: frozenset(segment.id for segment in thread.segments)}
        unsound = len(found) - len(good)
        for split, owned in regions.items():
            rows, dropped = _questioned(thread, owned, done, generation, recipe)
            parts[split] += [*rows, *_whole(thread, owned, done, recipe)]
            unsound += dropped
        if unsound:
            say(f"{thread.title}: {unsound} of the teacher's answers have no support: left out")
    return parts


def _homes(sources: Sequence[str]) -> list[str | None]:
    """A split for each thread; None where there is but one."""
    if len(sources) == 1:
        return [None]
    held = max(1, round(len(sources) * _HELD_OUT))
    names = ["dev"] * held + (["test"] * held if len(sources) > 2 else [])
    # By content, not by the order on the command line.
    home = dict(zip(sorted(sources), names, strict=False))
    return [home.get(source, "train") for source in sources]


def _run(
    thread: Thread, generation: Generation, options: Options, show: Show, query: str | None = None
) -> Done:
    events = summarize(
        thread, generation.engine, Budget(), query, options=options, store=generation.store
    )
    for event in events:
        show(event)
        if isinstance(event, Done):
            return event
    raise AssertionError("a run ends with Done")


def _questioned(
    thread: Thread, owned: frozenset[str], done: Done, generation: Generation, recipe: Recipe
) -> tuple[list[Row], int]:
    """Rows of made-up questions, and how many answers had no support."""
    segments = [segment for segment in thread.segments if segment.id in owned]
    claims = [claim for claim in done.local if claim.cites and owned.issuperset(claim.cites)]
    chosen = _spread(claims, recipe.questions)
    asked = teacher.questions(generation, chosen) if chosen else []
    if not asked:
        return [], 0
    golds = [_around(segments, claim.cites) for claim, _ in asked]
    seen = [
        ([s for s in segments if s.id in gold], query)
        for gold, (_, query) in zip(golds, asked, strict=True)
    ]
    answers = dict(teacher.answers(generation, seen))
    index = Index(segments)
    rows = []
    for place, (gold, (_, query)) in enumerate(zip(golds, asked, strict=True)):
        if (answer := answers[place]) is None:
            continue
        draw = random.Random(f"{recipe.seed}/{query}")
        for _ in range(recipe.variants):
            share = draw.uniform(0, recipe.max_distractors)
            context = mixed(segments, query, draw.randint(*recipe.words), index, gold, share)
            rows.append(
                Row(
                    task="query",
                    input=template("query").render(
                        context.text, query=query, words=words_in(teacher.MAX_TOKENS)
                    ),
                    target=answer.text,
                    source=hierarchy.source(thread),
                    segments=context.ids,
                    teacher=answer.by,
                    query=query,
                    scores=context.scores,
                    is_gold=context.is_gold,
                    distractors=context.distractors,
                    support=answer.support,
                )
            )
    return rows, sum(answer is None for answer in answers.values())


def _whole(thread: Thread, owned: frozenset[str], done: Done, recipe: Recipe) -> Iterator[Row]:
    """The summary of the whole over some of it, where a split owns all that was summarized."""
    if len(done.chunks) < 2 or len(owned) < len(thread.segments):
        return
    if done.failures or done.summary.gap or done.support_rate < teacher.SOUND:
        return
    index, draw = Index(thread.segments), random.Random(recipe.seed)
    for _ in range(recipe.variants):
        context = located(thread.segments, "", draw.randint(*recipe.words), index)
        yield Row(
            task="whole",
            input=template("whole").render(context.text, words=words_in(done.plan.global_len)),
            target=done.text,
            source=hierarchy.source(thread),
            segments=context.ids,
            teacher=done.engine,
            scores=context.scores,
            support=done.support_rate,
        )


def _spread(claims: Sequence[Claim], wanted: int) -> list[Claim]:
    """At most `wanted` of them, evenly over the thread."""
    count = min(wanted, len(claims))
    return [claims[i * len(claims) // count] for i in range(count)]


def _around(segments: Sequence[Segment], cites: Sequence[str]) -> frozenset[str]:
    """The cited segments and their neighbours."""
    at = [place for place, segment in enumerate(segments) if segment.id in cites]
    near = {i for place in at for i in range(place - _AROUND, place + _AROUND + 1)}
    return frozenset(segments[i].id for i in near if 0 <= i < len(segments))
