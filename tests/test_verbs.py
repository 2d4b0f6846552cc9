"""Verbs of the command: what runs, and what help says of them."""

from __future__ import annotations

import argparse

from gistill.verbs import add_verb, sentence


def test_a_verb_runs_what_it_was_given() -> None:
    parser = argparse.ArgumentParser(prog="gistill")
    verb = add_verb(parser.add_subparsers(), "sing", "sing a song", lambda args: args.times)
    verb.add_argument("times", type=int)
    args = parser.parse_args(["sing", "3"])
    assert args.run(args) == 3
    assert "sing a song" in parser.format_help()
    assert "Sing a song." in verb.format_help()


def test_only_the_first_letter_of_a_line_changes() -> None:
    assert sentence("score runs on QMSum") == "Score runs on QMSum."
