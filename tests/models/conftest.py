from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiny_gguf import write_gguf


@pytest.fixture(scope="session")
def tiny_f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny-f16.gguf")


@pytest.fixture(scope="session")
def tiny_q4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny-q4.gguf", "Q4_1")


@pytest.fixture(scope="session")
def load_gguf() -> Callable[[Path], Any]:
    """Reads a GGUF file with transformers, in float32: a reader independent of ours."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()

    def load(path: Path) -> Any:
        return transformers.AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32
        ).eval()

    return load


@pytest.fixture(scope="session")
def bundled() -> Path:
    from gistill import models

    if not models.is_installed("bundled"):
        pytest.skip("the bundled model is not fetched; run: gistill models get")
    return models.path("bundled")
