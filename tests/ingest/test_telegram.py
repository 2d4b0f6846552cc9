from __future__ import annotations

import datetime as dt
import json

import pytest

import exports
from gistill.errors import BadInput
from gistill.ingest import telegram
from gistill.ingest.blob import Blob
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools
from sources import extract, turns


def read(value: object) -> Extract:
    return extract(telegram, "result.json", json.dumps(value))


def test_parts_of_a_text_are_put_together() -> None:
    found = read(exports.TELEGRAM).reading
    assert turns(found) == [
        ("Ada", "Order two prisms, see here (https://example.org)"),
        ("Ben", "Done"),
        ("Ben", "[photo]"),
        (None, "[voice message]"),
        ("Ada", "[forwarded from Chandler] Glass is up 10 %"),
        ("Ada", "When?\nMay\nJune"),
    ]
    assert found.entries[0].when == dt.datetime(2024, 5, 1, 8, 1, tzinfo=dt.UTC)
    assert found.entries[2].when == dt.datetime(2024, 5, 1, 10, 4)
    assert found.entries[1].reply_to == found.entries[0].key
    assert [(one.file, one.entry) for one in found.attached] == [("photos/p.txt", 2)]
    assert found.title == "Keepers"
    assert list(found.notes) == [
        "1 system message skipped",
        "1 message as last edited",
        "1 reaction left out",
        "1 file not included in the export",
    ]


def test_all_chats_of_an_account_keep_their_ids_apart() -> None:
    chats = {"about": "Here is the data from Telegram", "chats": {"list": [exports.TELEGRAM] * 2}}
    found = read(chats).reading
    assert len({entry.key for entry in found.entries}) == len(found.entries) == 12
    assert found.title == ""


def test_what_begins_like_it_is_recognized() -> None:
    assert telegram.accepts("x", json.dumps(exports.TELEGRAM, indent=1).encode())
    assert not telegram.accepts("result.json", b'{"messages": []}')


def test_without_messages_it_is_refused() -> None:
    with pytest.raises(BadInput, match="no list of messages"):
        telegram.read(Blob.of("result.json", b'{"about": "Telegram"}'), Tools())
    with pytest.raises(BadInput, match="not valid JSON"):
        telegram.read(Blob.of("result.json", b'{"about": "Telegram"'), Tools())
