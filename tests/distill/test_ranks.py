"""Several processes make the steps that one alone would make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from gistill.distill.dataset import Row, save
from gistill.distill.ranks import Ranks, join

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_student_lora.py"


def test_alone_everything_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    ranks = join()
    assert (ranks.first, ranks.size, ranks.device) == (True, 1, None)
    assert ranks.share([1, 2, 3]) == ranks.gather([1, 2, 3]) == [1, 2, 3]


@pytest.mark.parametrize("count", [1, 4, 5, 6])
def test_shares_make_the_whole(count: int) -> None:
    parts = [Ranks(rank, 3).share(range(count)) for rank in range(3)]
    assert sorted(i for part in parts for i in part) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def trained(folder: Path, data: Path, model: Path, command: list[Any], *more: str) -> Any:
    """Adapters, log and record of a training by `command`."""
    flags = ["--data_dir", data, "--out_dir", folder, "--model", model, "--max_steps", "6",
             "--rank", "4", "--batch_tokens", "150", "--evals", "2", "--val_tokens", "8",
             "--lr", "0.02", "--device", "cpu"]  # fmt: skip
    done = subprocess.run(
        [*command, SCRIPT, *flags, *more],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    weights = load_file(folder / "lora_student" / "adapter_model.safetensors")
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return weights, log, json.loads((folder / "run.json").read_text())


def test_two_processes_train_as_one_that_accumulates(
    llama: Path, data: dict[str, list[Row]], tmp_path: Path
) -> None:
    save(data, tmp_path / "data")
    # What `accelerate launch` starts several GPUs' processes with; on a CPU it would ask for MPI.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc_per_node", "2"]
    where = (tmp_path / "data", llama)
    two, log, record = trained(tmp_path / "two", *where, launch)
    one, alone, _ = trained(tmp_path / "one", *where, [sys.executable], "--accumulate", "2")
    assert record["processes"] == 2
    assert two.keys() == one.keys()
    for name, weight in two.items():
        np.testing.assert_allclose(weight, one[name], atol=1e-5)
    scores = [[line["example"] for line in lines if "example" in line] for lines in (log, alone)]
    assert scores[0] == scores[1]
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (log, alone)]
    assert losses[0] == pytest.approx(losses[1], abs=2e-4)
    assert len(log) == len(alone)  # only the first process writes
