from __future__ import annotations

from gistill.ingest import srt
from sources import reading, turns


def test_names_dashes_and_position_tags() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:04,000\nANNA: Hello.\n\n"
        "2\n00:00:05,000 --> 00:00:07,000\n- ANNA: Right.\n- BEN: Sure.\n\n"
        "3\n00:00:08,000 --> 00:00:09,000\n{\\an8}BEN: No -\nnever.\n\n"
        "4\n00:00:10,000 --> 00:00:11,000\n<i>Ok.</i>\n"
    )
    found = reading(srt, text)
    assert turns(found) == [
        ("ANNA", "Hello."),
        ("ANNA", "Right."),
        ("BEN", "Sure."),
        ("BEN", "No -\nnever."),
        (None, "<i>Ok.</i>"),
    ]
    assert found.entries[2].time == (5, 7)
    assert found.notes == []


def test_dashes_without_names_stay() -> None:
    found = reading(srt, "1\n00:00:01,000 --> 00:00:04,000\n- Right.\n- Sure - yes.\n")
    assert turns(found) == [(None, "- Right.\n- Sure - yes.")]
