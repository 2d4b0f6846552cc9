"""An answer at once: sentences of the thread, quoted, while better ones are on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gistill.engines.extractive import select
from gistill.grounding import flags
from gistill.segmentation.render import render
from gistill.teacher.generation import claimed_sentences
from gistill.types import Claim, Segment


def draft(
    segments: Sequence[Segment],
    max_tokens: int,
    query: str | None,
    count: Callable[[str], int],
    *,
    lines: int,
) -> tuple[Claim, ...]:
    """Claims within `max_tokens` that quote an even sample of about `lines` segments.

    Each cites the segment it was taken from; none is grounded by a model of any kind, so the cost
    is that of reading the sample.
    """
    step = -(-len(segments) // lines)
    sample = [(s, line) for s in segments[::step] if (line := render(s))]
    text = select("\n".join(line for _, line in sample), max_tokens, query, count=count)
    claims: list[Claim] = []
    for said in text.split("\n"):
        # A selected sentence may have got a stop that its speaker did not make.
        for sentence in claimed_sentences(said, cut=False):
            name, _, words = sentence.partition(": ")
            core = (words or name).rstrip(".。")
            source = next((s for s, line in sample if core in line), None)
            if source is not None:
                claims.append(Claim(sentence, (source.id,), 1.0, flags(core, render(source))))
    while claims and count(" ".join(claim.text for claim in claims)) > max_tokens:
        claims.pop()
    return tuple(claims)
