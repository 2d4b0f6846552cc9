from __future__ import annotations

import json

import pytest

import exports
from gistill.errors import BadInput
from gistill.ingest import matrix
from sources import reading, turns


def test_edits_replies_and_what_was_taken_back() -> None:
    found = reading(matrix, json.dumps(exports.MATRIX))
    assert turns(found) == [("Ada Lovelace", "We open in May"), ("ben", "May?")]
    first, reply = found.entries
    assert first.pointer == "/messages/3/content/m.new_content/body"
    assert (reply.pointer, reply.reply_to) == ("/messages/2/content/body", first.key)
    assert found.title == "Keepers"
    assert list(found.notes) == [
        "1 message encrypted in the export and not readable",
        "1 event of the room skipped",
        "2 deleted messages left out",
        "1 message as last edited",
        "1 reaction left out",
    ]


def test_what_begins_like_it_is_recognized() -> None:
    assert matrix.accepts("a.json", json.dumps(exports.MATRIX, indent=4))
    assert not matrix.accepts("a.json", '[{"text": "origin_server_ts"}]')


def test_without_messages_it_is_refused() -> None:
    with pytest.raises(BadInput, match="no list of messages"):
        reading(matrix, '{"room_name": "x"}')
