from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Models this small spend their time waiting for threads."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
