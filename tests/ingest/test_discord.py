from __future__ import annotations

import datetime as dt
import json

import pytest

import exports
from gistill.errors import BadInput
from gistill.ingest import discord
from sources import reading, turns


def test_messages_point_at_their_own_strings() -> None:
    found = reading(discord, json.dumps(exports.DISCORD))
    assert turns(found) == [("Ada L", "We open in May."), ("ben", "Good"), ("ben", "a.png")]
    first, reply, file = found.entries
    assert (first.pointer, first.span) == ("/messages/1/content", (1, 16))
    assert first.when == dt.datetime(2024, 5, 1, 8, 0, 0, 123000, dt.UTC)
    assert (reply.key, reply.reply_to) == ("12", "11")
    assert file.pointer == "/messages/3/attachments/0/fileName"
    assert found.title == "#plans"
    assert [(one.file, one.entry) for one in found.attached] == [("plans_Files/list.txt", 1)]
    assert list(found.notes) == [
        "1 system message skipped",
        "1 message without text skipped",
        "1 message as last edited",
        "3 reactions left out",
        "1 file on the web and not in the export",
    ]


def test_what_begins_like_it_is_recognized() -> None:
    assert discord.accepts("a.json", json.dumps(exports.DISCORD, indent=2))
    assert not discord.accepts("a.json", '{"guild": "x", "messages": []}')


def test_without_messages_it_is_refused() -> None:
    with pytest.raises(BadInput, match="has no list of messages"):
        reading(discord, '{"guild": {}, "channel": {}, "messages": 3}')
