"""`python -m gistill` is the command."""

from __future__ import annotations

import subprocess
import sys

from gistill import __version__


def test_python_m_runs_the_command() -> None:
    command = [sys.executable, "-m", "gistill", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"gistill {__version__}\n")


def test_its_exit_code_is_the_commands() -> None:
    command = [sys.executable, "-m", "gistill", "no-such-file.txt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("gistill: ")
    assert done.stderr.count("\n") == 1
