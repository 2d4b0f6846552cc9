"""How long generations take: one cost model, which plans reckon with and measurements teach.

Reading prompts and writing answers cost so much a token, and an engine may have to start up
before its first. All three are its own first guess until the store holds observations of it on
this machine.
"""

from __future__ import annotations

import contextlib
import platform
import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from weakref import WeakSet

from gistill.engines import Engine, Speed, machine
from gistill.store import Observation, Store
from gistill.teacher.generation import Answer
from gistill.types import Request

# What a written token costs, against one of a greedy batch that fills its engine: about 1, 2.5 and
# 4 with 1, 2 and 4 beams, and up to 1.9 more the fewer generations run at once, since an engine
# reads its weights once a step for all it runs (benchmarks/cost_model.py, bundled model).
_BEAMS, _BEAM = 0.9, 0.8
_SEATS, _ALONE = 4, 2.5

_LEAST = 0.05  # seconds: anything shorter says nothing about an engine's speed
_FADE = 6  # observations after which one counts half
_PRIOR = 0.01  # weight of the first guess, in observations
_SWING = 50.0  # how far a fitted rate may be from that ratio
_ROUNDS = 4
_LONG = 20.0  # seconds of a batch that tells as much about starting up as the first guess does

_LATELY, _FEW = 20, 3  # batches that tell how long answers are: at most, and at least
_LEAST_FILL = 0.1

_warm: WeakSet[Engine] = WeakSet()  # engines that have generated in this process


def seconds(
    tokens_in: float, tokens_out: float, calls: int, beams: int, speed: Speed, *, lanes: int = 1
) -> float:
    """Wall time of a batch of `calls` generations with so many tokens in all.

    `lanes` is how many the engine runs side by side, each as fast as if it were alone; `speed` is
    that of all lanes together.
    """
    read, written = _work(tokens_in, tokens_out, calls, beams, lanes)
    return read / speed.prefill + written / speed.decode


def seconds_for(store: Store, engine: Engine, requests: Sequence[Request], tokens_in: int) -> float:
    """What `requests`, whose prompts have so many tokens in all, are likely to take."""
    written = fill_of(store, engine) * sum(request.max_tokens for request in requests)
    beams = max((request.beams for request in requests), default=1)
    speed, lanes = speed_of(store, engine), lanes_of(engine)
    return seconds(tokens_in, written, len(requests), beams, speed, lanes=lanes)


