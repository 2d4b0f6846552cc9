import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

import samples
from gistill.artifacts import citations as module
from gistill.artifacts.citations import Citations
from gistill.types import Locator, Segment, Thread

THREAD = samples.thread()


@pytest.fixture
def citations() -> Citations:
    return Citations(samples.done(), THREAD)


def test_numbers_follow_first_citation(citations: Citations):
    assert list(citations.numbers) == [
        "s000000", "s000002", "s000004", "s000005", "s000003", "s000006", "s000007",
    ]  # fmt: skip
    assert list(citations.numbers.values()) == [1, 2, 3, 4, 5, 6, 7]
    assert citations.final == 6


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results())
def test_only_segments_of_the_thread_get_numbers(result):
    done, thread = result
    citations = Citations(done, thread)
    assert set(citations.numbers) <= {s.id for s in thread.segments}
    assert sorted(citations.numbers.values()) == list(range(1, len(citations.numbers) + 1))


def test_brackets(citations: Citations):
    assert citations.brackets(("s000000",)) == "[1]"
    assert citations.brackets(("s000002", "s000000")) == "[1, 2]"
    assert citations.brackets(("s000000", "s000002", "s000004", "s000003")) == "[1-3, 5]"
    assert citations.brackets(("s-unknown", "s000009")) == ""
    assert citations.brackets(()) == ""


def segments(*, kind="message", times=None, whens=None, count=3) -> list[Segment]:
    return [
        Segment(
            f"s{n}",
            "text",
            Locator("f", (n, n + 1), time=times and times[n]),
            kind=kind,
            when=whens and whens[n],
        )
        for n in range(count)
    ]


def place(rows: list[Segment]) -> tuple[str, str]:
    citations = Citations(samples.done(), Thread(tuple(rows), ()))
    return citations.place(rows[1]), citations.stretch(rows)


def test_place_is_a_time_where_there_is_one():
    rows = segments(times=[(1, 2), (3725.9, 3726), (3800, 3801)])
    assert place(rows) == ("01:02:05", "00:00:01–01:03:20")


def test_place_is_a_date_as_its_author_saw_it():
    zone = dt.timezone(dt.timedelta(hours=9))
    rows = segments(whens=[dt.datetime(2026, 3, 4, 14, m, tzinfo=zone) for m in (1, 2, 3)])
    assert place(rows) == ("2026-03-04 14:02", "2026-03-04 14:01 – 14:03")
    rows = segments(whens=[dt.datetime(2026, 3, d, 14, 1) for d in (4, 5, 6)])
    assert place(rows)[1] == "2026-03-04 14:01 – 2026-03-06 14:01"


def test_place_is_else_the_ordinal():
    assert place(segments(kind="utterance")) == ("turn 2", "turns 1–3")
    assert place(segments(kind="image_text")) == ("passage 2", "passages 1–3")


def test_stretch_is_told_by_what_has_a_time():
    rows = segments(times=[None, (60, 61), (90, 91)])
    assert place(rows)[1] == "00:01:00–00:01:30"


def test_clocks_of_several_recordings_tell_no_stretch():
    days = [dt.datetime(2026, 3, day) for day in (4, 5, 6)]
    rows = segments(times=[None, (60, 61), None], whens=days)
    rows[1] = replace(rows[1], at=replace(rows[1].at, source="voice.ogg"))
    assert place(rows)[1] == "2026-03-04 00:00 – 2026-03-06 00:00"


def test_one_place_is_no_stretch():
    rows = segments(count=1)
    assert Citations(samples.done(), Thread(tuple(rows), ())).stretch(rows) == "message 1"


def test_noun():
    assert module.noun(segments()) == "message"
    assert module.noun([*segments(), *segments(kind="paragraph")]) == "segment"


def test_excerpt_leaves_noise_out_unless_there_is_nothing_else():
    assert module.excerpt(THREAD.segments[1], 30) == "I would rather wait for the…"
    noise = replace(THREAD.segments[1], text="{vocalsound}")
    assert module.excerpt(noise, 30) == "{vocalsound}"


def test_weak_sentences_are_those_that_the_rate_leaves_out():
    assert module.weak(samples.done()) == {2, 3}
    assert module.weak(samples.single()) == frozenset()
    assert module.weak(replace(samples.done(), support_rate=0.0)) == {0, 1, 2, 3, 4}


def test_notes_stand_with_the_part_they_came_from(citations: Citations):
    done = samples.done()
    grouped = module.notes(done, citations)
    assert [leaf.chunk for leaf, _ in grouped] == ["c0000", "c0001", "c0002"]
    assert [[c.text for c in claims] for _, claims in grouped] == [
        ["The engine ships on 4 May."],
        ["Two cards jam."],
        [samples.HOSTILE, "Charles takes the cards."],
    ]


def test_a_reworded_note_goes_with_its_first_citation():
    done = replace(samples.done(), local=(samples.claim("Other words.", 8),))
    grouped = module.notes(done, Citations(done, THREAD))
    assert [len(claims) for _, claims in grouped] == [0, 0, 1]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results())
def test_no_note_is_lost(result):
    done, thread = result
    grouped = module.notes(done, Citations(done, thread))
    assert sum(len(claims) for _, claims in grouped) == len(done.local)
