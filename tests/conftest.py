"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from checkpoints import bart as bart
from checkpoints import llama as llama
from checkpoints import t5 as t5
from gistill import models
from gistill.home import home

# A busy machine says nothing about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def model_home() -> Path:
    """The home that holds the bundled model, for tests marked `model`."""
    if not models.is_installed("bundled"):
        pytest.skip("the bundled model is not fetched: run gistill models get")
    return home()
