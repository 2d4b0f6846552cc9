"""The two drawings of the report, as inline SVG that takes its colours from the style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from gistill.artifacts import account
from gistill.artifacts.report.claims import escape
from gistill.types import Coverage

_WIDTH = 600.0


def coverage(covered: Coverage) -> str:
    """A bar: what was read, then each unread stretch in the order of the list below it."""
    total = max(covered.total, 1)
    widths = [("read", covered.read)] + [("unread", part.tokens) for part in covered.unread]
    left, bars = 0.0, ""
    for kind, tokens in widths:
        # Even one unread token shows; what is drawn never leaves the bar.
        wide = min(max(tokens / total * _WIDTH, 2.0 if tokens else 0.0), _WIDTH - left)
        bars += f'<rect class="{kind}" x="{left:.1f}" y="0" width="{wide:.1f}" height="10"/>'
        left += wide
    label = escape(f"{account.percent(covered.share)} of the input was read")
    return (
        f'<svg class="coverage" viewBox="0 0 {_WIDTH:g} 10" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}">{bars}</svg>'
    )


def positions(counts: Sequence[int]) -> str:
    """A histogram: how many citations fall in each equal part of the thread, first to last."""
    if not counts:
        return ""
    top = max(max(counts), 1)
    step = _WIDTH / len(counts)
    bars = ""
    for n, cited in enumerate(counts):
        high = cited / top * 72
        x, middle = n * step + 3, n * step + step / 2
        bars += (
            f'<rect x="{x:.1f}" y="{92 - high:.1f}" width="{step - 6:.1f}" height="{high:.1f}"/>'
        )
        if cited:
            bars += f'<text x="{middle:.1f}" y="{86 - high:.1f}">{cited:,}</text>'
    label = "Citations by place in the thread, first part to last: " + ", ".join(map(str, counts))
    return (
        f'<svg class="positions" viewBox="0 0 {_WIDTH:g} 116" role="img" aria-label="{label}">'
        f'{bars}<line x1="0" y1="92.5" x2="{_WIDTH:g}" y2="92.5"/>'
        '<text class="start" x="3" y="110">start of the thread</text>'
        f'<text class="end" x="{_WIDTH - 3:g}" y="110">end</text></svg>'
    )
