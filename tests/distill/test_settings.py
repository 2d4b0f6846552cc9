from __future__ import annotations

from typing import Any

import pytest

from gistill.distill.settings import Settings
from gistill.errors import BadInput


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"accumulate": 0},
        {"max_length": 1},
        {"keep_every": 0},
        {"evals": -1},
        {"dropout": 1.5},
        {"kl": -0.1},
        {"average": 2.0},
        {"lr": 0.0},
        {"epochs": 0.0},
        {"temperature": 0.0},
        {"batching": "heap"},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"give|above 0|choose"):
        Settings(**wrong)


def test_a_floor_is_named() -> None:
    with pytest.raises(BadInput, match="rank is 0; give at least 1"):
        Settings(rank=0)
