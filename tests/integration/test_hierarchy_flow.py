"""The documented script: a thread in, a fused summary, local summaries and a dataset out."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "run_hierarchy.py"


def run(tmp_path, *args):
    return subprocess.run(
        [sys.executable, SCRIPT, *args],
        cwd=tmp_path,
        env={"PATH": "", "GISTILL_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def talk(tmp_path):
    from threads import meeting

    path = tmp_path / "talk.txt"
    path.write_text("\n".join(f"{s.speaker}: {s.text}" for s in meeting(400).segments))
    return path


def test_it_leaves_the_documented_files(tmp_path, talk):
    from datasets import load_from_disk

    done = run(tmp_path, "--input", talk, "--out_dir", "out", "--model", "echo",
               "--max_tokens", "300", "--overlap", "60")  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    assert (out / "global_summary.txt").read_text().strip() == done.stdout.strip()
    bullets = (out / "local_summaries.txt").read_text().splitlines()
    assert len(bullets) > 20
    assert all(line.startswith("- ") for line in bullets)
    data = load_from_disk(str(out / "distill_data"))
    assert list(data) == ["train", "dev", "test"]
    assert all(len(part) for part in data.values())
    seen: dict[str, str] = {}
    for name, part in data.items():
        for row in part:
            assert row["target"]
            assert row["input"].count(row["target"].split(".")[0]) >= 1  # echo copies its input
            for segment in row["segments"]:
                assert seen.setdefault(segment, name) == name


def test_again_it_makes_nothing_new(tmp_path, talk):
    args = ("--input", talk, "--out_dir", "out", "--model", "echo")
    first, second = run(tmp_path, *args), run(tmp_path, *args)
    assert first.stdout == second.stdout
    assert "spent: 0 + " in second.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--input", "nowhere.txt"], "nowhere.txt"),
        (["--input", "talk.txt", "--max_tokens", "64"], "larger"),
        (["--input", "talk.txt", "--local_len", "0"], "local_len"),
        (["--input", "talk.txt", "--model", "openvino:/nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_code_2(tmp_path, talk, args, said):
    if "--model" not in args:
        args = [*args, "--model", "echo"]
    done = run(tmp_path, *args)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_where_the_hub_is_away_it_says_so_and_goes_on(tmp_path, talk):
    done = run(tmp_path, "--input", talk, "--out_dir", "out")
    assert done.returncode == 0, done.stderr
    assert "google/flan-t5-small" in done.stderr
    assert "gistill models get" in done.stderr  # this home has no bundled model either
    assert (tmp_path / "out" / "global_summary.txt").read_text().strip()
