"""The result as Markdown: the summary with footnotes, the notes on each part, the account."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import PurePath

from gistill.artifacts import account, plain
from gistill.artifacts.citations import Citations, elsewhere, excerpt, notes, weak
from gistill.types import Claim, Done, Thread

_QUOTED = 280  # columns of a cited segment in its footnote
_PEOPLE = 12
_MARKUP = re.compile(r"([\\`*\[\]<>~|]|(?<!\w)_|_(?!\w)|&(?=#?\w+;))")
_OPENING = re.compile(r"^(?:([-+#=])(?=[-+#=\s]|$)|(\d+)([.)])(?=\s|$))")


def render(done: Done, thread: Thread) -> str:
    """Markdown with GitHub-style footnotes, one for every segment cited."""
    citations = Citations(done, thread)
    blocks = [f"# {escape(title(thread))}"]
    if done.query:
        blocks.append(f"**Question:** {escape(done.query)}")
    if people := thread.participants:
        blocks.append(f"**Participants:** {_escaped(account.listing(people, _PEOPLE))}")
    blocks += ["## Summary", _summary(done, citations)]
    blocks += [f"- {_escaped(doubt)}" for doubt in account.doubts(done, citations)]
    blocks += _parts(done, citations)
    blocks += ["## What was read", *_read(done, thread, citations)]
    blocks += ["## Cost", _cost(done)]
    blocks += [_footnotes(done, thread, citations)]
    return _joined([block for block in blocks if block])


def title(thread: Thread) -> str:
    """The thread's own title, or the names of its files."""
    names = account.listing([PurePath(source.name).name for source in thread.sources], 3)
    return plain.line(thread.title) or names or "Summary"


def escape(text: str) -> str:
    """`text` on one line, with everything that Markdown or HTML would take as markup escaped."""
    return _escaped(plain.line(text))


def _escaped(text: str) -> str:
    return _OPENING.sub(_literal_opening, _MARKUP.sub(r"\\\1", text))


def _literal_opening(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def _summary(done: Done, citations: Citations) -> str:
    low = weak(done)
    sentences = []
    for n, claim in enumerate(done.summary.claims):
        marks = " (?)" * (n in low) + " (!)" * bool(claim.flags)
        sentences.append(_cited(claim, citations) + marks)
    return " ".join(sentences) or escape(done.text)


def _cited(claim: Claim, citations: Citations) -> str:
    numbers = [citations.numbers[segment.id] for segment in citations.cited(claim.cites)]
    return escape(claim.text) + "".join(f"[^{number}]" for number in sorted(numbers))


def _parts(done: Done, citations: Citations) -> list[str]:
    if not done.summary.children:
        return []
    blocks = ["## Notes by part"]
    for leaf, claims in notes(done, citations):
        blocks.append(f"### {_escaped(account.name(leaf, citations))}")
        if leaf.gap:
            blocks.append(f"*Gap:* {_escaped(account.gap(leaf))}")
        for claim in claims:
            folded = f" *(said {len(claim.merged) + 1} times)*" if claim.merged else ""
            blocks.append(f"- {_cited(claim, citations)}{folded}")
        if not claims and not leaf.gap:
            blocks.append("Nothing new: all of it is in the notes on other parts.")
    return blocks


def _read(done: Done, thread: Thread, citations: Citations) -> list[str]:
    told = [account.coverage(done, thread), account.support(done)]
    told += account.unread(done, thread, citations)
    told += [f"Gap: {gap}" for gap in account.gaps(done, citations)]
    told += account.remarks(done, thread)
    return [f"- {_escaped(line)}" for line in told]


def _cost(done: Done) -> str:
    rows = [
        ("", "calls planned", "tokens in", "tokens out", "calls spent", "tokens in", "tokens out"),
        ("---", *["---:"] * 6),
    ]
    # Seconds differ from run to run: they are in summary.json and on the terminal.
    for name, planned, spent in account.table(done):
        rows.append((name, *account.counts(planned), *account.counts(spent)))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    written = f"Written by {escape(done.engine)}, profile {done.plan.profile}."
    given = "".join(f"\n- Given up: {escape(account.sentence(g))}" for g in done.plan.given_up)
    return f"{written}\n{given}\n\n{table}" if given else f"{written}\n\n{table}"


def _footnotes(done: Done, thread: Thread, citations: Citations) -> str:
    shown = done.summary.claims + (done.local if done.summary.children else ())
    cited = citations.cited(id_ for claim in shown for id_ in claim.cites)
    lines = []
    for number, segment in sorted(
        ((citations.numbers[s.id], s) for s in cited), key=lambda pair: pair[0]
    ):
        file = f"{escape(segment.at.source)}, " if len(thread.sources) > 1 else ""
        speaker = f" **{escape(segment.speaker)}**" if segment.speaker else ""
        place = _escaped(citations.place(segment) + elsewhere(segment))
        lines.append(f"[^{number}]: {file}{place}{speaker}: {_escaped(excerpt(segment, _QUOTED))}")
    return "\n".join(lines)


def _joined(blocks: list[str]) -> str:
    """Blocks with a blank line between, but bullets of one list close together."""
    out = blocks[0]
    for before, block in pairwise(blocks):
        tight = before.startswith("- ") and block.startswith("- ")
        out += ("\n" if tight else "\n\n") + block
    return out + "\n"
