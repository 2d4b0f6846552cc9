"""Support of an answer in its prompt: what the material holds, and nothing else of the prompt."""

from __future__ import annotations

import pytest

from gistill.distill.support import mean_support, share_supported
from gistill.prompts import template

SOURCE = "Ann: The case is made of rubber.\nBob: The chip costs twelve euros."


def prompt(text: str, query: str = "What of the case?") -> str:
    return template("query").render(text, query=query)


def test_what_the_material_says_is_worth_more_than_what_it_does_not() -> None:
    texts = ("They flew to Timbuktu.", "The case is cheap.", "The case is made of rubber.")
    found = [mean_support(text, prompt(SOURCE)) for text in texts]
    assert found == sorted(set(found))
    assert 0 <= found[0] < 0.2 < 0.9 < found[-1] <= 1


def test_sentences_count_one_by_one() -> None:
    text = "The case is made of rubber. They flew to Timbuktu."
    assert share_supported(text, prompt(SOURCE)) == 0.5
    apart = [mean_support(one, prompt(SOURCE)) for one in text.split(". ")]
    assert mean_support(text, prompt(SOURCE)) == pytest.approx(sum(apart) / 2, abs=1e-3)


def test_the_question_and_the_instructions_support_nothing() -> None:
    asked = "Did they fly to Timbuktu?"
    assert share_supported("They fly to Timbuktu.", prompt(SOURCE, asked)) == 0
    assert share_supported("Use only the passages.", prompt(SOURCE, asked)) == 0


@pytest.mark.parametrize(("text", "source"), [("", SOURCE), ("The case.", "")])
def test_nothing_has_no_support(text: str, source: str) -> None:
    assert mean_support(text, prompt(source)) == share_supported(text, prompt(source)) == 0
