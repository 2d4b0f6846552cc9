from __future__ import annotations

import json
from typing import Any

import pytest

from gistill.errors import BadInput
from gistill.ingest import qmsum
from sources import reading, turns

MEETING: dict[str, Any] = {
    "topic_list": [{"topic": "Colour", "relevant_text_span": [["0", "2"]]}],
    "general_query_list": [{"query": "Summarize the meeting.", "answer": "They chose red."}],
    "specific_query_list": [],
    "meeting_transcripts": [
        {"speaker": "Project Manager", "content": " So {vocalsound} red , then ? "},
        {"speaker": "Industrial Designer", "content": ""},
        {"speaker": "Marketing", "content": "Red it is . "},
    ],
}


def test_one_meeting() -> None:
    found = reading(qmsum, json.dumps(MEETING))
    assert turns(found) == [
        ("Project Manager", "So {vocalsound} red , then ?"),
        ("Marketing", "Red it is ."),
    ]
    assert found.entries[1].pointer == "/meeting_transcripts/2/content"
    assert found.entries[0].span == (1, 29)
    assert found.notes == ["1 empty turn skipped"]


def test_meetings_a_line_with_blank_lines_between() -> None:
    found = reading(qmsum, f"{json.dumps(MEETING)}\n\n{json.dumps(MEETING)}\n", "m.jsonl")
    assert [e.pointer for e in found.entries if e.pointer][2] == "/2/meeting_transcripts/0/content"
    assert found.notes == ["2 empty turns skipped", "2 meetings read one after the other"]


def test_a_list_of_meetings() -> None:
    found = reading(qmsum, json.dumps([MEETING, MEETING]))
    assert found.entries[2].pointer == "/1/meeting_transcripts/0/content"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"meeting_transcripts": {}}, "expected a list 'meeting_transcripts'"),
        ([MEETING, {"meeting_transcripts": 3}], "at /1: expected a list"),
        ([MEETING, 3], "at /1: expected a list"),
        (
            {"meeting_transcripts": [{"speaker": "A"}]},
            "at /meeting_transcripts/0: expected the texts",
        ),
        ({"meeting_transcripts": [{"speaker": 1, "content": "x"}]}, "at /meeting_transcripts/0"),
        ({"meeting_transcripts": ["x"]}, "at /meeting_transcripts/0"),
    ],
)
def test_wrong_shapes_are_named(value: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        reading(qmsum, json.dumps(value))
