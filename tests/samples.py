"""Small threads and results for tests of what is made from a `Done`: one of each oddity."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from gistill.types import (
    Chunk,
    Claim,
    Coverage,
    Done,
    Locator,
    Merge,
    Plan,
    Segment,
    Source,
    Spend,
    Step,
    Summary,
    Thread,
    Unread,
    Unreadable,
)

HOSTILE = (
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> & \"quoted\" 'x' $style"
)

TURNS = [
    ("Ada Lovelace", "Good morning. We ship the engine on 4 May, whatever the weather."),
    ("Charles", "{vocalsound} I would rather wait for the brass gears."),
    ("Ada Lovelace", "The gears cost £1,200 and arrive in June."),
    ("נעמה", "אני מסכימה עם עדה, לא נחכה."),
    ("李雷", "我们应该先测试打孔卡片，然后再决定是否等待黄铜齿轮。"),
    ("Zoë 🦊", "👩‍🔬 tested it: two cards jam.\nThe third one is fine."),
    (HOSTILE, HOSTILE),
    ("Charles", "So the cards are mine, then."),
    (None, "Minutes by the secretary."),
    ("Ada Lovelace", "Meeting closed."),
]


def thread() -> Thread:
    """Ten timed turns in several scripts, one of them hostile to HTML and terminals."""
    segments, at = [], 0
    for n, (speaker, text) in enumerate(TURNS):
        span, start = (at, at + len(text)), 840.0 + 5 * n
        at += len(text) + 1
        where = Locator("council.vtt", span, time=(start, start + 4.5))
        segments.append(Segment(f"s{n:06d}", text, where, speaker, "utterance"))
    text = "\n".join(text for _, text in TURNS)
    source = Source("council.vtt", "ab" * 32, text)
    return Thread(tuple(segments), (source,), "Council <b>of</b> engineers", ("1 cue was empty.",))


def claim(text: str, *turns: int, support: float = 0.9, **more: Any) -> Claim:
    """A sentence that cites the turns with these numbers, counted from 0."""
    return Claim(text, tuple(f"s{n:06d}" for n in turns), support, **more)


def done() -> Done:
    """A tree of three levels over `thread()` with a merge, a flag, a weak claim and a gap."""
    segments = thread().segments
    chunks = (
        Chunk("c0000", segments[0:3], 60),
        Chunk("c0001", segments[2:6], 80, overlap=1),
        Chunk("c0002", segments[6:10], 70),
    )
    merge = Merge("They ship on 4 May.", ("s000002",), 0.95, "similar")
    ship = claim("The engine ships on 4 May.", 0, 2, merged=(merge,))
    test = claim("Two cards jam.", 5, support=0.7)
    hostile = claim(HOSTILE, 6, support=0.6)
    close = claim("Charles takes the cards.", 7, support=0.8)
    leaves = (
        Summary("n0-0000", (ship,), 0, "echo", chunk="c0000"),
        Summary("n0-0001", (test,), 0, "echo", chunk="c0001"),
        Summary(
            "n0-0002",
            (hostile, close),
            0,
            "extractive",
            chunk="c0002",
            gap="the model repeated itself",
        ),
    )
    middle = Summary("n1-0000", (ship, test), 1, "echo", leaves[:2])
    final = (
        ship,
        claim("Two cards jam, says Zoë 🦊 on 12 June.", 5, 4, support=0.8, flags=("12 June",)),
        claim("נעמה מסכימה עם עדה.", 3, support=0.2),
        claim("Nobody said this.", support=0.0),
        hostile,
    )
    return Done(
        text=" ".join(c.text for c in final),
        summary=Summary("n2-0000", final, 2, "echo", (middle, leaves[2])),
        local=(ship, test, hostile, close),
        chunks=chunks,
        plan=Plan(
            (
                Step("local", 0, 3, 300, 384, 1.5),
                Step("fuse", 1, 1, 250, 128, 0.5),
                Step("fuse", 2, 1, 250, 200, 0.7),
            ),
            3,
            1024,
            128,
            128,
            200,
            "fast",
            given_up=("2 beams instead of 4",),
        ),
        coverage=Coverage(180, 200, (Unread("the model failed", 20, ("s000008", "s000009")),)),
        positions=(1, 0, 1, 1, 1, 1, 1, 0, 0, 0),
        support_rate=0.6,
        spend=Spend(4, 1, 790, 210, 2.5, 4.0, 300 << 20),
        # The last fuse did not happen, and a chunk more was summarized than was planned.
        spent=(Step("local", 0, 4, 390, 70, 1.7), Step("fuse", 1, 1, 400, 140, 0.4)),
        engine="echo",
        failures=("local: the model repeated itself",),
        notices=("the summary was shortened to 200 tokens",),
        run="r-1",
    )


def single() -> Done:
    """One pass over everything: no tree, nothing missing."""
    whole = done()
    chunk = Chunk("c0000", thread().segments, 200)
    root = Summary("n0-0000", whole.summary.claims[:1], 0, "echo", chunk="c0000")
    return replace(
        whole,
        text=root.claims[0].text,
        summary=root,
        local=root.claims,
        chunks=(chunk,),
        coverage=Coverage(200, 200),
        support_rate=1.0,
        notices=(),
        failures=(),
    )


# Anything a string may hold, unpaired surrogates and control characters included.
TEXT = st.one_of(st.text(st.characters(), max_size=20), st.just(HOSTILE))
_SHARE = st.floats(0, 1)
_COUNT = st.integers(0, 9999)
_SECONDS = st.floats(0, 1e6)
_MAYBE = st.none() | _COUNT
_WHEN = st.datetimes(
    timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=5.5))])
)


@st.composite
def results(draw: st.DrawFn) -> tuple[Done, Thread]:
    """A result and its thread, of any shape the types allow; sources come without their text."""
    # A few strings serve for all fields: drawing each anew is slow and finds nothing more.
    text = st.sampled_from(draw(st.lists(TEXT, min_size=3, max_size=5)))
    texts = st.lists(text, max_size=2).map(tuple)
    sources = tuple(
        Source(name, "00" * 32, "") for name in draw(st.lists(text, min_size=1, max_size=2))
    )
    segments = tuple(_segment(draw, n, text, sources) for n in range(draw(st.integers(1, 4))))
    ids = [segment.id for segment in segments]
    piece = replace(segments[0], text=segments[0].text[:1])
    held = st.lists(st.sampled_from([*segments, piece]), min_size=1, max_size=3).map(tuple)
    claims = _claims(ids, text)
    chunks = tuple(Chunk(f"c{n}", draw(held), n) for n in range(draw(st.integers(1, 3))))
    gap = st.none() | text
    leaves = tuple(
        Summary(f"l{c.id}", draw(claims), 0, draw(text), (), c.id, draw(gap)) for c in chunks
    )
    root = leaves[0]
    if len(leaves) > 1:
        root = Summary("root", draw(claims), 1, "echo", leaves, None, draw(gap))
    skipped = st.builds(Unread, text, _COUNT, st.lists(st.sampled_from(ids), max_size=2).map(tuple))
    step = st.builds(Step, st.sampled_from(["local", "fuse"]), *[_COUNT] * 4, _SECONDS)
    steps = tuple(draw(st.lists(step, max_size=2)))
    read, total = sorted(draw(st.tuples(_COUNT, _COUNT)))
    done = Done(
        text=draw(text),
        summary=root,
        local=draw(claims),
        chunks=chunks,
        plan=Plan(steps, len(chunks), 1024, 128, 128, 200, "fast", given_up=draw(texts)),
        coverage=Coverage(read, total, tuple(draw(st.lists(skipped, max_size=2)))),
        positions=tuple(draw(st.lists(_COUNT, max_size=10))),
        support_rate=draw(_SHARE),
        spend=Spend(1, 2, draw(_COUNT), 4, draw(_SECONDS), 6.0, 7, draw(_MAYBE), draw(_MAYBE)),
        spent=tuple(draw(st.lists(step, max_size=2))),
        engine=draw(text),
        query=draw(gap),
        notices=draw(texts),
        failures=draw(texts),
        run=draw(gap),
    )
    unread = draw(st.lists(st.builds(Unreadable, text, text), max_size=2).map(tuple))
    return done, Thread(segments, sources, draw(text), draw(texts), unread, draw(texts))


def _segment(
    draw: st.DrawFn, n: int, text: st.SearchStrategy[str], sources: tuple[Source, ...]
) -> Segment:
    said = draw(text)
    time = draw(st.none() | st.tuples(_SECONDS, _SECONDS))
    page = draw(st.none() | st.integers(1, 99))
    box = draw(st.none() | st.tuples(_SHARE, _SHARE, _SHARE, _SHARE))
    name = sources[n % len(sources)].name
    where = Locator(name, (n, n + len(said)), draw(st.none() | text), time, page, box)
    kind = draw(st.sampled_from(["utterance", "message", "paragraph", "image_text", "frame"]))
    reply_to = f"s{n - 1:06d}" if n else None
    speaker, when = draw(st.none() | text), draw(st.none() | _WHEN)
    also = draw(st.sampled_from([(), (where,), (where, where)]))
    return Segment(f"s{n:06d}", said, where, speaker, kind, when, reply_to, also)


def _claims(ids: list[str], text: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Claim, ...]]:
    # An id that no segment has must never be shown.
    cites = st.lists(st.sampled_from([*ids, "s-unknown"]), max_size=3, unique=True).map(tuple)
    merge = st.builds(Merge, text, cites, _SHARE, st.sampled_from(["exact", "similar"]))
    flags = st.lists(text, max_size=1).map(tuple)
    merged = st.lists(merge, max_size=1).map(tuple)
    claim = st.builds(Claim, text, cites, _SHARE, flags, merged)
    return st.lists(claim, max_size=2).map(tuple)
