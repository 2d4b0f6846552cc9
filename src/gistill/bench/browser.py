"""The results page as HTML: the tables, the plot, and every question with all its answers.

One file that needs no network. It shows text of the data set: keep it where the data may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template

from gistill.bench import folder as runs
from gistill.bench.results import F1, Figures, Result
from gistill.bench.scores import METRICS, SCORER
from gistill.bench.tables import NOTES, Table, extents
from gistill.distill.qmsum import Meeting
from gistill.segmentation.render import render

_LONGEST = 300  # characters of a cited turn


def page(
    found: Sequence[Figures],
    sections: Mapping[str, Table],
    svg: str,
    ranked: Sequence[Result],
    meetings: Sequence[Meeting],
) -> str:
    """The whole page. All text of runs and data is escaped."""
    shown = []
    for heading, rows in sections.items():
        shown.append(f"<h2>{escape(heading)}</h2><p>{escape(NOTES[heading])}</p>{_table(rows)}")
        if heading == "Support and cost":
            shown.append(f"<figure>{svg[svg.index('<svg') :]}</figure>")
    template = (resources.files(__package__) / "report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        extents="".join(f"<p>{escape(text)}</p>" for text in extents(found)),
        scorer=escape(SCORER),
        tables="".join(shown),
        questions="".join(_questions(ranked, meetings)),
    )


def _table(rows: Table) -> str:
    head, *body = rows
    marks = [' class="text"' if cell[0].isalpha() else "" for cell in body[0]]
    top = "".join(
        f'<th scope="col"{mark}>{escape(cell)}</th>' for cell, mark in zip(head, marks, strict=True)
    )
    lines = (
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f"<td{mark}>{escape(cell)}</td>" for cell, mark in zip(row[1:], marks[1:], strict=True)
        )
        + "</tr>"
        for row in body
    )
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _questions(ranked: Sequence[Result], meetings: Sequence[Meeting]) -> list[str]:
    turns = {m.id: {s.id: render(s) for s in m.segments} for m in meetings}
    places: dict[str, list[tuple[Result, int]]] = {}
    for result in ranked:
        for i, row in enumerate(result.rows):
            places.setdefault(runs.key(row), []).append((result, i))
    found = []
    for key, answers in places.items():
        result, i = answers[0]
        row = result.rows[i]
        said = turns.get(row["meeting_id"], {})
        head = f"{row['domain']} · {key} · {row['query']}"
        body = "".join(_answer(result, i, said) for result, i in answers)
        found.append(
            f"<details><summary>{escape(head)}</summary>"
            f"<article><h3>reference</h3><p>{escape(row['reference'])}</p></article>"
            f"{body}</details>"
        )
    return found


def _answer(result: Result, index: int, said: Mapping[str, str]) -> str:
    row = result.rows[index]
    last = result.scores[index, METRICS.index("rougeLsum"), F1]
    facts = f"R-Lsum {last:.1f} · {row['seconds']:.1f} s · support {100 * row['support']:.0f} %"
    cites = "".join(f"<li>{_cite(cite, said.get(cite, ''))}</li>" for cite in row["cites"])
    notes = "".join(f"<li>{escape(note)}</li>" for note in row["notes"])
    return (
        f"<article><h3>{escape(result.name)} <small>{escape(facts)}</small></h3>"
        f"<p>{escape(row['summary'])}</p>"
        + (f'<ul class="cites">{cites}</ul>' if cites else "")
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + "</article>"
    )


def _cite(id: str, text: str) -> str:
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"<b>{escape(id)}</b> {escape(cut)}"
