from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from gistill.errors import BadInput
from gistill.ingest import posts
from gistill.ingest.reading import Reading
from sources import reading


def read(value: Any) -> Reading:
    return reading(posts, json.dumps(value))


def test_the_plain_shape() -> None:
    first, second = read(
        [
            {"id": 1, "timestamp": "2024-05-01T10:00:00Z", "author": "Anna", "text": " hi "},
            {"id": 2, "timestamp": 1714557700, "author": "Ben", "text": "yo", "reply_to": 1},
        ]
    ).entries
    assert (first.text, first.span, first.pointer, first.kind) == (
        "hi",
        (1, 3),
        "/0/text",
        "message",
    )
    assert (first.speaker, first.key, first.reply_to) == ("Anna", "1", None)
    assert first.when == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert (second.reply_to, second.when) == (
        "1",
        dt.datetime(2024, 5, 1, 10, 1, 40, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    "post",
    [
        {"ts": "1714557600.000", "user": "Anna", "text": "hi", "thread_ts": "9"},
        {"date": 1714557600, "from": "Anna", "message": "hi", "reply_to_message_id": 9},
        {
            "created_at": "2024-05-01T10:00:00+00:00",
            "user": {"id": 7, "name": "Anna"},
            "body": "hi",
        },
        {"time": 1714557600000, "sender": " Anna ", "content": "hi", "parent": {"id": 9}},
    ],
)
def test_other_names_for_the_same(post: dict[str, Any]) -> None:
    (entry,) = read([post]).entries
    assert (entry.speaker, entry.text) == ("Anna", "hi")
    assert entry.when == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert entry.reply_to == (None if "body" in post else "9")


def test_the_root_of_a_slack_thread_answers_nobody() -> None:
    (entry,) = read([{"ts": "1714557600.5", "thread_ts": "1714557600.5", "text": "x"}]).entries
    assert entry.reply_to is None


def test_lists_inside_an_object_and_its_title() -> None:
    found = read({"channel": "ops", "messages": [{"text": "hi"}]})
    assert (found.title, found.entries[0].pointer) == ("ops", "/messages/0/text")


def test_lines() -> None:
    found = reading(posts, '{"text": "a"}\n\n{"text": "b"}\n', "a.jsonl")
    assert [entry.pointer for entry in found.entries] == ["/0/text", "/2/text"]


def test_seconds_into_a_recording() -> None:
    found = read(
        {"segments": [{"start": 0.0, "end": 2.5, "text": " hi"}, {"start": 3, "text": "x"}]}
    )
    assert [entry.time for entry in found.entries] == [(0, 2.5), (3, 3)]


def test_what_has_no_text_or_no_readable_time_is_counted() -> None:
    found = read([{"text": "a", "time": "soon"}, {"text": "  "}, {"user": "Anna", "text": None}])
    assert found.notes == [
        "2 posts without text skipped",
        "1 timestamp could not be read as a time",
    ]


def test_text_that_no_encoding_can_write() -> None:
    found = reading(posts, '[{"text": "a \\ud800 b", "author": "\\udfff"}]')
    assert (found.entries[0].text, found.entries[0].speaker) == ("a \ufffd b", "\ufffd")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1, "b": []}, "shape gistill does not know: expected a list of posts.*with a, b"),
        ("text", "found a text"),
        (3, "found a number"),
        ([{"text": "x"}, 5], "at /1: expected a post as an object, found a number"),
        ([["x"]], "at /0: .*found a list"),
        ([None], "at /0: .*found nothing"),
        ([{"a": 1}], "JSON without any text.*found a"),
        ([{}], "JSON without any text.*found nothing"),
    ],
)
def test_wrong_shapes_are_named(value: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(value)
