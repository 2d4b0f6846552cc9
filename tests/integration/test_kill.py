"""Invariant 8: killed at any point and run again, nothing finished is repeated or changed."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from threads import meeting

KILLS = 50
OUTPUTS = ("summary.md", "report.html")


def command(folder, *, delay, seed="0"):
    source = folder / "talk.txt"
    if not source.exists():
        lines = [f"{s.speaker}: {s.text}" for s in meeting(260).segments]
        source.write_text("\n".join(lines), encoding="utf-8")
    flags = ["--max-tokens", "160", "--overlap", "20", "--local-len", "40", "--quiet"]
    spec = f"echo:delay={delay}"
    run = [sys.executable, "-m", "gistill.cli", "talk.txt", "--engine", spec, *flags]
    env = os.environ | {"GISTILL_HOME": str(folder / "home"), "PYTHONHASHSEED": seed}
    return [*run, "--out-dir", "out"], {"cwd": folder, "env": env}


def finish(folder, **kwargs):
    run, options = command(folder, delay=0, **kwargs)
    return subprocess.run(run, **options, capture_output=True, text=True, check=True, timeout=120)


def stored(folder):
    path = folder / "home" / "store.db"
    if not path.exists():
        return 0
    with sqlite3.connect(path, timeout=30) as db:
        try:
            (count,) = db.execute("select count(*) from results").fetchone()
        except sqlite3.OperationalError:  # killed before the tables were made
            return 0
    return count


def result(folder):
    kept = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    run = kept.pop("run")
    return kept, [(folder / "out" / name).read_bytes() for name in OUTPUTS], run


def test_killed_at_random_points_it_goes_on_where_it_was(tmp_path):
    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    expected_text = finish(unbroken).stdout
    expected, expected_files, whole = result(unbroken)
    dice = random.Random(20261123)
    kills = sessions = 0
    while kills < KILLS:
        sessions += 1
        folder = tmp_path / f"session{sessions}"
        folder.mkdir()
        run, options = command(folder, delay=0.02)
        done = 0
        for _ in range(10):
            child = subprocess.Popen(
                run, **options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(dice.uniform(0.1, 2.0))
            child.send_signal(signal.SIGKILL)
            if child.wait(30) == 0:
                break  # it was done before the signal came
            kills += 1
            assert stored(folder) >= done
            done = stored(folder)
        before = stored(folder)
        assert finish(folder).stdout == expected_text
        kept, files, run_record = result(folder)
        assert kept == expected
        assert files == expected_files
        assert run_record["reused"] == before
        assert run_record["calls"] == whole["calls"] - before


def test_an_interrupt_says_so_exits_130_and_keeps_what_was_done(tmp_path):
    run, options = command(tmp_path, delay=0.5)
    child = subprocess.Popen(
        run,
        **options,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job, as these tests may be, hands on an interrupt that is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while stored(tmp_path) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out == ""
    assert "interrupted" in err.splitlines()[-1]
    assert "Traceback" not in err
    before = stored(tmp_path)
    assert before >= 3
    finish(tmp_path)
    assert result(tmp_path)[2]["reused"] == before


def test_the_hash_seed_changes_nothing(tmp_path):
    results = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        text = finish(folder, seed=seed).stdout
        kept, files, _ = result(folder)
        results.append((text, kept, files))
    assert results[0] == results[1]
