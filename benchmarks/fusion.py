#!/usr/bin/env python3
"""Whether images tell what speech did not, and what they cost.

    python benchmarks/fusion.py [--engine SPEC] [--threads N]

Chats as WhatsApp exports them, photos beside them: turns of `data/long_thread.txt`, and among them
facts that are only said, only shown on a photo, or both. The photos are read by OCR; then each
thread is summarized, and asked about every fact, with a share of 0 for images (off), of 0.25 (what
gistill does) and of 1 (no bound). Recall is the percentage of facts whose key words are in the
notes on the parts, and in the answers. In `plain` threads a photo shows its fact alone; in
`crowded` ones it shows a page of other text as well, which the bound is for.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from documents import saved, written  # noqa: E402
from gistill import Options, load, summarize  # noqa: E402
from gistill.engines import Engine, open_engine  # noqa: E402
from gistill.types import Thread  # noqa: E402

_FACTS = 6  # of each kind in a thread
_TURNS = 120  # of other talk
_SHARES = (0.0, 0.25, 1.0)
_PEOPLE = ("Ann", "Ben", "Cleo", "Dario")
_THINGS = """crane lease survey ferry pump tower barge lamp permit invoice roof cable quay engine
buoy antenna shed winch boiler ramp""".split()
_ENDS = """will be replaced by the harbour board|was refused by the inspector|has to be paid by the
town|is late because of the flood|was sold to the museum|needs a second opinion""".replace(
    "\n", " "
).split("|")

Row = dict[str, float]


class Fact(NamedTuple):
    """`key` is what a summary has to hold of it."""

    kind: str
    text: str
    key: str


def talk(dice: random.Random) -> list[str]:
    """Turns of a real length and tone, from somewhere in the meeting."""
    lines = (ROOT / "data/long_thread.txt").read_text(encoding="utf-8").splitlines()
    turns = [line.partition("] ")[2].partition(": ")[2] for line in lines]
    start = dice.randrange(len(turns) - _TURNS)
    return [turn for turn in turns[start : start + _TURNS] if turn]


def facts(dice: random.Random) -> list[Fact]:
    things = dice.sample(_THINGS, 3 * _FACTS)
    found = []
    for n, thing in enumerate(things):
        amount = dice.randrange(1200, 9900)
        text = f"The {thing} of {amount} euros {dice.choice(_ENDS)}."
        found.append(Fact(("said", "shown", "both")[n % 3], text, f"{thing} of {amount}"))
    return found


def make(folder: Path, known: Sequence[Fact], dice: random.Random, crowded: bool) -> None:
    """An export: the facts in order, small talk between them."""
    at = dt.datetime(2024, 5, 1, 9, 0)
    lines: list[str] = []

    def post(text: str) -> None:
        nonlocal at
        at += dt.timedelta(seconds=dice.randrange(20, 90))
        lines.append(f"[{at:%Y-%m-%d, %H:%M:%S}] {dice.choice(_PEOPLE)}: {text}")

    folder.mkdir(parents=True)
    turns = talk(dice)
    for n, fact in enumerate(known):
        for turn in turns[n :: len(known)]:
            post(turn)
        if fact.kind != "shown":
            post(fact.text)
        if fact.kind != "said":
            name = f"{n:08d}-PHOTO-{at:%Y-%m-%d-%H-%M-%S}.png"
            more = [" ".join(dice.sample(turns, 4))[:700]] if crowded else []
            size = (900, 760) if crowded else (620, 110)
            image = written("\n\n".join((fact.text, *more)), size=size, point=20)
            (folder / name).write_bytes(saved(image, "PNG"))
            post(f"<attached: {name}>")
    (folder / "_chat.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def recall(known: Sequence[Fact], texts: Mapping[Fact, str]) -> dict[str, float]:
    """By kind, the percentage of facts whose key is in their text."""
    found: dict[str, list[bool]] = {}
    for fact in known:
        words = " ".join(texts[fact].lower().replace(",", "").split())
        found.setdefault(fact.kind, []).append(fact.key in words)
    return {kind: 100 * sum(hits) / len(hits) for kind, hits in found.items()}


def measure(thread: Thread, known: Sequence[Fact], engine: Engine, share: float) -> Row:
    options = Options(max_tokens=600, local_len=200, global_len=300, image_share=share)
    done = summarize(thread, engine, options=options).result()
    notes = " ".join(claim.text for claim in done.local)
    row = {f"{k} in notes": v for k, v in recall(known, dict.fromkeys(known, notes)).items()}
    answers = {}
    for fact in known:
        asked = f"What about the {fact.key.partition(' ')[0]}?"
        answers[fact] = summarize(thread, engine, query=asked, options=options).result().text
    row |= {f"{k} in answers": v for k, v in recall(known, answers).items()}
    return row | {"tokens": float(done.coverage.read)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="extractive")
    parser.add_argument("--threads", type=int, default=3)
    args = parser.parse_args()
    engine = open_engine(args.engine)
    with tempfile.TemporaryDirectory() as place:
        for crowded in (False, True):
            rows: dict[float, list[Row]] = {share: [] for share in _SHARES}
            for seed in range(args.threads):
                dice = random.Random(seed)
                known = facts(dice)
                folder = Path(place) / f"{seed}-{crowded}"
                make(folder, known, dice, crowded)
                thread = load(folder)
                for share in _SHARES:
                    rows[share].append(measure(thread, known, engine, share))
            for share, found in rows.items():
                figures = {
                    name: round(statistics.mean(r[name] for r in found), 1) for name in found[0]
                }
                kind = "crowded" if crowded else "plain"
                print(f"{kind}, share {share:.0%}: {json.dumps(figures)}", flush=True)


if __name__ == "__main__":
    main()
