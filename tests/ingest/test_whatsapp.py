from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exports
from gistill.ingest import whatsapp
from sources import reading, turns


def test_android() -> None:
    found = reading(whatsapp, exports.ANDROID)
    assert turns(found) == [
        ("Ada Lovelace", "We open in May.\nBring:\n- lamps\n- 12/06/2024 tickets"),
        ("Ben", "list.txt (file attached)\nthe list"),
        ("+44 7700 900123", "Who is this?"),
    ]
    assert found.entries[0].when == dt.datetime(2024, 5, 1, 10)
    assert found.entries[1].when == dt.datetime(2024, 5, 13, 22, 2)
    assert [(one.file, one.entry) for one in found.attached] == [("list.txt", 1)]
    assert list(found.notes) == [
        "2 system messages skipped",
        "1 file left out of the export",
        "1 deleted message left out",
        "1 message as last edited",
    ]


def test_ios_with_brackets_marks_and_twelve_hours() -> None:
    found = reading(whatsapp, exports.IOS)
    assert turns(found) == [
        ("Ada Lovelace", "We open in May.\r\nBring lamps"),
        ("Ben", "\u200e<attached: list.txt>"),
    ]
    assert found.entries[-1].when == dt.datetime(2024, 5, 13, 22, 2)
    assert found.attached[0].file == "list.txt"
    assert list(found.notes) == ["1 system message skipped", "1 file left out of the export"]


@pytest.mark.parametrize(
    ("stamp", "when"),
    [
        ("[2024-05-01, 22:01:09]", (2024, 5, 1, 22, 1, 9)),
        ("[13.05.24, 22:01:09]", (2024, 5, 13, 22, 1, 9)),
        ("13-05-2024 22:01 -", (2024, 5, 13, 22, 1)),
        ("13/05/24, 10.01 pm -", (2024, 5, 13, 22, 1)),
        ("13/05/24, 10:01 p. m. -", (2024, 5, 13, 22, 1)),
        ("2024/05/13, 22:01 -", (2024, 5, 13, 22, 1)),
    ],
)
def test_other_ways_to_write_a_date(stamp: str, when: tuple[int, ...]) -> None:
    text = f"{stamp} Ada: one\n{stamp} Ben: two\n"
    assert whatsapp.accepts("a.txt", text)
    found = reading(whatsapp, text)
    assert turns(found) == [("Ada", "one"), ("Ben", "two")]
    assert found.entries[0].when == dt.datetime(*when)


def test_a_transcript_is_no_chat() -> None:
    assert not whatsapp.accepts("a.txt", "[00:01:02] Anna: hi\n[00:01:03] Ben: yo\n")
    assert not whatsapp.accepts("a.txt", "On 01/05/2024, 10:00 - or so - we met.\n")


PIECES = st.sampled_from(
    ["[5/1/24, 9:58:00 AM] ", "01/05/2024, 09:58 - ", "Ada: ", "\n", "\u200e", "<as: b.txt>"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=9)), max_size=30).map("".join))
def test_any_text_is_cut_where_it_says(text: str) -> None:
    text = "01/05/2024, 09:58 - Ada: x\n" + text
    found = reading(whatsapp, text)
    assert all(one.entry < len(found.entries) for one in found.attached)
