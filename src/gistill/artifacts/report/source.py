"""The source as the report shows it: the thread's segments in order, the cited ones marked."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from gistill.artifacts import plain
from gistill.artifacts.citations import Citations, count, elsewhere, noun
from gistill.artifacts.report import recordings
from gistill.artifacts.report.claims import escape
from gistill.types import Done, Segment, Thread

WHOLE = 20_000  # segments up to which the whole thread is on the page
_AROUND = 5  # shown before and after a cited segment beyond that
_BLOCK = 50  # segments that a browser lays out together


def headline(thread: Thread, citations: Citations) -> str:
    """How much of the thread the page shows and cites."""
    total = len(thread.segments)
    said = f"{citations.final:,} of {count(total, noun(thread.segments))} cited"
    return said if total <= WHOLE else f"{said}; only cited parts and their surroundings are shown"


def sections(
    done: Done,
    thread: Thread,
    citations: Citations,
    figures: Mapping[str, str] | None = None,
    players: Mapping[str, str] | None = None,
) -> str:
    """The segments part by part, in blocks that a browser lays out only when they are in view.

    `figures` are pictures as HTML by segment, `players` the URLs of recordings by source.
    """
    extras = _Extras(_citing(done), figures or {}, players or {})
    part_of: dict[str, int] = {}
    for chunk in done.chunks:
        for segment in chunk.segments:
            part_of.setdefault(segment.id, citations.parts[chunk.id])
    unread = {id_ for part in done.coverage.unread for id_ in part.segments}
    shown = _shown(thread, citations)
    html: list[str] = []
    many = len(thread.sources) > 1
    after = 0  # the ordinal of the last segment shown
    for (part, file), run in groupby(
        shown, key=lambda s: (part_of.get(s.id, 0), s.at.source if many else "")
    ):
        segments = list(run)
        html.append(_heading(part, file, segments, citations, unread))
        for start in range(0, len(segments), _BLOCK):
            html.append("<ol>")
            for segment in segments[start : start + _BLOCK]:
                here = citations.ordinals[segment.id]
                if here > after + 1:
                    html.append(f'<li class="left-out">{here - after - 1:,} not shown</li>')
                html.append(_turn(segment, citations, segment.id in unread, bool(part), extras))
                after = here
            html.append("</ol>")
    if after < len(thread.segments):
        html.append(f'<p class="left-out">{len(thread.segments) - after:,} not shown</p>')
    return "".join(html)


class _Extras(NamedTuple):
    """What goes with a segment: the sentences that cite it, a picture, a way to play it."""

    back: Mapping[str, list[int]]
    figures: Mapping[str, str]
    players: Mapping[str, str]


def _shown(thread: Thread, citations: Citations) -> list[Segment]:
    if len(thread.segments) <= WHOLE:
        return list(thread.segments)
    near = {
        n
        for id_ in citations.numbers
        for n in range(citations.ordinals[id_] - _AROUND, citations.ordinals[id_] + _AROUND + 1)
    }
    return [s for n, s in enumerate(thread.segments, 1) if n in near]


def _citing(done: Done) -> dict[str, list[int]]:
    """By segment, the sentences of the summary that cite it, counted from 1."""
    back: dict[str, list[int]] = {}
    for n, claim in enumerate(done.summary.claims, 1):
        for id_ in dict.fromkeys(claim.cites):
            back.setdefault(id_, []).append(n)
    return back


def _heading(
    part: int, file: str, segments: list[Segment], citations: Citations, unread: set[str]
) -> str:
    named = [f"Part {part}"] if part else []
    if not part and all(segment.id in unread for segment in segments):
        named = ["Not read"]
    named += [plain.line(file)] if file else []
    where = escape(citations.stretch(segments))
    return f'<h3 dir="auto">{escape(", ".join(named) or "Between parts")} <span>{where}</span></h3>'


def _turn(
    segment: Segment,
    citations: Citations,
    unread: bool,
    in_part: bool,
    extras: _Extras,
) -> str:
    number = citations.numbers.get(segment.id)
    back = extras.back
    cited = "cited" if segment.id in back else "noted" if number else ""
    kinds = " ".join(filter(None, (cited, "unread" if unread else "")))
    speaker = f'<b dir="auto">{escape(plain.line(segment.speaker))}</b> ' if segment.speaker else ""
    marks = f'<span class="number">{number}</span>' if number else ""
    if unread and in_part:  # elsewhere the heading says it
        marks += '<span class="tag">not read</span>'
    links = "".join(f'<a href="#c{n}">cited in sentence {n}</a>' for n in back.get(segment.id, ()))
    if number:
        marks += recordings.button(segment, extras.players)
    kind = f' class="{kinds}"' if kinds else ""
    back_links = f'<p class="back">{links}</p>' if links else ""
    places = escape(elsewhere(segment).removeprefix(" (").removesuffix(")"))
    also = f'<p class="also" dir="auto">{places}</p>' if places else ""
    figure = extras.figures.get(segment.id, "")
    return (
        f'<li id="t{citations.ordinals[segment.id]}"{kind}>'
        f'<span class="at">{escape(citations.place(segment))}{marks}</span><div>{speaker}'
        f'<p dir="auto">{escape(segment.text.strip())}</p>{also}{figure}{back_links}</div></li>\n'
    )
