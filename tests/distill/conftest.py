"""Tiny random models as bases, and rows that they can learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from gistill.distill.base import Base, open_base
from gistill.distill.dataset import Row
from gistill.distill.settings import Settings

# peft still asks transformers by a name that is on its way out.
_PEFT = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(_PEFT)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Models this small spend their time waiting for threads."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def causal(llama: Path) -> Base:
    return open_base(str(llama), device="cpu", precision="fp32")


@pytest.fixture
def seq2seq(t5: Path) -> Base:
    return open_base(str(t5), device="cpu", precision="fp32")


@pytest.fixture(params=["llama", "t5"])
def base(request: pytest.FixtureRequest) -> Base:
    """A decoder-only model, and one with an encoder."""
    folder: Path = request.getfixturevalue(request.param)
    return open_base(str(folder), device="cpu", precision="fp32")


_LINES = (
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: The supplier of the rubber case asked for more time, and nobody objected.",
    "Cleo: The remote control needs a new battery; the plastic one saves 3 euros a unit.",
)


@pytest.fixture
def data() -> dict[str, list[Row]]:
    """Twelve rows to train on and two to choose by; each answer repeats the start of its line."""

    def rows(source: str, count: int) -> list[Row]:
        return [
            Row(
                "query",
                f"{source} {i} " + _LINES[i % 3] * (1 + i % 2),
                " ".join(_LINES[i % 3].split()[1:6]),
                f"{source}{i}",
            )
            for i in range(count)
        ]

    return {"train": rows("train", 12), "dev": rows("dev", 2), "test": []}


@pytest.fixture
def settings() -> Settings:
    """Settings under which a tiny model learns in a moment."""
    return Settings(
        lr=3e-2,
        max_steps=12,
        rank=4,
        alpha=8,
        batch_tokens=300,
        evals=2,
        val_rows=2,
        val_tokens=8,
        keep_every=5,
    )
