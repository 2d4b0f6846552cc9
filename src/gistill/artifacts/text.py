"""The result as plain text: for a terminal, and for the files that hold nothing but sentences."""

from __future__ import annotations

from gistill.artifacts import account, plain
from gistill.artifacts.citations import Citations, elsewhere, excerpt, weak
from gistill.types import Claim, Done, Thread

_EXCERPT = 100  # columns of a source line where no width is given


def render(done: Done, thread: Thread, *, width: int | None = None) -> str:
    """The summary with its citation numbers, then the sources and what to know about it.

    `width` is in terminal columns; None leaves paragraphs on one line, as a pipe wants them.
    """
    citations = Citations(done, thread)
    blocks = [plain.wrap(_summary(done, citations), width)]
    if sources := _sources(thread, citations, width):
        blocks.append("\n".join(["Sources", *sources]))
    if doubts := account.doubts(done, citations):
        blocks.append("\n".join(plain.wrap(doubt, width) for doubt in doubts))
    missing = account.unread(done, thread, citations)
    missing += [f"Gap: {gap}" for gap in account.gaps(done, citations)]
    if missing:
        blocks.append("\n".join(plain.wrap(gap, width) for gap in missing))
    return "\n\n".join(blocks) + "\n"


def _summary(done: Done, citations: Citations) -> str:
    low = weak(done)
    sentences = [
        " ".join(filter(None, (plain.line(claim.text), _marks(claim, n in low, citations))))
        for n, claim in enumerate(done.summary.claims)
    ]
    return " ".join(sentences) or plain.line(done.text)


def _marks(claim: Claim, low: bool, citations: Citations) -> str:
    marks = (citations.brackets(claim.cites), "(?)" * low, "(!)" * bool(claim.flags))
    return " ".join(filter(None, marks))


def _sources(thread: Thread, citations: Citations, width: int | None) -> list[str]:
    lines = []
    by_number = sorted((n, id_) for id_, n in citations.numbers.items() if n <= citations.final)
    digits = len(str(citations.final))
    for number, id_ in by_number:
        segment = citations.segments[id_]
        file = f"{plain.line(segment.at.source)}, " if len(thread.sources) > 1 else ""
        speaker = f" {plain.line(segment.speaker)}" if segment.speaker else ""
        # Aligned, so that the numbers can be found with the eye.
        place = citations.place(segment) + elsewhere(segment)
        head = f"{f'[{number}]':>{digits + 2}} {file}{place}{speaker}: "
        room = (width or plain.cells(head) + _EXCERPT) - plain.cells(head)
        lines.append(head + excerpt(segment, max(room, 20)))
    return lines


def bare(done: Done) -> str:
    """The summary's sentences and nothing else."""
    return plain.visible(done.text).strip() + "\n"


def bullets(done: Done) -> str:
    """The deduplicated notes on the parts, one a line."""
    return "".join(f"- {plain.line(claim.text)}\n" for claim in done.local)
