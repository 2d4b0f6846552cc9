"""What a token costs with beams and in small batches, and how well `gistill.speeds` says so.

    python benchmarks/cost_model.py

CPU seconds of one worker of the bundled model, the least of three rounds, so that other work on
the machine matters little.
The first table is what a written token costs, against one of a greedy batch of four. In the second
the cost model is fitted to all batches: what it foretells of each, against what that took.
"""

from __future__ import annotations

import random

from gistill import speeds
from gistill.cost import CostTracker
from gistill.engines import Engine, OpenOptions, open_engine
from gistill.store import Observation
from gistill.types import Request

WORDS = (
    "the keeper said that the lamp needs a cheaper case and brighter glass before spring".split()
)
PROMPT, ANSWER = 400, 64  # words, tokens
CALLS, BEAMS = (1, 2, 4), (1, 2, 4)
ROUNDS = 3
ONE_WORKER = 700_000_000  # bytes; more is not used by one


def batch(engine: Engine, calls: int, beams: int, tokens: int, dice: random.Random) -> Observation:
    """CPU seconds of so many generations of at most `tokens` tokens."""
    requests = [
        Request(
            "Retell this in detail: " + " ".join(dice.choices(WORDS, k=PROMPT)),
            "",
            tokens,
            beams=beams,
            no_repeat_ngram=3 if beams > 1 else 0,
        )
        for _ in range(calls)
    ]
    with CostTracker() as tracker:
        answers = list(engine.generate(requests))
    read = sum(answer.tokens_in for answer in answers)
    written = sum(answer.tokens_out for answer in answers)
    return Observation(read, written, calls, beams, tracker.cost().cpu_seconds)


def cpu_per_token(one: Observation) -> float:
    return one.seconds / (one.tokens_in + one.tokens_out)


def main() -> None:
    engine = open_engine("bundled", OpenOptions(max_memory=ONE_WORKER))
    dice = random.Random(20261123)
    batch(engine, 1, 1, 4, dice)  # starts the worker
    tasks = [(calls, 1, 1) for calls in CALLS]
    tasks += [(calls, beams, ANSWER) for beams in BEAMS for calls in CALLS]
    rounds = [[batch(engine, *task, dice) for task in tasks] for _ in range(ROUNDS)]
    least = [min(of_task, key=cpu_per_token) for of_task in zip(*rounds, strict=True)]
    reading, writing = least[: len(CALLS)], least[len(CALLS) :]
    token = sum(r.seconds for r in reading) / sum(r.tokens_in for r in reading)
    seen = {(one.calls, one.beams): one for one in writing}
    costs = {
        key: (one.seconds - one.tokens_in * token) / one.tokens_out for key, one in seen.items()
    }
    print(f"| generations | {' | '.join(f'beams {b}' for b in BEAMS)} |")
    for calls in CALLS:
        cells = (f"{costs[calls, beams] / costs[4, 1]:.2f}" for beams in BEAMS)
        print(f"| {calls} | {' | '.join(cells)} |")

    speed = speeds.fit(least, engine.speed)
    print(f"\nread {speed.prefill:.0f}, written {speed.decode:.0f} tokens a second of CPU")
    for calls in CALLS:
        cells = []
        for beams in BEAMS:
            one = seen[calls, beams]
            told = speeds.seconds(one.tokens_in, one.tokens_out, calls, beams, speed)
            cells.append(f"{told / one.seconds:.2f}")
        print(f"| {calls} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
