"""A teacher's answers, given the passages that hold them and no distractors.

Only answers that these passages support are taught. All go through the store, so that a build that
was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gistill import prompts
from gistill.decoding.profiles import PROFILES
from gistill.engines import Engine
from gistill.grounding import Evidence, support_rate
from gistill.retrieval.locate import locate
from gistill.segmentation import sentences
from gistill.teacher import local
from gistill.teacher.generation import Answer, Generation, claimed_sentences
from gistill.types import Claim, Request, Segment

SOUND = 0.5  # share of a target's sentences that must have support
MAX_TOKENS = 160  # of an answer
_QUESTION_TOKENS = 32
_VERSION = "1"  # of the prompt below
_ASK = """\
Write one short question that this note from a conversation answers. The question must make sense \
to someone who has not read the note.

Note: {note}

Question:"""


@dataclass(frozen=True, slots=True)
class Taught:
    """A teacher's answer, the id of the engine that wrote it, and the share of its sentences that
    what it read supports."""

    text: str
    by: str
    support: float


def answers(
    generation: Generation, asked: Sequence[tuple[Sequence[Segment], str]]
) -> Iterator[tuple[int, Taught | None]]:
    """(place in `asked`, answer) for each (segments, question) as it is done; None where the
    teacher gave none, or one that these segments do not support.

    Segments that the engine cannot read at once are located for the question.
    """
    shown = [_fitting(segments, query, generation.engine) for segments, query in asked]
    requests = [
        local.request(
            segments, "query", PROFILES["greedy"], max_tokens=MAX_TOKENS, query=query, language=None
        )
        for segments, (_, query) in zip(shown, asked, strict=True)
    ]
    version = prompts.template("query").version
    for answer in generation.answers(requests, stage="teach", version=version, deadline=None):
        yield answer.index, taught(answer, shown[answer.index])


def taught(answer: Answer, segments: Sequence[Segment]) -> Taught | None:
    """`answer` if an engine wrote it and `segments` support it."""
    if answer.gap:
        return None
    said = claimed_sentences(answer.text, cut=answer.cut)
    support = support_rate(Evidence(tuple(segments)).ground(said))
    # Without the last sentence, where that is cut: nobody should learn to stop midway.
    return Taught(" ".join(said), answer.by, support) if support >= SOUND else None


def questions(generation: Generation, claims: Sequence[Claim]) -> list[tuple[Claim, str]]:
    """Claims with a question that each answers, by the teacher; without those that it did not
    make one for."""
    requests = [
        Request(_ASK.replace("{note}", claim.text), claim.text, _QUESTION_TOKENS)
        for claim in claims
    ]
    found = []
    for answer in generation.answers(requests, stage="question", version=_VERSION, deadline=None):
        said = sentences.split(answer.text)
        if not answer.gap and said and said[0].endswith("?") and 3 <= len(said[0].split()) <= 30:
            found.append((answer.index, said[0]))
    return [(claims[index], question) for index, question in sorted(found)]


def _fitting(segments: Sequence[Segment], query: str, engine: Engine) -> Sequence[Segment]:
    overhead = prompts.overhead(engine.count, query=query) + engine.overhead
    room = min(engine.window, engine.context - MAX_TOKENS - overhead)
    if sum(engine.count(line) + 1 for line in local.lines(segments).splitlines()) <= room:
        return segments
    return locate(segments, query, room, engine.count).segments
