from __future__ import annotations

from gistill.ingest.repeats import Said, plain, quoted

LONG = "We open on the sixteenth of May, whatever the weather."


def test_a_quote_holds_what_it_answers_and_what_that_answers() -> None:
    other = LONG.replace("May", "June")
    said = [Said(LONG, "1", None), Said(other, "2", "1"), Said("Fine", "3", "2")]
    words = (
        f"Ben wrote:\n> {other}\n> > We open on the SIXTEENTH\n> > of May, whatever the weather."
    )
    assert sorted(quoted(said, [("3", words)])) == [(0, 0), (1, 0)]


def test_short_words_and_messages_it_does_not_answer_are_left_alone() -> None:
    said = [Said("Yes, fine", "1", None), Said(LONG, "2", None), Said("x", "3", "1")]
    assert list(quoted(said, [("3", f"> Yes, fine\n> {LONG}")])) == []


def test_messages_that_answer_each_other_end() -> None:
    said = [Said(LONG, "1", "2"), Said("x", "2", "1")]
    assert list(quoted(said, [("2", LONG)])) == [(0, 0)]


def test_plain() -> None:
    assert plain("> > Two\n>  Words ") == "two words"
