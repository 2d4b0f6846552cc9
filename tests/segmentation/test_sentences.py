"""Where sentences end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.segmentation.sentences import clause, ended, spans, split, whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith left at 5 p.m. on Monday. He was late.",
         ["Dr. Smith left at 5 p.m. on Monday.", "He was late."]),
        ("So . OK . That 's great .", ["So .", "OK .", "That 's great ."]),
        ("你好。我很好！真的吗？是", ["你好。", "我很好！", "真的吗？", "是"]),
        ("- first point\n- second point\n1. third", ["first point", "second point", "third"]),
        ("no stop", ["no stop"]),
        ("", []),
        (" \n\t\n ", []),
    ],
)  # fmt: skip
def test_split(text, expected):
    assert split(text) == expected


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_spans_cover_everything_but_white_space_in_order(text):
    found = spans(text)
    assert all(a < b for a, b in found)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(found))
    rest = "".join(text[a:b] for a, b in found)
    assert "".join(rest.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Done.", True),
        ('He said "done."', True),
        ("Fertig！", True),
        ("Done", False),
        ("", False),
        ("a, b,", False),
        ("(Really?)", True),
    ],
)
def test_ended(text, expected):
    assert ended(text) is expected


def test_whole_drops_the_unfinished_end():
    assert whole("One. Two. Thr") == "One. Two."
    assert whole("Thr") == ""
    assert whole("") == ""


@given(st.text(alphabet="ab .!?\n", max_size=200))
def test_whole_is_a_beginning_that_ends_a_sentence(text):
    kept = whole(text)
    assert kept == "" or (ended(kept) and text.strip().startswith(kept))


def test_a_line_of_two_million_characters_is_one_pass():
    assert len(spans("x" * 2_000_000)) == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada wanted the blue case, and Gra", "Ada wanted the blue case."),
        ("It had a blue case, and Bob agreed, but", "It had a blue case, and Bob agreed."),
        ("In May, the city asked for buses, which", "In May, the city asked for buses."),
        ("Ada wanted the blue case; the red", "Ada wanted the blue case."),
        # What is left has no verb, or is no more than an opening.
        ("In the second half of the meeting, which", ""),
        ("The shape, the material, and the", ""),
        ("They met, and", ""),
        # What follows would change what is said.
        ("The case was not only cheap to make, but", ""),
        ("They will ship it if the test has passed, and", ""),
        ('Ada said "we will ship the blue one, and', ""),
        ("They asked whether the team had seen it, or", ""),
        ("no joint at all was written", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_of_an_unfinished_sentence_whole_clauses_are_kept(text, expected):
    assert clause(text) == expected


@given(st.text(alphabet='ab, ;.()"', max_size=80), st.text(max_size=20))
def test_a_clause_is_a_beginning_that_has_ended(head, tail):
    text = f"They said {head}, and {tail}"
    found = clause(text)
    assert not found or ended(found)
    assert text.startswith(found.removesuffix("."))
