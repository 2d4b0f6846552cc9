from __future__ import annotations

import pytest

from gistill import models


@pytest.fixture(scope="session")
def whisper() -> str:
    """The name of the speech model, for tests marked `model`."""
    if not models.is_installed("whisper-tiny.en"):
        pytest.skip("the speech model is not fetched: run gistill models get whisper-tiny.en")
    return "whisper-tiny.en"
