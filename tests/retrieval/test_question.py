"""What a question asks for: by whom, about what, within which discussion."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.retrieval.question import Speakers, cues, parts
from gistill.retrieval.terms import words

TALK = "the project is late, says the user. Then came Ada; the manager of the Project was ill."
ROLES = ["Project Manager", "User Interface", "Grad A", "Grad F", "Professor C"]
PEOPLE = [
    "Ada Lovelace",
    "Ada Lovelace (Chair)",
    "Kirsty Williams AM",
    "Hon. Navdeep Bains (Malton, Lib.)",
    "Hon. Navdeep Bains",
    "Ann Smith",
    "Bob Smith",
    "Ivan of Kyiv",
    "Olga of Kyiv",
    "Petro of Kyiv",
]


def speakers(names, talk=TALK):
    return Speakers(names, lambda run: re.search(rf"\b{re.escape(run)}\b", talk) is not None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What did Ann say?", {"ann"}),
        ("what did ANN and Bob agree on?", {"ann", "bob"}),
        ("What was Ann's idea?", {"ann"}),
        ("Did Annabel come?", set()),
        ("What did Ann Lee say?", {"ann lee"}),
        ("What did Al and Alan say?", {"al", "alan"}),
        ("What did Grad F say?", {"grad f"}),  # and neither Grad nor Grad Fong
        ("Who was it?", set()),
        ("", set()),
    ],
)
def test_whole_names_are_found(query, found):
    known = speakers(["Ann", "Ann Lee", "Bob", "Al", "Alan", "Grad", "Grad F", "Grad Fong", ""])
    assert known.named(query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What did Ada say?", {"ada lovelace", "ada lovelace (chair)"}),
        ("what did ada say?", {"ada lovelace", "ada lovelace (chair)"}),
        ("What did Kirsty Williams think?", {"kirsty williams am"}),
        ("What was Bains' answer?", {"hon. navdeep bains (malton, lib.)", "hon. navdeep bains"}),
        ("What did Smith want?", {"ann smith", "bob smith"}),
        ("What did Bob Smith want?", {"bob smith"}),
        ("Who is from Kyiv?", set()),  # three are
        ("What of it am I to think?", set()),
    ],
)
def test_a_part_of_a_name_tells_who_is_meant(query, found):
    assert speakers(PEOPLE).named(query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What did the Project Manager say?", {"project manager"}),
        ("How late is the project?", set()),
        ("Project plans?", set()),  # every first word has a capital
        ("Is it user friendly?", set()),
        ("What did the professor think?", {"professor c"}),
        ("What did Grad F think of a plan?", {"grad f"}),
    ],
)
def test_an_ordinary_word_of_a_name_names_nobody(query, found):
    assert speakers(ROLES).named(query) == found


@given(st.lists(st.text(max_size=12), max_size=5), st.text(max_size=40))
def test_only_speakers_are_named_and_a_whole_name_always_is(names, query):
    known = speakers(names)
    assert known.named(query) <= {name.lower() for name in names}
    for name in names:
        assert name.lower() in known.named(name) or not words(name)


@pytest.mark.parametrize(
    ("query", "about", "within"),
    [
        ("What about the case when discussing the budget?", "What about the case ",
         " the budget?"),
        ("Why wood, while the group talked about looks?", "Why wood, ", " about looks?"),
        ("What was said in the discussion of taxes?", "What was said ", " of taxes?"),
        ("When is the party?", "When is the party?", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_what_is_asked_is_told_from_what_it_is_part_of(query, about, within):
    assert parts(query) == (about, within)


@given(st.text(max_size=60))
def test_the_parts_are_in_the_question(query):
    about, within = parts(query)
    assert query.startswith(about)
    assert query.endswith(within)
    assert set(cues(query)) <= {0.0, 1.0}


def test_cues_tell_a_summary_from_a_reason():
    assert cues("Summarize the plan.") != cues("Why this plan?") != cues("the plan")
    assert not any(cues("the plan"))
