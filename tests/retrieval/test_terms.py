"""The words that a query is matched by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.retrieval.terms import stem, terms, topic, words


@given(st.text(max_size=20))
def test_a_stem_is_a_start_of_its_word_and_never_short(word):
    found = stem(word)
    assert word.startswith(found)
    assert len(found) >= min(3, len(word))


@pytest.mark.parametrize(
    "forms",
    [
        ("cost", "costs", "costing"),
        ("decided", "decides", "deciding"),
        ("battery", "batteries"),
        ("design", "designs", "designed", "designer", "designers"),
        ("recommend", "recommendation", "recommendations"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms):
    assert len({stem(form) for form in forms}) == 1


def test_short_words_stay_whole():
    assert [stem(word) for word in ("bus", "red", "use", "king")] == ["bus", "red", "use", "king"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Budget, 2024!", ["the", "budget", "2024"]),
        ("Ann's plan isn’t Bob's", ["ann", "s", "plan", "isn’t", "bob", "s"]),
        ("snake_case and l_c_d", ["snake", "case", "and", "l", "c", "d"]),
        ("Über Straße", ["über", "straße"]),
        ("予算の話", ["予算", "算の", "の話"]),
        ("猫 and ok", ["猫", "and", "ok"]),
        ("", []),
        ("… — !?", []),
    ],
)
def test_words(text, found):
    assert words(text) == found


@given(st.text(max_size=60))
def test_case_does_not_matter_and_every_word_is_in_the_text(text):
    found = words(text)
    assert found == words(text.lower())
    assert all(word in text.lower() for word in found)


@given(st.text(max_size=60), st.text(max_size=60))
def test_terms_of_two_texts_are_those_of_each(one, other):
    assert terms(f"{one} {other}") == terms(one) + terms(other)


def test_terms_carry_meaning_and_keep_order_and_repeats():
    assert terms("What is the cost of the chip, and of the costs?") == ["cost", "chip", "cost"]


@pytest.mark.parametrize(
    "query",
    [
        "Summarize the meeting.",
        "What were the main points of the discussion?",
        "Who said what?",
        "Give me an overview.",
        "",
    ],
)
def test_a_query_for_the_whole_has_no_topic(query):
    assert topic(query) == ""


def test_a_topic_is_what_the_query_is_about():
    assert topic("What did the team discuss about the Remote Control?") == "remote control"
    assert topic("Summarize the discussion about funding") == "funding"


@given(st.text(max_size=60))
def test_the_topic_of_a_topic_is_itself(text):
    assert topic(topic(text)) == topic(text)
