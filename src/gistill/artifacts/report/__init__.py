"""report.html: one file that needs no network, with every citation opening its source beside it.

The page is complete without its script, which only makes following a citation pleasanter.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from gistill.artifacts import account
from gistill.artifacts.citations import Citations, count, nodes, weak
from gistill.artifacts.markdown import title
from gistill.artifacts.report import figures, recordings, source, thumbnails, tree
from gistill.artifacts.report.claims import escape, items
from gistill.types import Done, Thread

_PEOPLE = 12


def render(done: Done, thread: Thread, *, beside: Path | None = None) -> str:
    """The page. Whatever stood in the thread is text in it: escaped, and no script but ours runs.

    Above `source.WHOLE` segments it shows the cited ones and their neighbours, and says so.
    Pictures of what is cited are made from the files, as far as they are still there; recordings
    are linked from the folder `beside`, where the page will lie, if that is given.
    """
    citations = Citations(done, thread)
    seen = thumbnails.make(thread, citations)
    style, script = _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        title=escape(title(thread)),
        question=_question(done),
        byline=_byline(thread),
        glance=_glance(done, thread),
        claims=items(done, citations),
        tree=tree.section(done, citations),
        coverage=_coverage(done, thread, citations, seen.notes),
        positions=figures.positions(done.positions),
        cost=_cost(done),
        engine=escape(done.engine),
        sources=_sources(thread),
        turns=source.sections(
            done, thread, citations, seen.figures, recordings.links(thread, beside)
        ),
        turn_count=escape(source.headline(thread, citations)),
    )


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The CSP source expression that admits exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _question(done: Done) -> str:
    return f'<p class="question" dir="auto">{escape(done.query)}</p>' if done.query else ""


def _byline(thread: Thread) -> str:
    people = thread.participants
    if not people:
        return ""
    shown = "".join(f"<li><bdi>{escape(name)}</bdi></li>" for name in people[:_PEOPLE])
    if len(people) > _PEOPLE:
        shown += f"<li>and {len(people) - _PEOPLE:,} more</li>"
    return f'<ul class="people" aria-label="Participants">{shown}</ul>'


def _glance(done: Done, thread: Thread) -> str:
    """What a reader should know before trusting the page, in a line."""
    claims = done.summary.claims
    facts = [f"{account.percent(done.coverage.share)} of the input read"]
    if thread.unread:
        facts.append(f"{count(len(thread.unread), 'input')} missing")
    if claims:
        held = len(claims) - len(weak(done))
        facts.append(f"{held} of {count(len(claims), 'sentence')} supported")
    if flagged := sum(1 for claim in claims if claim.flags):
        facts.append(f"{flagged} to check")
    if holes := sum(1 for node in nodes(done.summary) if node.gap):
        facts.append(count(holes, "gap"))
    return f'<p class="glance"><a href="#read">{escape(" · ".join(facts))}</a></p>'


def _list(lines: list[str], kind: str) -> str:
    rows = "".join(f'<li dir="auto">{escape(line)}</li>' for line in lines)
    return f'<ul class="{kind}">{rows}</ul>' if rows else ""


def _coverage(done: Done, thread: Thread, citations: Citations, unseen: list[str]) -> str:
    told = [f"Gap: {gap}" for gap in account.gaps(done, citations)]
    told += account.remarks(done, thread)
    told += map(account.sentence, unseen)
    return (
        f"<p>{escape(account.coverage(done, thread))} {escape(account.support(done))}</p>"
        + figures.coverage(done.coverage)
        + _list(account.unread(done, thread, citations), "unread")
        + _list(told, "told")
    )


def _cost(done: Done) -> str:
    body = ""
    for name, planned, spent in account.table(done):
        cells = "".join(f"<td>{n}</td>" for n in (*account.counts(planned), *account.counts(spent)))
        kind = ' class="sum"' if name == "Total" else ""
        body += f'<tr{kind}><th scope="row">{name}</th>{cells}</tr>'
    groups = "".join(
        f'<th scope="colgroup" colspan="3">{head}</th>' for head in ("Planned", "Spent")
    )
    heads = (
        '<th scope="col">Calls</th><th scope="col">Tokens in</th><th scope="col">Tokens out</th>'
    )
    plan = done.plan
    settings = (
        f"Profile {plan.profile}; {count(plan.chunks, 'part')} of up to {plan.max_tokens:,} tokens"
        f"{f' sharing {plan.overlap:,}' if plan.overlap else ''}, notes of {plan.local_len:,}, "
        f"summary of {plan.global_len:,}."
    )
    given_up = [f"Given up: {account.sentence(given)}" for given in plan.given_up]
    return (
        '<div class="wide" role="region" aria-labelledby="cost" tabindex="0"><table>'
        '<colgroup></colgroup><colgroup span="3"></colgroup><colgroup span="3"></colgroup>'
        f"<thead><tr><td></td>{groups}</tr><tr><td></td>{heads * 2}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
        f"<p>{escape(settings)}</p>{_list(given_up, 'told')}"
    )


def _sources(thread: Thread) -> str:
    rows = "".join(
        f'<li dir="auto">{escape(s.name)} <code>{escape(s.sha256[:16])}</code></li>'
        for s in thread.sources
    )
    return f"<ul>{rows}</ul>" if rows else ""
