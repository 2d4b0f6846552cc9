"""How well an answer rests on what its prompt holds: the lines of the material are what it may
cite."""

from __future__ import annotations

from gistill.grounding import Evidence, support_rate
from gistill.prompts import material
from gistill.segmentation import sentences
from gistill.types import Claim, Locator, Segment


def share_supported(text: str, prompt: str) -> float:
    """The share of the sentences of `text` that have support in `prompt`; 0 for none."""
    return support_rate(_claims(text, prompt))


def mean_support(text: str, prompt: str) -> float:
    """The mean support of the sentences of `text` in `prompt`, 0 to 1; 0 for none."""
    claims = _claims(text, prompt)
    return sum(claim.support for claim in claims) / len(claims) if claims else 0.0


def _claims(text: str, prompt: str) -> list[Claim]:
    lines = material(prompt).splitlines()
    segments = [Segment(f"s{n}", line, Locator("", (0, len(line)))) for n, line in enumerate(lines)]
    return Evidence(tuple(segments)).ground(sentences.split(text))
