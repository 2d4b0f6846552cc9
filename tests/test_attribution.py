"""Who a sentence says spoke, and who did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.attribution import People, as_written, without
from gistill.grounding import Evidence
from gistill.retrieval.terms import terms
from threads import thread

TALK = thread(
    "Ada Lovelace: The ferry is in dry dock until June.",
    "Grace Hopper: Then the launch has to move.",
    "Industrial Designer: The grace period of the lease ends, Ada said.",
    "The rain is heavy.",
)
PEOPLE = People(TALK.segments)


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Ada Lovelace said so.", {"ada lovelace"}),
        ("However, Ada said so.", {"ada lovelace"}),
        ("Ada and Hopper said so.", {"ada lovelace", "grace hopper"}),
        ("Ada then also suggested to wait.", {"ada lovelace"}),
        ("Ada brings the pump.", set()),
        ("Ada agreed to bring the pump.", set()),
        ("It was Ada who said so.", set()),
        ("Linus said so.", set()),
        ("", set()),
    ],
)
def test_a_sentence_begins_with_a_speaker(sentence, named):
    assert PEOPLE.begin(sentence) == named


def test_a_line_of_theirs_has_to_hold_half_of_what_the_best_one_does():
    ada = frozenset({"ada lovelace"})
    assert PEOPLE.lines(ada) == [0]
    assert PEOPLE.miss(ada, np.array([0.3, 0.8, 0.0, 0.0]))
    assert not PEOPLE.miss(ada, np.array([0.4, 0.8, 0.0, 0.0]))
    assert not PEOPLE.miss(ada, np.array([0.1, 0.35, 0.0, 0.0]))  # nobody says much of it
    assert not PEOPLE.miss(ada, np.array([0.1, 0.0, 0.8, 0.0]))  # the line is about her


def test_who_spoke_is_told_where_no_other_is_as_likely():
    assert PEOPLE.speaker(np.array([0.7, 0.8, 0.0, 0.0])) is None
    assert PEOPLE.speaker(np.array([0.5, 0.8, 0.0, 0.0])) == "Grace Hopper"
    assert PEOPLE.speaker(np.array([0.1, 0.0, 0.0, 0.8])) is None


def test_names_are_found_as_they_are_written():
    designer = frozenset({"industrial designer"})
    assert as_written("Then Industrial designer spoke.", designer) == "Industrial designer"
    ladies = frozenset({"ada lovelace", "grace hopper"})
    assert as_written("However, Ada told Grace Hopper.", ladies) == "Ada"
    assert as_written("Ada, Hopper: both.", ladies) == "Ada, Hopper"
    assert as_written("A spoke.", frozenset({"grace hopper"})) == ""
    weight = dict.fromkeys(terms("Industrial Designer saw the lamp"), 1.0)
    assert list(without(weight, designer)) == terms("saw lamp")


NAMES = st.sampled_from(["Ada", "Ada Lovelace", "Then, Hopper", "Industrial designer", "It"])
WORDS = st.sampled_from("the ferry is in dry dock launch has to move lease ends rain Ada ,".split())


@given(NAMES, st.lists(WORDS, max_size=12))
def test_putting_right_changes_a_name_at_most_and_once(name, words):
    evidence = Evidence(TALK.segments)
    sentence = " ".join([name, "said", *words, "."])
    right = evidence.put_right(sentence)
    assert right.endswith(" ".join(["said", *words, "."]))
    assert evidence.put_right(right) == right
