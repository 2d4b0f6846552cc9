"""Numbers in digits and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.numbers import numbers, unsaid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ninety-two of 14", {"92", "14"}),
        ("the twenty-fifth of April", {"25"}),
        ("on the 3rd, at 10:30", {"3", "10:30", "10", "30"}),
        ("1,250,000 and 1,5", {"1250000", "1,5", "1", "5"}),
        ("three thousand eight hundred and fifty", {"3850"}),
        ("ninety-six point four", {"96.4", "96", "4"}),
        ("one of them, the second", {"1", "2"}),
        ("three ninety-nine", {"3", "99", "399", "3.99", "3:99"}),
        ("nothing", set()),
        ("", set()),
    ],
)
def test_numbers(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("It costs 3.99.", "three ninety-nine", []),
        ("It costs 3,850.", "three thousand eight hundred and fifty", []),
        ("It was in 1988.", "in nineteen eighty-eight", []),
        ("It costs twenty.", "It costs 21.", ["twenty"]),
        ("It costs forty-two or 43.", "42", ["43"]),
        ("Two of the three met for the first time.", "", []),  # these only count
        ("A hundred and twenty of 5.", "6", ["hundred and twenty", "5"]),
    ],
)
def test_numbers_that_were_not_said(text, said, expected):
    assert unsaid(text, said) == expected


WORDS = "zero one second twenty-fifth ninety hundred thousand million billionth point and - , 5 1st"


@given(
    st.text(st.characters(), max_size=200)
    | st.lists(st.sampled_from(WORDS.split()), max_size=30).map(" ".join)
)
def test_any_text_says_its_own_numbers(text):
    assert unsaid(text, text) == []


@given(st.integers(0, 10**9))
def test_digits_are_numbers(number):
    assert str(number) in numbers(f"It is {number:,} now.")
