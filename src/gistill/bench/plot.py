"""Quality over latency, a point a run."""

from __future__ import annotations

import io
from collections.abc import Sequence

from gistill.bench.results import Figures
from gistill.errors import MissingExtra


def quality_latency(found: Sequence[Figures]) -> str:
    """R-Lsum over mean seconds a question (logarithmic), as SVG; the same figures, the same text.

    Raises: MissingExtra without matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("drawing the plot", "bench") from None
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for one in found:
        seconds = max(one["seconds"]["mean"], 1e-4)
        score = one["rouge"]["rougeLsum"]
        below, above = score["f1"] - score["low"], score["high"] - score["f1"]
        bounds = [[max(0.0, below)], [max(0.0, above)]]  # all three are rounded
        axes.errorbar(seconds, score["f1"], yerr=bounds, fmt="o", color="#33658a", capsize=2)
        place = (seconds, score["f1"])
        axes.annotate(one["run"], place, (6, 4), textcoords="offset points", parse_math=False)
    axes.set(xscale="log", xlabel="mean seconds a question", ylabel="R-Lsum, 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2)
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "gistill", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
