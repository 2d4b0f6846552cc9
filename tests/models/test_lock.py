from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from gistill.models.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from gistill.models.lock import locked
with locked(Path(sys.argv[1]), waiting=lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_waits_for_its_holder_and_outlives_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[float] = []

        def waiting() -> None:
            said.append(time.monotonic())
            holder.kill()

        with locked(path, waiting):
            assert len(said) == 1


def test_a_free_lock_is_taken_at_once(tmp_path: Path) -> None:
    said: list[int] = []
    for _ in range(2):
        with locked(tmp_path / "a.lock", waiting=lambda: said.append(1)):
            pass
    assert said == []
