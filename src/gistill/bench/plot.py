"""Quality over latency, a point a run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from gistill.bench.labels import name_points
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
    points, bars = [], []
    for one in found:
        score = one["rouge"]["rougeLsum"]
        points.append((max(one["seconds"]["mean"], 1e-4), score["f1"]))
        # All three are rounded.
        bars.append((min(score["low"], score["f1"]), max(score["high"], score["f1"])))
    for (x, y), (low, high) in zip(points, bars, strict=True):
        axes.errorbar(x, y, [[y - low], [high - y]], fmt="o", color="#33658a", capsize=2)
    axes.set(xlabel="mean seconds a question", ylabel="R-Lsum, 95 % interval")
    scale_seconds(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2, y=0.1)
    name_points(axes, [one["run"] for one in found], points, bars)
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "gistill", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def scale_seconds(axes: Any) -> None:
    """Makes the x axis logarithmic, its figures plain."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
