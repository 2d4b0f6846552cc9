#!/usr/bin/env python3
"""Makes the transcripts in README.md, or checks that they are what the commands print.

A transcript is a fenced ```console block: a line that starts with "$ " is run in a scratch copy
of the checkout's example files, and what it prints on stdout follows it. What the bundled model
writes may differ a little between processors, so its blocks (```console model) are held to the
same command, success and mostly the same words when checked, all others to the letter but for
seconds, which differ from run to run.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
_BLOCK = re.compile(r"^```console( model)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ALIKE = 0.6  # share of words in common that a model's transcript must keep
_SECONDS = re.compile(r"\d+\.\d(?=\n|$| s\b)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 on a difference"
    )
    args = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("examples", "data"):
            if (ROOT / name).exists():
                shutil.copytree(ROOT / name, Path(scratch) / name)
        fresh = _BLOCK.sub(lambda m: block(m, Path(scratch), faults), text)
    if args.check:
        print("\n".join(faults) or "README.md: every transcript is as printed", file=sys.stderr)
        return 1 if faults else 0
    README.write_text(fresh, encoding="utf-8")
    return 0


def block(match: re.Match[str], folder: Path, faults: list[str]) -> str:
    """The block with its commands' output as it is now; differences go to `faults`."""
    model = bool(match[1])
    steps = re.split(r"^(?=\$ )", match[2], flags=re.MULTILINE)
    fresh = []
    for step in filter(None, steps):
        command, _, old = step.partition("\n")
        new = run(command.removeprefix("$ "), folder)
        timeless = [_SECONDS.sub("_", printed).split() for printed in (old, new)]
        alike = difflib.SequenceMatcher(None, *timeless).ratio()
        if alike < (_ALIKE if model else 1.0):
            faults.append(f"{command}: {alike:.0%} alike\n--- README\n{old}--- now\n{new}")
        fresh.append(f"{command}\n{new}")
    return f"```console{match[1] or ''}\n{''.join(fresh)}```"


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "88"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{command!r} ended with code {done.returncode}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
