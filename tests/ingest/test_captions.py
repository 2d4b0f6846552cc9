from __future__ import annotations

import pytest

from gistill.errors import BadInput
from gistill.ingest import captions
from gistill.ingest.lines import lines


def cues(text: str) -> list[captions.Cue]:
    return captions.cues(text, lines(text))


def test_ids_times_and_payloads() -> None:
    text = "7\n00:00:01,500 --> 00:00:04,000\none\ntwo\n\n8\n01:00.000 --> 01:02.000\nthree"
    found = cues(text)
    assert [cue.time for cue in found] == [(1.5, 4), (60, 62)]
    assert [[text[a.start : a.end] for a in cue.lines] for cue in found] == [
        ["one", "two"],
        ["three"],
    ]


def test_a_forgotten_blank_line() -> None:
    found = cues("1\n00:01.000 --> 00:02.000\none\n2\n00:03.000 --> 00:04.000\ntwo")
    assert [len(cue.lines) for cue in found] == [1, 1]


def test_text_that_lost_its_time_is_kept() -> None:
    text = "00:01.000 --> 00:02.000\none\n\nloose\n\n00:03.000 --> 00:04.000\ntwo"
    found = captions.reading("a.srt", text, cues(text))
    assert [(entry.text, entry.time) for entry in found.entries] == [
        ("one", (1, 2)),
        ("loose", (1, 2)),
        ("two", (3, 4)),
    ]
    assert found.notes == ["1 text without a time line kept after the cue above"]


def test_no_cue_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"a\.srt holds no cue: expected lines such as"):
        captions.reading("a.srt", "hello", cues("hello"))


def test_what_is_odd_about_times_is_counted() -> None:
    spans = [("00:05.000", "00:09.000"), ("00:06.000", "00:07.000"), ("00:01.000", "00:00.500")]
    text = (
        "\n\n".join(f"{a} --> {b}\nx" for a, b in spans)
        + "\n\n9:9 --> ?\ny\n\n00:02.000 --> 00:03.000"
    )
    found = captions.reading("a.vtt", text, cues(text))
    assert found.notes == [
        "1 cue going back in time kept in place",
        "1 overlapping cue kept",
        "1 cue ending before the start kept",
        "1 cue with a time that cannot be read kept without it",
        "1 empty cue skipped",
    ]
    assert [entry.time for entry in found.entries] == [(5, 9), (6, 7), (1, 1), None]
