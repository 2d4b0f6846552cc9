"""The results page: one Markdown file and one HTML file over the same runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gistill.artifacts.files import save
from gistill.bench import browser, plot
from gistill.bench.results import Figures, Result, figures
from gistill.bench.scores import SCORER
from gistill.bench.tables import NOTES, Table, extents, tables
from gistill.distill.qmsum import Meeting
from gistill.errors import BadInput


def write(results: Sequence[Result], meetings: Sequence[Meeting], out: Path) -> list[Path]:
    """Writes report.md, report.html and the plot into `out`; returns the paths.

    Runs are sorted by R-Lsum; paired differences are those to the best one but the oracle.

    `meetings` are those of the split, for the text of cited turns; without them ids are shown.

    Raises: BadInput if the runs are not of one split of the same data, or `out` cannot be written;
    MissingExtra.
    """
    if len({result.source for result in results}) != 1:
        raise BadInput("these runs are not of the same split and data; report them apart")
    if len({result.name for result in results}) != len(results):
        raise BadInput("two runs have the same folder name; rename one")
    ranked = sorted(results, key=lambda r: (-r.f1("rougeLsum").mean(), r.name))
    found = [figures(result) for result in ranked]
    svg = plot.quality_latency(found)
    # What saw the reference is no yardstick.
    fair = [result for result in ranked if result.record["system"] != "oracle"]
    sections = tables(ranked, found, (fair or ranked)[0])
    pages = {
        "report.md": markdown(found, sections),
        "report.html": browser.page(found, sections, svg, ranked, meetings),
        "quality_latency.svg": svg,
    }
    return [save(out / name, [text.encode("utf-8")]) for name, text in pages.items()]


def markdown(found: Sequence[Figures], sections: Mapping[str, Table]) -> str:
    """The page as Markdown, without the questions themselves."""
    parts = ["# QMSum results", *extents(found), f"Scorer: {SCORER}."]
    for heading, rows in sections.items():
        parts += [f"## {heading}", NOTES[heading], _as_markdown(rows)]
        if heading == "Support and cost":
            parts.append("![R-Lsum over seconds a question](quality_latency.svg)")
    return "\n\n".join(parts) + "\n"


def _as_markdown(rows: Table) -> str:
    head, *body = [[cell.replace("|", "\\|").replace("*", "\\*") for cell in row] for row in rows]
    rule = ["---", *["---:" for _ in head[1:]]]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))
