from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest import quotes


def own(text: str) -> list[str]:
    return [text[a:b].strip() for a, b in quotes.own(text)]


def test_a_quote_its_introduction_and_a_signature_are_left_out() -> None:
    assert own("Fine.\n\nOn Mon, Ada <a@b> wrote:\n> Shall we?\n> Ada\n\n-- \nBen\nOps") == [
        "Fine."
    ]


def test_an_introduction_may_be_wrapped() -> None:
    text = "Fine.\n\nOn Monday, 6 May 2024, Ada Lovelace\n<ada@example.org> wrote:\n\n> Shall we?\n"
    assert own(text) == ["Fine."]


def test_answers_between_quotes_are_kept_apart() -> None:
    text = "> When?\nIn May.\n> Where?\nHere.\n"
    assert own(text) == ["In May.", "Here."]


@pytest.mark.parametrize(
    "below",
    [
        "-----Original Message-----\nFrom: Ada\nHi Ben",
        "________________________________\nFrom: Ada <a@b>\nSent: Monday\nTo: Ben\n\nHi Ben",
        "Von: Ada\nGesendet: Montag\nAn: Ben\nBetreff: x\n\nHallo",
        "*From:* Ada\n*Sent:* Monday\n\nHi",
        "Am Mo., 6. Mai 2024 um 10:00 Uhr schrieb Ada <a@b>:\n> Hallo",
        "Le lun. 6 mai 2024, Ada a écrit :\n> Salut",
        "Sent from my iPhone\n\nOn Mon, Ada wrote:\n> Hi",
    ],
)
def test_other_ways_to_quote(below: str) -> None:
    assert own(f"Fine, in May.\n\n{below}") == ["Fine, in May."]


def test_what_is_forwarded_is_passed_on() -> None:
    text = (
        "See below.\n\n---------- Forwarded message ---------\nFrom: Ada\nDate: x\n\nWe open.\n> q"
    )
    assert own(text) == [text]


def test_a_mail_of_nothing_but_a_quote_is_kept_whole() -> None:
    assert own("> all of it\n> is quoted") == ["> all of it\n> is quoted"]


def test_prose_that_looks_a_little_like_it_stays() -> None:
    text = "He wrote: this is it.\n\nFrom: here to there\nwe walk.\n\n- one\n- two\n"
    assert own(text) == [text.strip()]


LINES = st.sampled_from(
    ["> q", "-- ", "On Mon, A wrote:", "From: A", "Sent: x", "", "text", "___________", "> > qq",
     "Begin forwarded message:", "Sent from my phone", "-----Original Message-----"]
)  # fmt: skip


@given(st.lists(st.one_of(LINES, st.text(max_size=9)), max_size=25).map("\n".join))
def test_stretches_are_in_order_and_inside(text: str) -> None:
    found = quotes.own(text)
    flat = [place for stretch in found for place in stretch]
    assert found
    assert flat == sorted(flat)
    assert 0 <= flat[0] <= flat[-1] <= len(text)
