from __future__ import annotations

from gistill.ingest import text as reader
from sources import reading, turns


def test_prose_full_of_colons_stays_prose() -> None:
    prose = (
        "Note: this is prose. There are three options: run, hide, wait.\n\n"
        "He said: never. See http://example.com: it is there.\n\nWarning: do not.\n"
    )
    found = reading(reader, prose)
    assert [entry.speaker for entry in found.entries] == [None] * 3
    assert found.entries[0].text.startswith("Note:")


def test_a_conversation_is_turns_with_a_title() -> None:
    found = reading(reader, "# Standup\n\nAnna: hi\nBen: hello\nAnna: bye\n")
    assert found.title == "Standup"
    assert turns(found) == [(None, "# Standup"), ("Anna", "hi"), ("Ben", "hello"), ("Anna", "bye")]
    assert [entry.kind for entry in found.entries] == ["paragraph", *["utterance"] * 3]


def test_anything_is_accepted() -> None:
    assert reader.accepts("x.bin", "")
