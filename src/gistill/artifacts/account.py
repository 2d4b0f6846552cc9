"""The account of a result in plain sentences: what was not read, failed, or is in doubt.

Nothing here may differ between two runs on the same input: no times, dates or run ids.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gistill.artifacts import plain
from gistill.artifacts.citations import Citations, count, nodes, noun, runs, weak
from gistill.types import Claim, Done, Segment, Spend, Step, Summary, Thread


def percent(share: float) -> str:
    """Whole percents where they tell the truth: never "100%" of less than all, "0%" of some."""
    if share <= 0 or share >= 1:
        return "100%" if share >= 1 else "0%"
    if share > 0.99:
        return f"{min(math.floor(share * 1000) / 10, 99.9)}%"
    return "under 1%" if share < 0.01 else f"{round(share * 100)}%"


def coverage(done: Done, thread: Thread) -> str:
    """How much of the input reached a model; what is in files that could not be read is unknown."""
    read, total = done.coverage.read, done.coverage.total
    if read >= total:
        but = ", but for what could not be opened" if thread.unread else ""
        return f"All of the input was read ({count(total, 'token')}){but}."
    share = percent(done.coverage.share)
    but = ", not counting what could not be opened" if thread.unread else ""
    return f"{share} of the input was read ({read:,} of {total:,} tokens){but}."


def unread(done: Done, thread: Thread, citations: Citations) -> list[str]:
    """What reached no model: files first, then a line for each reason, in thread order."""
    return [*(f"Not read: {sentence(f.why)}" for f in thread.unread), *_parts(done, citations)]


def _parts(done: Done, citations: Citations) -> list[str]:
    tokens: Counter[str] = Counter()
    ids: dict[str, list[str]] = {}
    for part in done.coverage.unread:
        reason = sentence(part.reason.removeprefix("not read "))
        tokens[reason] += part.tokens
        ids.setdefault(reason, []).extend(part.segments)
    return [
        f"{count(tokens[reason], 'token')}{_where(citations.cited(ids[reason]), citations)} "
        f"not read: {reason}"
        for reason in ids
    ]


def _where(segments: Sequence[Segment], citations: Citations) -> str:
    if not segments:
        return ""
    ordinals = [citations.ordinals[segment.id] for segment in segments]
    alone = ordinals[-1] - ordinals[0] >= len(ordinals)
    stretch = f"{'within ' if alone else ''}{citations.stretch(segments)}"
    return f" in {count(len(segments), noun(segments))} ({stretch})"


def gaps(done: Done, citations: Citations) -> list[str]:
    """Which parts the intended engine did not write, a line for each reason."""
    alike: dict[tuple[str, bool], list[Summary]] = {}
    for node in nodes(done.summary):
        if node.gap:
            alike.setdefault((gap(node), node.chunk in citations.parts), []).append(node)
    return [f"{_names(group, citations)}: {why}" for (why, _), group in alike.items()]


def _names(group: Sequence[Summary], citations: Citations) -> str:
    """One name for parts that share a fate, or for summaries of parts that do."""
    leaves = [citations.parts[node.chunk] for node in group if node.chunk in citations.parts]
    if len(group) == 1:
        named = name(group[0], citations)
        return named if leaves else f"The summary of {named.lower()}"
    return f"Parts {runs(leaves)}" if leaves else f"{len(group):,} summaries of several parts"


def gap(node: Summary) -> str:
    """Why the intended engine did not write `node`, and what stands there instead."""
    stands = (
        f"Written by {plain.line(node.by)} instead." if node.claims else "Nothing is said here."
    )
    return f"{sentence(node.gap or '')} {stands}"


def name(node: Summary, citations: Citations) -> str:
    """What a reader calls `node`: "Part 3 (00:10:02–00:15:40)", "Parts 1–8", "Summary"."""
    leaves = [n.chunk for n in nodes(node) if n.chunk in citations.parts]
    if not leaves:
        return "Summary"
    numbers = [citations.parts[chunk] for chunk in leaves if chunk]
    if len(numbers) > 1:
        return f"Parts {min(numbers)}–{max(numbers)}"
    own = citations.cited(s.id for s in citations.chunks[leaves[0] or ""].segments)
    return f"Part {numbers[0]}" + (f" ({citations.stretch(own)})" if own else "")


def doubts(done: Done, citations: Citations) -> list[str]:
    """What to check by hand in the summary: weak support, names and numbers found nowhere."""
    claims = done.summary.claims
    said: list[str] = []
    low = sorted(weak(done))
    thin = [n + 1 for n in low if citations.cited(claims[n].cites)]
    bare = [n + 1 for n in low if n + 1 not in thin]
    if thin:
        said.append(f"(?) The cited text supports {_sentences(thin)} only weakly.")
    if bare:
        said.append(f"(?) Nothing in the text was found for {_sentences(bare)}.")
    for n, claim in enumerate(claims, 1):
        if claim.flags:
            said.append(f"(!) Sentence {n}: {flags(claim, citations)}")
    return said


def _sentences(numbers: Sequence[int]) -> str:
    return f"sentence{'' if len(numbers) == 1 else 's'} {runs(numbers)}"


def weakness(claim: Claim, citations: Citations) -> str:
    """Why a sentence below the support threshold is marked."""
    if citations.cited(claim.cites):
        return "Weak support: the cited text says this only in part."
    return "No source: nothing in the text was found for this."


def flags(claim: Claim, citations: Citations) -> str:
    """Which names, numbers and dates of `claim` none of its cited segments holds."""
    quoted = ", ".join(f"“{plain.line(flag)}”" for flag in claim.flags)
    verb = "is" if len(claim.flags) == 1 else "are"
    segments = citations.cited(claim.cites)
    if not segments:
        return f"{quoted} {verb} not in the text; the sentence cites nothing."
    if len(segments) == 1:
        return f"{quoted} {verb} not in the {noun(segments)} it cites."
    return f"{quoted} {verb} in none of the {count(len(segments), noun(segments))} it cites."


def support(done: Done) -> str:
    """How many sentences the cited text supports."""
    total = len(done.summary.claims)
    held = total - len(weak(done))
    if not total:
        return "The summary has no sentences."
    if held == total:
        named = {1: "the sentence", 2: "both sentences"}.get(total, f"all {total} sentences")
        return f"The cited text supports {named}."
    return f"The cited text supports {held} of {count(total, 'sentence')}."


def calls(spend: Spend) -> int:
    """Generations behind a result, whether made now or kept from an earlier run."""
    return spend.calls + spend.reused


def spent(spend: Spend) -> str:
    return (
        f"{count(calls(spend), 'model call')}, {spend.tokens_in:,} tokens in, "
        f"{spend.tokens_out:,} tokens out"
    )


class Figures(NamedTuple):
    """What a stage was planned to take, or took."""

    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float


class Row(NamedTuple):
    """Planned and spent of a stage; None where it was not planned, or nothing is known of it."""

    name: str
    planned: Figures | None
    spent: Figures | None


def table(done: Done) -> list[Row]:
    """A row for each stage of the plan, for those it did not foresee, and for the total.

    The total of the seconds spent is that of the run, which does more than generate.
    """
    planned = {_name(step): _figures(step) for step in done.plan.steps}
    spent = {_name(step): _figures(step) for step in done.spent}
    rows = [Row(n, planned.get(n), spent.get(n)) for n in dict.fromkeys([*planned, *spent])]
    spend = done.spend
    whole = Figures(calls(spend), spend.tokens_in, spend.tokens_out, spend.seconds)
    return [*rows, Row("Total", _sum(planned.values()), whole)]


def _name(step: Step) -> str:
    return f"{step.stage.capitalize()} {step.level or ''}".strip()


def _figures(step: Step) -> Figures:
    return Figures(step.calls, step.tokens_in, step.tokens_out, step.seconds)


def _sum(rows: Iterable[Figures]) -> Figures:
    rows = list(rows)
    return Figures(
        sum(row.calls for row in rows),
        sum(row.tokens_in for row in rows),
        sum(row.tokens_out for row in rows),
        sum(row.seconds for row in rows),
    )


def counts(figures: Figures | None) -> tuple[str, str, str]:
    """Calls, tokens in and tokens out as they are shown, or dashes."""
    if figures is None:
        return ("–", "–", "–")
    return (f"{figures.calls:,}", f"{figures.tokens_in:,}", f"{figures.tokens_out:,}")


def sentence(text: str) -> str:
    """`text` on one line, ended like a sentence."""
    text = plain.line(text)
    return text if not text or text.endswith((".", "!", "?", "…", "。")) else text + "."


def remarks(done: Done, thread: Thread) -> list[str]:
    """What the readers repaired and what was said on the way, each once."""
    said = dict.fromkeys((*thread.notes, *done.notices, *done.failures))
    for file in thread.unread:  # `unread` says it
        said.pop(file.why, None)
    return [_capital(text) for text in map(sentence, said)]


def _capital(text: str) -> str:
    """`text` as a sentence begins; a file's name at its start stays as it is."""
    first = text.partition(" ")[0]
    named = "/" in first or "." in first.rstrip(".:")
    return text if named else text[:1].upper() + text[1:]


def listing(names: Sequence[str], limit: int) -> str:
    """Names with commas; beyond `limit` of them, how many more there are."""
    shown = ", ".join(plain.line(n) for n in names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown
