"""Profiles mean what the documentation says."""

import pytest

from gistill.decoding.profiles import PROFILES


@pytest.mark.parametrize(
    ("name", "beams", "penalty"), [("greedy", 1, 1.0), ("fast", 2, 0.9), ("quality", 4, 1.1)]
)
def test_profiles(name, beams, penalty):
    request = PROFILES[name].request("p", "t", 9, "q")
    assert (request.beams, request.length_penalty, request.no_repeat_ngram) == (beams, penalty, 3)
    assert (request.prompt, request.text, request.max_tokens, request.query) == ("p", "t", 9, "q")
