"""From a thread to a student that answers: hierarchy, data, training, export, decoding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from threads import meeting

ROOT = Path(__file__).parents[2]
PEFT = "ignore:.*is_gradient_checkpointing:FutureWarning"  # peft 0.21 on transformers 5.23


def run(tmp_path: Path, *command: Any, kill_after: Path | None = None) -> Any:
    """`command` in `tmp_path`; with `kill_after`, killed as soon as that file is there."""
    env = {
        "PATH": "",
        "GISTILL_HOME": os.environ.get("GISTILL_HOME", str(tmp_path / "home")),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    line = [sys.executable, *map(str, command)]
    if kill_after is None:
        return subprocess.run(
            line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500, check=False
        )
    with subprocess.Popen(line, cwd=tmp_path, env=env, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not kill_after.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    return process


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.txt"
    path.write_text("\n".join(f"{s.speaker}: {s.text}" for s in meeting(300).segments))
    return path


TRAIN = ("--max_steps", "30", "--rank", "8", "--alpha", "16", "--learning_rate", "0.02",
         "--batch_tokens", "1000", "--val_tokens", "16", "--keep_every", "5")  # fmt: skip


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.filterwarnings(PEFT)
def test_a_thread_becomes_a_student(tmp_path: Path, talk: Path, llama: Path) -> None:
    from gistill.decoding.budget import BudgetDecoder

    scripts = ROOT / "scripts"
    done = run(tmp_path, scripts / "run_hierarchy.py", "--input", talk, "--model", "echo",
               "--max_tokens", "160", "--overlap", "40", "--local_len", "40")  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The tiny model has 512 positions; --data_dir and --out_dir are the documented defaults.
    train = (scripts / "train_student_lora.py", "--model", llama, "--max_length", "512", *TRAIN)
    done = run(tmp_path, *train)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "outputs" / "distill"
    found = losses(out)
    assert found[-1] < 0.8 * found[0]
    assert {path.name for path in out.iterdir()} >= {"lora_student", "run.json", "curves.svg"}
    config = json.loads((out / "lora_student" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(llama)
    decoder = BudgetDecoder(out / "lora_student")
    text, log = decoder.generate_with_budget(
        "\n".join(s.text for s in meeting(4).segments), budget_tokens=40
    )
    assert text
    assert log["tokens_out"] <= 40


def test_a_training_that_was_killed_goes_on_bit_for_bit(
    tmp_path: Path, talk: Path, llama: Path
) -> None:
    scripts = ROOT / "scripts"
    done = run(tmp_path, scripts / "run_hierarchy.py", "--input", talk, "--model", "echo",
               "--max_tokens", "160", "--overlap", "40", "--local_len", "40")  # fmt: skip
    assert done.returncode == 0, done.stderr
    train = (scripts / "train_student_lora.py", "--model", llama, "--max_length", "512", *TRAIN)
    assert run(tmp_path, *train, "--out_dir", "whole").returncode == 0
    cut = tmp_path / "cut"
    killed = run(tmp_path, *train, "--out_dir", "cut", kill_after=cut / "checkpoint.pt")
    assert killed.returncode == -signal.SIGKILL
    assert not (cut / "run.json").exists()
    assert run(tmp_path, *train, "--out_dir", "cut").returncode == 0
    weights = "lora_student/adapter_model.safetensors"
    assert (cut / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    assert losses(cut) == losses(tmp_path / "whole")


@pytest.mark.model
@pytest.mark.filterwarnings(PEFT)
def test_the_bundled_model_is_a_base_by_name(model_home: Path, tmp_path: Path) -> None:
    from gistill.distill.base import open_base
    from gistill.distill.dataset import Row
    from gistill.distill.settings import Settings
    from gistill.distill.train import train
    from gistill.engines import open_engine

    row = Row("query", "Who raised it? Ann: We raise the budget.", "Ann raised it.", "m1")
    base = open_base("bundled", device="cpu", precision="fp32")
    settings = Settings(max_steps=1, rank=2, alpha=4, evals=0)
    train(base, {"train": [row]}, settings, tmp_path)
    adapter = tmp_path / "lora_student"
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "bundled"
    del base
    assert open_engine(adapter).context == 8192
