"""From many summaries to one, level by level: nothing truncated, and late parts kept.

Neighbouring summaries are grouped to what one prompt holds, each group is fused by the engine, and
so on until one is left. A fused text is then repaired: sentences without support make room for the
best claim of every child that it left out, so that fusing is a union and not a lottery.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gistill import prompts
from gistill.decoding.profiles import Decoding
from gistill.grounding import Evidence, flags
from gistill.retrieval.terms import terms
from gistill.segmentation.packing import fill, middle
from gistill.teacher.generation import Answer, grounded
from gistill.types import Claim, Request, Segment, Summary

Count = Callable[[str], int]

_FACTS = 3  # names and numbers that make a sentence worth telling: more are no better


def notes(summaries: Sequence[Summary]) -> str:
    """The material of a fuse prompt: a bullet a claim, in thread order."""
    return "\n".join(f"- {claim.text}" for node in summaries for claim in node.claims)


def groups(summaries: Sequence[Summary], count: Count, room: int) -> list[list[Summary]]:
    """Neighbours whose notes fit `room` tokens together; fewer groups than summaries, always.

    Filled from the start, so that a thread that grows keeps its groups; a small last group shares
    with the one before it.
    """
    sizes = [count(notes([node])) + 1 for node in summaries]
    runs = fill(sizes, room)
    if len(runs) == len(summaries):
        runs = [(start, min(start + 2, len(sizes))) for start in range(0, len(sizes), 2)]
    if len(runs) > 1 and 2 * sum(sizes[slice(*runs[-1])]) < room:
        start, end = runs[-2][0], runs[-1][1]
        split = start + middle(sizes[start:end])
        runs[-2:] = [(start, split), (split, end)]
    return [list(summaries[start:end]) for start, end in runs]


def request(
    group: Sequence[Summary],
    decoding: Decoding,
    *,
    max_tokens: int,
    query: str | None,
    language: str | None,
    slack: int = 0,
    alone: bool = False,
) -> Request:
    """The generation that fuses `group`; `slack` is the engine's."""
    text = notes(group)
    template = prompts.template("fuse_query" if query else "fuse")
    words = prompts.words_in(max_tokens, slack)
    prompt = template.render(text, query=query, language=language, words=words)
    return decoding.request(prompt, text, max_tokens, query, alone=alone)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a fused summary may be, who counts, and what support a sentence needs."""

    tokens: int
    count: Count
    threshold: float
    strict: bool = False


def summary(
    id: str,
    level: int,
    group: Sequence[Summary],
    answer: Answer,
    segments: Mapping[str, Segment],
    limits: Limits,
    query: str | None,
) -> Summary:
    """The node over `group` whose text is `answer`, grounded in what its children cite."""
    ids = sorted({cite for node in group for claim in node.claims for cite in claim.cites})
    evidence = Evidence(tuple(segments[i] for i in ids))
    claims = grounded(answer, evidence, query)
    kept = compose(claims, group, limits)
    return Summary(id, kept, level, answer.by, tuple(group), gap=answer.gap)


def union(id: str, level: int, group: Sequence[Summary], limits: Limits, gap: str) -> Summary:
    """The node over `group` without a model: the best claims of every child."""
    return Summary(id, compose([], group, limits), level, "union", tuple(group), gap=gap)


def compose(
    claims: Sequence[Claim], children: Sequence[Summary], limits: Limits
) -> tuple[Claim, ...]:
    """The claims of a node: at most `limits.tokens` when joined, every child heard if possible.

    `claims` are the fused text's own. Those with support come first; then, for each child that
    none of them cites, its best claim. Where that finds no room, the weakest claim that speaks for
    no child alone gives way. Where most of the fused text has no support, what room is left goes to
    further claims of the children. Otherwise each of its weak claims gives way to one of theirs
    that has support and tells of what was not told yet; where there is none it stays, but not with
    `strict`. A claim that cites nothing stands only where nothing else does.
    The order is that of the fused text, with the others at their place in time.
    """
    said = list({claim.text: claim for claim in claims}.values())
    own = [claim for claim in said if claim.cites]
    sound = [c for c in own if c.support >= limits.threshold]
    kept: list[Claim] = []
    for claim in sound:
        _admit(kept, claim, limits)
    ranked = [_ranked(child, limits) for child in children]
    for child, best in zip(children, ranked, strict=True):
        if best and not _heard(child, kept):
            _admit_for_child(kept, best[0], children, limits)
    turns = itertools.zip_longest(*ranked)
    further = [claim for turn in turns for claim in turn if claim]
    if 2 * len(sound) < len(said) or not own:
        for claim in further:
            _admit(kept, claim, limits)
    else:
        for claim in own:
            weak = claim.support < limits.threshold
            if weak and not _admit_news(kept, further, limits) and not limits.strict:
                _admit(kept, claim, limits)
    if not kept:
        pool = [*said, *(claim for child in children for claim in child.claims)]
        for claim in sorted(pool, key=lambda c: (-c.support, limits.count(c.text))):
            _admit(kept, claim, limits)
    order = {id(claim): place for place, claim in enumerate(said)}
    ordered = sorted((c for c in kept if id(c) in order), key=lambda c: order[id(c)])
    for claim in sorted((c for c in kept if id(c) not in order), key=_time):
        later = (i for i, other in enumerate(ordered) if _time(other) > _time(claim))
        ordered.insert(next(later, len(ordered)), claim)
    return tuple(ordered)


def _ranked(child: Summary, limits: Limits) -> list[Claim]:
    """Best first: what has support, then by how many names and numbers it tells that were said, by
    support in tenths, and by how much else it says."""

    def key(claim: Claim) -> tuple[bool, int, float, int]:
        facts = min(len(flags(claim.text, "")), _FACTS) - len(claim.flags)
        weak = claim.support < limits.threshold
        return weak, -facts, -round(claim.support, 1), -len(set(terms(claim.text)))

    return sorted(child.claims, key=key)


def joined(claims: Sequence[Claim]) -> str:
    """The text of a summary."""
    return " ".join(claim.text for claim in claims)


def _fits(claims: Sequence[Claim], limits: Limits) -> bool:
    return limits.count(joined(claims)) <= limits.tokens


def _admit(kept: list[Claim], claim: Claim, limits: Limits) -> bool:
    if any(claim.text == other.text for other in kept) or not _fits([*kept, claim], limits):
        return False
    kept.append(claim)
    return True


def _admit_news(kept: list[Claim], claims: Sequence[Claim], limits: Limits) -> bool:
    """Admits the first of `claims` that has support and cites nothing that is cited already."""
    cited = {cite for claim in kept for cite in claim.cites}
    return any(
        claim.support >= limits.threshold
        and cited.isdisjoint(claim.cites)
        and _admit(kept, claim, limits)
        for claim in claims
    )


def _admit_for_child(
    kept: list[Claim], claim: Claim, children: Sequence[Summary], limits: Limits
) -> None:
    """Admits `claim`, in place of claims that no child depends on where it must."""
    trial = list(kept)
    while not _admit(trial, claim, limits):
        spare = [c for c in trial if not _speaks_alone(c, trial, children)]
        if not spare or any(claim.text == other.text for other in trial):
            return
        trial.remove(min(spare, key=lambda c: c.support))
    kept[:] = trial


def _speaks_alone(claim: Claim, kept: Sequence[Claim], children: Sequence[Summary]) -> bool:
    others = [c for c in kept if c is not claim]
    return any(_heard(child, [claim]) and not _heard(child, others) for child in children)


def _heard(child: Summary, claims: Sequence[Claim]) -> bool:
    cites = {cite for claim in child.claims for cite in claim.cites}
    return any(not cites.isdisjoint(claim.cites) for claim in claims)


def _time(claim: Claim) -> str:
    return min(claim.cites, default="")
