"""What papers report, as they print it."""

from __future__ import annotations

import re

import pytest

from gistill.bench.published import RESULTS, Published


@pytest.mark.parametrize("one", RESULTS, ids=lambda one: one.system)
def test_a_shown_score_loses_no_decimal(one: Published) -> None:
    for score in (one.rouge1, one.rouge2, one.rouge_l):
        assert float(one.shown(score)) == score


def test_a_score_is_shown_with_its_papers_decimals() -> None:
    assert Published("a", 38, 13.7, 33, "Lsum", "b").shown(13.7) == "13.70"
    assert Published("a", 38, 13.7, 33, "L", "b").shown(38) == "38.0"


@pytest.mark.parametrize("one", RESULTS, ids=lambda one: one.system)
def test_figures_are_those_of_rouge_in_per_cent(one: Published) -> None:
    assert 1 < one.rouge2 < one.rouge_l < one.rouge1 < 100
    assert re.search(r" (19|20)\d\d, .*arXiv:\d{4}\.\d{5}$", one.source)


def test_each_system_stands_there_once() -> None:
    assert len({one.system for one in RESULTS}) == len(RESULTS)
