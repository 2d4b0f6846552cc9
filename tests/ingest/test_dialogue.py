from __future__ import annotations

import datetime as dt

from gistill.ingest import text
from sources import reading, turns


def test_lines_below_a_turn_belong_to_it() -> None:
    found = reading(text, "Anna: one\ntwo\nNote: three\nBen: four\nAnna: five\r\n")
    assert turns(found) == [("Anna", "one\ntwo\nNote: three"), ("Ben", "four"), ("Anna", "five")]


def test_names_on_lines_of_their_own() -> None:
    found = reading(
        text, "Anna Lee  0:03\nHello.\nAll.\n\nBen Orr  0:09\n\nHi.\n\nAnna Lee  1:00\nBye.\n"
    )
    assert turns(found) == [("Anna Lee", "Hello.\nAll."), ("Ben Orr", "Hi."), ("Anna Lee", "Bye.")]
    assert [entry.time for entry in found.entries] == [(3, 3), (9, 9), (60, 60)]


def test_a_paragraph_without_a_name_goes_on_with_the_speaker_but_asides_do_not() -> None:
    found = reading(
        text, "Anna: one\n\nMore of one.\n\n(They laugh.)\n\nBen: two\n\n## Part 2\n\nAnna: three\n"
    )
    assert turns(found) == [
        ("Anna", "one"),
        ("Anna", "More of one."),
        (None, "(They laugh.)"),
        ("Ben", "two"),
        (None, "## Part 2"),
        ("Anna", "three"),
    ]


def test_in_a_document_with_a_quoted_dialogue_prose_is_nobodys() -> None:
    prose = "\n\n".join(f"Paragraph {i} of the report." for i in range(9))
    found = reading(text, f"{prose}\n\nAnna: no\nBen: yes\nAnna: no\nBen: yes\n\n{prose}")
    assert found.entries[-1].speaker is None
    assert [s for s, _ in turns(found) if s] == ["Anna", "Ben", "Anna", "Ben"]


def test_times_end_where_they_start_unless_the_text_says_more() -> None:
    found = reading(
        text, "[00:01:02] Anna: one\n[00:01:05 - 00:01:09] Ben: two\n[00:02:00] [music]\n"
    )
    assert [entry.time for entry in found.entries] == [(62, 62), (65, 69), (120, 120)]
    assert turns(found)[2] == (None, "[music]")


def test_a_time_on_a_line_of_its_own_goes_to_the_next_turn() -> None:
    found = reading(text, "[00:01:00]\nAnna: one\nBen: two\n[00:02:00]\nAnna: three\n")
    assert turns(found) == [("Anna", "one"), ("Ben", "two"), ("Anna", "three")]
    assert [entry.time for entry in found.entries] == [(60, 60), None, (120, 120)]


def test_a_chat_log_has_times_of_day() -> None:
    found = reading(text, "[10:02] <anna> hi\n[10:03] <ben> yo\n[10:03] * anna waves\n")
    assert turns(found) == [("anna", "hi"), ("ben", "yo"), (None, "* anna waves")]
    assert found.entries[0].time == (36120, 36120)


def test_dates_make_messages() -> None:
    found = reading(text, "12/05/2023, 14:33 - Anna: hi\n13/05/2023, 09:00 - Ben K.: yo\nmore\n")
    assert turns(found) == [("Anna", "hi"), ("Ben K.", "yo\nmore")]
    assert found.entries[1].when == dt.datetime(2023, 5, 13, 9)
    assert {entry.kind for entry in found.entries} == {"message"}
    assert found.notes == []


def test_an_open_order_of_day_and_month_is_said() -> None:
    found = reading(text, "[3/4/24, 10:00] Anna: hi\n[3/4/24, 10:01] Ben: yo\n")
    assert found.entries[0].when == dt.datetime(2024, 4, 3, 10)
    assert "day first" in found.notes[0]


def test_empty_turns_are_counted() -> None:
    found = reading(text, "Anna: hi\nBen:\nAnna: there\nBen: yes\nAnna:\n")
    assert turns(found) == [("Anna", "hi"), ("Anna", "there"), ("Ben", "yes")]
    assert found.notes == ["2 empty turns skipped"]


def test_other_scripts() -> None:
    found = reading(text, "田中：始めます。\n佐藤：はい。\n田中：次です。\n")
    assert turns(found) == [("田中", "始めます。"), ("佐藤", "はい。"), ("田中", "次です。")]
    found = reading(text, "أحمد: مرحبا\nسارة: أهلا 👋\nأحمد: نبدأ\n")
    assert turns(found) == [("أحمد", "مرحبا"), ("سارة", "أهلا 👋"), ("أحمد", "نبدأ")]
