"""How the command's verbs, and the steps below them, are added."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Verbs = Any  # argparse's own type for what `add_subparsers` gives is private
Run = Callable[[argparse.Namespace], int]


def add_verb(verbs: Verbs, name: str, about: str, run: Run) -> argparse.ArgumentParser:
    """The parser of a new verb, which `run` carries out and which returns the exit code."""
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=sentence(about))
    verb.set_defaults(run=run)
    return verb


def sentence(about: str) -> str:
    """A line of a list of verbs as a sentence of its own."""
    return f"{about[0].upper()}{about[1:]}."
