"""How the summary was made, as nested unfoldable elements: from the whole down to each part."""

from __future__ import annotations

from gistill.artifacts import account
from gistill.artifacts.citations import Citations, count
from gistill.artifacts.report.claims import escape, item
from gistill.types import Claim, Done, Summary


def section(done: Done, citations: Citations) -> str:
    """The tree below the summary, or a sentence where everything fitted in one pass."""
    if not done.summary.children:
        return "<p>What was read fitted in one pass; there is nothing below the summary.</p>"
    kept = {claim.text: claim for claim in done.local}
    return "".join(_node(child, done, citations, kept) for child in done.summary.children)


def _node(node: Summary, done: Done, citations: Citations, kept: dict[str, Claim]) -> str:
    claims = "".join(
        _leaf_claim(claim, citations, kept) if node.chunk else item(claim, citations)
        for claim in node.claims
    )
    said = count(len(node.claims), "sentence")
    gap = f'<p class="note">Gap: {escape(account.gap(node))}</p>' if node.gap else ""
    children = "".join(_node(child, done, citations, kept) for child in node.children)
    marked = " data-gap" if node.gap else ""
    return (
        f'<details class="node"{marked}><summary>'
        f"<b>{escape(account.name(node, citations))}</b> "
        f"<span>{said}{', a gap' if node.gap else ''}</span></summary>"
        f"{gap}<ol>{claims}</ol>{children}</details>"
    )


def _leaf_claim(claim: Claim, citations: Citations, kept: dict[str, Claim]) -> str:
    """A note as dedupe left it: with what was folded into it, or as folded away itself."""
    if claim.text in kept or not kept:
        return item(kept.get(claim.text, claim), citations)
    return item(claim, citations).replace('class="claim', 'class="folded claim', 1)
