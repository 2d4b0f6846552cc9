"""How a run will go: what is asked of the engine, in how many tokens, and what a deadline costs.

Seconds come from the engine's speed as the store has measured it, else from its own first guess.
When they exceed the budget, things are given up in a fixed order, the least missed first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from gistill.decoding.profiles import PROFILES
from gistill.engines import Speed
from gistill.speeds import seconds
from gistill.types import Budget, Chunk, Plan, Profile, Step

# Tokens that a prompt template adds around its material; exact counts are the engine's business.
TEMPLATE = 64
# The ladder's last rungs. A query has what it needs located from the start: first there is less of
# it (preparation.py).
LOCATED, LESS, EXTRACTIVE = "chunks located instead of read", "less located", "extractive"
# Trying costs no time that the selected sentences would need, and an engine that is believed to be
# too slow, and so is never asked, would be believed so for ever. Half of an answer is still better
# than selected sentences; less is not (dev/LOG.md).
_HOPE = 2.0
_SHORT = 32  # tokens: no plan asks for shorter local summaries, to save time
_USABLE = 0.9  # share of the time budget that a plan may fill: the rest is for surprises

Give = Callable[[Plan], Plan]
Stage = Literal["single", "local", "fuse"]


def plan(
    chunks: Sequence[Chunk],
    budget: Budget,
    speed: Speed,
    *,
    max_tokens: int,
    overlap: int,
    local_len: int,
    global_len: int,
    lanes: int = 1,
    start: float = 0.0,
    fill: float = 1.0,
) -> Plan:
    """The best plan that fits `budget`; the cheapest one where none does.

    One chunk is a single pass. Several are summarized one by one, then fused in groups of what
    `max_tokens` holds until one summary is left. `lanes` is how many generations the engine runs
    side by side, `start` the seconds until it begins, `fill` the share of the tokens it may write
    that it is likely to write at most.
    """
    whole = Plan(
        steps=(),
        chunks=len(chunks),
        max_tokens=max_tokens,
        overlap=overlap,
        local_len=local_len,
        global_len=min(global_len, budget.tokens or global_len),
        profile=budget.profile,
    )
    made = _costed(whole, chunks, speed, lanes, fill)
    if budget.seconds is None:
        return made
    limit = _limit(budget.seconds, start)
    for name, give in _ladder(len(chunks)):
        if made.seconds <= limit * (_HOPE if name == EXTRACTIVE else 1.0):
            break
        cheaper = _costed(give(made), chunks, speed, lanes, fill)
        if cheaper.seconds < made.seconds:
            made = replace(cheaper, given_up=tuple(dict.fromkeys([*made.given_up, name])))
    return made


def in_time(plan: Plan, budget: Budget, start: float = 0.0) -> bool:
    """Whether the engine is expected to be done with `plan` in time, and is asked at all."""
    if budget.seconds is None:
        return True
    return EXTRACTIVE not in plan.given_up and plan.seconds <= _limit(budget.seconds, start)


def _limit(seconds: float, start: float) -> float:
    return max(0.0, seconds - start) * _USABLE


def _ladder(chunks: int) -> list[tuple[str, Give]]:
    def beams(profile: Profile) -> Give:
        return lambda p: replace(p, profile=profile)

    def unread(count: int) -> Give:
        return lambda p: replace(p, unread=count)

    # Chunks are given up a tenth at a time; the last step leaves none to the engine.
    parts = sorted({-(-chunks * tenth // 10) for tenth in range(1, 10)} - {0, chunks})
    return [
        ("beams", beams("fast")),
        ("beams", beams("greedy")),
        ("levels", lambda p: replace(p, flat=True)),
        ("local length", _shorter),
        ("local length", _shorter),
        *[(LOCATED, unread(part)) for part in parts],
        (EXTRACTIVE, unread(chunks)),
    ]


def _shorter(plan: Plan) -> Plan:
    """Half the length of local summaries; a single pass has but one, which is also the last."""
    if plan.chunks == 1:
        return replace(plan, global_len=min(plan.global_len, max(_SHORT, plan.global_len // 2)))
    return replace(plan, local_len=min(plan.local_len, max(_SHORT, plan.local_len // 2)))


def _costed(plan: Plan, chunks: Sequence[Chunk], speed: Speed, lanes: int, fill: float) -> Plan:
    def step(stage: Stage, level: int, calls: int, tokens_in: int, tokens_out: int) -> Step:
        tokens_in += calls * TEMPLATE
        beams = PROFILES[plan.profile].beams
        took = seconds(tokens_in, fill * tokens_out, calls, beams, speed, lanes=lanes)
        return Step(stage, level, calls, tokens_in, tokens_out, round(took, 3))

    read = plan.chunks - plan.unread
    if plan.chunks == 0 or read == 0:
        return replace(plan, steps=())
    if plan.chunks == 1:
        only = step("single", 0, 1, chunks[0].tokens, plan.global_len)
        return replace(plan, steps=(only,))
    mean = sum(chunk.tokens for chunk in chunks) / len(chunks)
    steps = [step("local", 0, read, round(read * mean), read * plan.local_len)]
    nodes, level = plan.chunks, 1
    while nodes > 1:
        fan = max(2, plan.max_tokens // (plan.local_len + 1))
        calls = -(-nodes // fan)
        if calls == 1 or not plan.flat:
            length = plan.global_len if calls == 1 else plan.local_len
            tokens_in = nodes * plan.local_len
            steps.append(step("fuse", level, calls, tokens_in, calls * length))
        nodes, level = calls, level + 1
    return replace(plan, steps=tuple(steps))
