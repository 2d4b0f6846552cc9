"""From chunks to claims: what is asked of each chunk, and what its answer becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gistill import prompts
from gistill.decoding.profiles import PROFILES, Decoding
from gistill.errors import BadInput
from gistill.grounding import Evidence, support_rate
from gistill.segmentation import sentences
from gistill.segmentation.render import render
from gistill.teacher.generation import Answer, grounded
from gistill.types import Chunk, Claim, Plan, Request, Segment, Summary

_SOUND = 0.5  # share of the sentences that need support for a leaf to stand


def lines(segments: Sequence[Segment]) -> str:
    """The material of a prompt: a line a segment, without those that are only noise."""
    return "\n".join(filter(None, map(render, segments)))


def request(
    segments: Sequence[Segment],
    task: prompts.Task,
    decoding: Decoding,
    *,
    max_tokens: int,
    query: str | None,
    language: str | None,
    slack: int = 0,
    alone: bool = False,
) -> Request:
    """The generation that summarizes `segments`; `slack` is the engine's."""
    text = lines(segments)
    template, words = prompts.template(task), prompts.words_in(max_tokens, slack)
    prompt = template.render(text, query=query, language=language, words=words)
    return decoding.request(prompt, text, max_tokens, query, alone=alone)


def requests(
    chunks: Sequence[Chunk], plan: Plan, *, query: str | None, language: str | None, slack: int
) -> tuple[prompts.Task, list[Request]]:
    """What an engine of this `slack` is asked of each chunk, and by which prompt."""
    single = len(chunks) == 1
    task: prompts.Task = "query" if query else "whole" if single else "local"
    asked = [
        request(
            chunk.segments,
            task,
            PROFILES[plan.profile],
            max_tokens=plan.global_len if single else plan.local_len,
            query=query,
            language=language,
            slack=slack,
            alone=single,
        )
        for chunk in chunks
    ]
    return task, asked


def otherwise(first: Request) -> Request:
    """`first` once more, searched with other beams: four of them, or two where it had four."""
    other = PROFILES["fast" if first.beams == PROFILES["quality"].beams else "quality"]
    return replace(first, beams=other.beams, length_penalty=other.length_penalty)


def summary(chunk: Chunk, answer: Answer, query: str | None) -> Summary:
    """A leaf of the tree: the answer's sentences, each grounded in the chunk's segments."""
    claims = grounded(answer, Evidence(chunk.segments), query)
    return Summary(
        id=f"n0-{chunk.id}",
        claims=tuple(claims),
        level=0,
        by=answer.by,
        chunk=chunk.id,
        gap=answer.gap,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk, what was asked of it and answered, and the leaf that this comes to."""

    chunk: Chunk
    request: Request
    answer: Answer
    leaf: Summary

    @classmethod
    def of(cls, chunk: Chunk, request: Request, answer: Answer) -> Part:
        return cls(chunk, request, answer, summary(chunk, answer, request.query))

    def support(self, threshold: float) -> float:
        """The share of its sentences whose support reaches `threshold`."""
        return support_rate(self.leaf.claims, threshold)

    def made_up(self, threshold: float) -> bool:
        """Whether the engine wrote it, and most of it has no support."""
        return not self.leaf.gap and self.support(threshold) < _SOUND


def short_sentence(chunks: Sequence[Chunk], count: Callable[[str], int], tokens: int) -> Claim:
    """A sentence of the thread that fits `tokens`, for a budget that no summary sentence does.

    Raises: BadInput if there is none.
    """
    shortest = 0
    for chunk in chunks:
        found = [s for s in sentences.split(lines(chunk.segments)) if sentences.ended(s)]
        sizes = {text: count(text) for text in found}
        fitting = [text for text in found if sizes[text] <= tokens]
        if fitting:
            claims = Evidence(chunk.segments).ground(fitting)
            return max(claims, key=lambda claim: (sizes[claim.text], claim.support))
        shortest = min([size for size in (shortest, *sizes.values()) if size], default=0)
    if not shortest:
        raise BadInput("no sentence was found in this thread; is it text, with full stops?")
    raise BadInput(
        f"a budget of {tokens} tokens holds no sentence of this thread, "
        f"whose shortest has {shortest}; raise --tokens"
    )
