"""Templates: versioned, filled in one pass, and holding what their task needs."""

from typing import get_args

import pytest

from gistill.prompts import Task, material, template, words_in


@pytest.mark.parametrize("task", get_args(Task))
def test_every_task_has_a_versioned_template(task):
    found = template(task)
    assert int(found.version) >= 1
    assert "{text}" in found.text
    assert "{language}" in found.text
    assert ("{query}" in found.text) == ("query" in task)


@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("text", ["Ann: Yes.", "- one\n\n- two\n\n- three", ""])
def test_the_material_of_a_prompt_is_the_text_it_was_made_of(task, text):
    for how in ({"words": 80, "language": "Welsh"}, {}):
        assert material(template(task).render(text, query="Who?", **how)) == text


def test_braces_in_arguments_are_left_alone():
    prompt = template("query").render("a {query} in {text}", query="{text}?", language="Welsh")
    assert "a {query} in {text}" in prompt
    assert "Question: {text}?" in prompt
    assert "Write in Welsh." in prompt


def test_without_a_language_nothing_is_said_about_it():
    assert "Write in" not in template("local").render("x")


def test_a_length_is_asked_for_in_words():
    assert " Use at most 80 words." in template("whole").render("x", words=80)
    assert "at most" not in template("whole").render("x")
    asked = [words_in(tokens) for tokens in range(1, 500)]
    assert asked == sorted(asked)
    assert (words_in(1), words_in(200)) == (5, 140)
    assert (words_in(1, 60), words_in(200, 60)) == (60, 200)
    assert all(words <= tokens for tokens, words in enumerate(asked, 1) if tokens > 5)