def _work(
    tokens_in: float, tokens_out: float, calls: int, beams: int, lanes: int
) -> tuple[float, float]:
    """Tokens to read and to write if all were those of a full greedy batch over all lanes."""
    longest = -(-calls // lanes)  # generations on the busiest lane
    idle = lanes * longest / max(calls, 1)
    width = 1.0 if beams == 1 else _BEAMS + _BEAM * beams
    width += _ALONE * (1 / min(max(longest, 1), _SEATS) - 1 / _SEATS)
    return tokens_in * idle, tokens_out * idle * width


def lanes_of(engine: Engine) -> int:
    """Generations that `engine` runs side by side; one, unless it says otherwise."""
    return int(getattr(engine, "lanes", 1))


@cache
def this_machine() -> str:
    """A short name that stays the same while the machine does: "linux-x86_64-8"."""
    return f"{platform.system()}-{platform.machine()}-{machine.cores()}".lower()


def speed_of(store: Store, engine: Engine) -> Speed:
    """The engine's speed as measured on this machine, else its own first guess."""
    return _pace(store, engine)[0]


def start_of(store: Store, engine: Engine) -> float:
    """Seconds until the engine's next generation begins: none once it has generated here."""
    return 0.0 if engine in _warm else _pace(store, engine)[1]


def fill_of(store: Store, engine: Engine) -> float:
    """The share of the tokens it may write that the engine is likely to write at most.

    One standard deviation above the mean of what it did lately; 1 before anything is known.
    """
    seen = store.observations(engine.id, this_machine())
    fills = [min(1.0, s.tokens_out / s.allowed) for s in seen[-_LATELY:] if s.allowed]
    if len(fills) < _FEW:
        return 1.0
    return min(1.0, max(_LEAST_FILL, statistics.fmean(fills) + statistics.pstdev(fills)))


def _pace(store: Store, engine: Engine) -> tuple[Speed, float]:
    seen = store.observations(engine.id, this_machine())
    start = float(getattr(engine, "start", 0.0))  # a first guess, if it makes one
    return pace(seen, engine.speed, start, lanes=lanes_of(engine))


def learn_speed(
    store: Store,
    engine: Engine,
    answers: Sequence[Answer],
    took: float,
    *,
    beams: int = 1,
    allowed: int = 0,
) -> None:
    """Keeps that the engine took so many seconds for these answers, each with so many beams and of
    so many tokens at most; 0 where nobody knows.

    Stored answers took none, and where the engine broke down nothing is learned. If time ran out,
    the finished ones bear all of it, and are taken for as long as they might have been, which makes
    a plan too careful rather than too bold. If none was finished, reading their prompts took that
    long, which is kept where it is news.
    """
    fresh = [answer for answer in answers if not answer.reused]
    if any(answer.failed == "broken" for answer in fresh):
        _warm.discard(engine)  # what broke has to start again
        return
    made = [answer for answer in fresh if answer.by == engine.id]
    seen = made or [answer for answer in fresh if answer.failed == "late"]
    cold = engine not in _warm
    if seen:
        with contextlib.suppress(TypeError):  # no weak reference to it: cold each time, then
            _warm.add(engine)
    tokens_in = sum(answer.tokens_in for answer in seen)
    tokens_out = sum(answer.tokens_out for answer in made)
    if took <= _LEAST or not tokens_in + tokens_out:
        return
    if not made:
        speed, start = _pace(store, engine)
        expected = seconds(tokens_in, 0, len(seen), beams, speed, lanes=lanes_of(engine))
        if took <= expected + start * cold:
            return
    late = any(answer.failed == "late" for answer in fresh)
    most = min(allowed, tokens_out) if late else allowed * len(made)
    observation = Observation(tokens_in, tokens_out, len(seen), beams, took, cold, most)
    store.observe(engine.id, this_machine(), observation)


def pace(
    observations: Sequence[Observation], guess: Speed, start: float, *, lanes: int = 1
) -> tuple[Speed, float]:
    """The speed that explains `observations`, and the seconds of starting up that cold ones bear.

    Starting up is what cold batches took longer, at the median, than warm ones tell. `start` is a
    guess at it, which stands where there are not both.
    """
    warm = [seen for seen in observations if not seen.cold]
    cold = [seen for seen in observations if seen.cold]
    if warm and cold:
        speed = fit(warm, guess, lanes=lanes)
        told = [(seen.seconds, _seconds(seen, speed, lanes)) for seen in cold]
        # The shorter the batch, the better it tells.
        over = [(max(0.0, took - work), 1 / work) for took, work in told if work > 0]
        start = _median([*over, (start, 1 / _LONG)])
    # A batch that did little but start up tells nothing about the speed.
    telling = [seen for seen in observations if not seen.cold or seen.seconds > 2 * start]
    net = [replace(s, seconds=s.seconds - start) if s.cold else s for s in telling]
    return fit(net, guess, lanes=lanes), start


def _seconds(seen: Observation, speed: Speed, lanes: int) -> float:
    return seconds(seen.tokens_in, seen.tokens_out, seen.calls, seen.beams, speed, lanes=lanes)


def fit(observations: Sequence[Observation], guess: Speed, *, lanes: int = 1) -> Speed:
    """The speed that explains `observations`, oldest first; `guess` where there are none.

    Weighted least squares on the seconds a token takes to read and to write, found in rounds:
    residuals count relative to what was seen and what is predicted, as those of logarithms do, so
    that a batch slowed down once by other work pulls little. Newer observations weigh more. What
    they leave open, such as the speed of writing where all was reading, is taken from `guess`
    times one factor, the median. Both speeds are always positive and finite.
    """
    rows = []
    for age, seen in enumerate(reversed(observations)):
        read, written = _work(seen.tokens_in, seen.tokens_out, seen.calls, seen.beams, lanes)
        x, y = read / guess.prefill, written / guess.decode
        if x + y > 0 and seen.seconds > 0:
            rows.append((x, y, seen.seconds, 0.5 ** (age / _FADE)))
    if not rows:
        return guess
    scale = _median([(took / (x + y), weight) for x, y, took, weight in rows])
    u = v = 1.0  # seconds a token, in those of the scaled guess
    for _ in range(_ROUNDS):
        a = c = d = e = _PRIOR
        b = 0.0
        for x, y, took, weight in rows:
            x, y = x * scale, y * scale
            took = _within(took, (x + y) / _SWING, (x + y) * _SWING)
            k = weight / (took * (u * x + v * y))
            a, b, c = a + k * x * x, b + k * x * y, c + k * y * y
            d, e = d + k * x * took, e + k * y * took
        u, v = _least(a, b, c, d, e)
    return Speed(prefill=guess.prefill / (scale * u), decode=guess.decode / (scale * v))


def _median(values: Sequence[tuple[float, float]]) -> float:
    """Of values with weights."""
    left = sum(weight for _, weight in values) / 2
    for value, weight in sorted(values):
        left -= weight
        if left <= 0:
            return value
    return max(values)[0]


def _least(a: float, b: float, c: float, d: float, e: float) -> tuple[float, float]:
    """The u and v, neither beyond the swing, where a u² + 2b uv + c v² - 2d u - 2e v is least."""
    low, high = 1 / _SWING, _SWING
    whole = a * c - b * b
    u, v = (d * c - e * b) / whole, (a * e - b * d) / whole
    if low <= u <= high and low <= v <= high:
        return u, v
    edges = [(u, _within((e - b * u) / c, low, high)) for u in (low, high)]
    edges += [(_within((d - b * v) / a, low, high), v) for v in (low, high)]
    return min(
        edges,
        key=lambda p: (
            a * p[0] ** 2 + 2 * b * p[0] * p[1] + c * p[1] ** 2 - 2 * d * p[0] - 2 * e * p[1]
        ),
    )


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
