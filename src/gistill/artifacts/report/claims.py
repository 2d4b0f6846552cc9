"""A sentence of a summary as HTML: its words, its citations, how well they support it."""

from __future__ import annotations

import html

from gistill.artifacts import account, plain
from gistill.artifacts.citations import Citations, count, weak
from gistill.types import Claim, Done, Merge, Segment


def escape(text: str) -> str:
    """`text` for an element or a quoted attribute; its line breaks stay."""
    return html.escape(plain.visible(text))


def items(done: Done, citations: Citations) -> str:
    """The summary's sentences as list items, `id="c1"` and on."""
    low = weak(done)
    rows = "".join(
        item(claim, citations, anchor=f"c{n + 1}", low=n in low)
        for n, claim in enumerate(done.summary.claims)
    )
    return rows or f'<li dir="auto">{escape(done.text)}</li>'


def item(claim: Claim, citations: Citations, *, anchor: str = "", low: bool = False) -> str:
    """One sentence; `low` marks support below the threshold."""
    notes = ""
    if low:
        notes += f'<p class="note">{escape(account.weakness(claim, citations))}</p>'
    if claim.flags:
        notes += f'<p class="note">Check: {escape(account.flags(claim, citations))}</p>'
    named = f' id="{anchor}"' if anchor else ""
    kinds = f"claim {_level(claim.support)}{' low' if low else ''}"
    score = f"{claim.support:.2f}"
    return (
        f'<li{named} class="{kinds}" data-support="{score}" title="support {score}">'
        f'<p dir="auto">{escape(plain.line(claim.text))}{chips(claim.cites, citations)}</p>'
        f"{notes}{_merged(claim.merged, citations)}</li>\n"
    )


def chips(ids: tuple[str, ...], citations: Citations) -> str:
    """The citations of a sentence as links to their segments, by number."""
    cited = sorted(citations.cited(ids), key=lambda segment: citations.numbers[segment.id])
    links = "".join(_chip(segment, citations) for segment in cited)
    return f' <span class="cites">{links}</span>' if links else ""


def _chip(segment: Segment, citations: Citations) -> str:
    speaker = f", {plain.line(segment.speaker)}" if segment.speaker else ""
    label = escape(citations.place(segment) + speaker)
    number = citations.numbers[segment.id]
    # A bare number would be read out without a hint of what it leads to.
    return (
        f'<a class="chip" href="#t{citations.ordinals[segment.id]}" title="{label}" '
        f'aria-label="Source {number}: {label}">{number}</a>'
    )


def _level(support: float) -> str:
    """Support in five steps, s0 to s4, for the style sheet."""
    return f"s{min(max(int(support * 5), 0), 4)}"


def _merged(merged: tuple[Merge, ...], citations: Citations) -> str:
    if not merged:
        return ""
    rows = "".join(
        f'<li dir="auto">{escape(plain.line(m.text))}{chips(m.cites, citations)} '
        f'<span class="score">{_reason(m)}</span></li>'
        for m in merged
    )
    folded = count(len(merged), "sentence")
    return f'<details class="merged"><summary>{folded} folded in</summary><ul>{rows}</ul></details>'


def _reason(merge: Merge) -> str:
    return "the same words" if merge.reason == "exact" else f"similarity {merge.score:.2f}"
