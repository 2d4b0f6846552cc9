from __future__ import annotations

from gistill.bench.qmsum import Query
from gistill.bench.systems.selection import Piece, first_words, sentences_of, turns

PIECES = [Piece(0, "a", "one two three"), Piece(1, "b", "four five"), Piece(2, "c", "six")]


def test_turns_leave_out_the_empty_ones(queries: list[Query]) -> None:
    found = turns(queries[0].meeting)
    assert [turn.segment for turn in found][:3] == ["s000000", "s000001", "s000003"]
    assert found[0].text == "Okay, welcome to the LCD remote project."


def test_sentences_keep_their_turn(queries: list[Query]) -> None:
    found = sentences_of(queries[0].meeting)
    assert [(p.segment, p.text) for p in found if p.segment == "s000006"] == [
        ("s000006", "The chip costs two euros."),
        ("s000006", "A better chip costs five."),
    ]
    assert [piece.place for piece in found] == list(range(len(found)))


def test_the_best_come_first_and_are_shown_in_order() -> None:
    output = first_words([PIECES[2], PIECES[0], PIECES[1]], 3)
    assert output.summary == "one two\nsix"
    assert output.cites == ("a", "c")


def test_nothing_is_cut_where_there_is_room() -> None:
    assert first_words(PIECES, 50).summary == "one two three\nfour five\nsix"
    assert first_words([], 50).summary == ""
