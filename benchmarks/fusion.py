#!/usr/bin/env python3
"""Whether images tell what speech did not, and what they cost.

    python benchmarks/fusion.py [--engine SPEC] [--threads N] [--notes]

Chats as WhatsApp exports them, photos beside them: turns of `data/long_thread.txt`, and among them
facts that are only said, only shown on a photo, or both. The photos are read by OCR; then each
thread is summarized, and asked about every fact, with a share of 0 for images (off), of 0.25 (what
gistill does) and of 1 (no bound). Recall is the percentage of facts whose key words are in the
notes on the parts, and in the answers (with --notes, nothing is asked). In `plain` threads a photo
shows its fact alone; in `crowded` ones a page of the talk's own words stands below it, and in
`foreign` ones a page of another talk above or below: these the bound is for.
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
_SORTS = ("plain", "crowded", "foreign")
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


def page(sort: str, text: str, turns: Sequence[str], dice: random.Random) -> list[str]:
    """The paragraphs that a photo of a fact shows in a thread of this sort."""
    if sort == "plain":
        return [text]
    if sort == "crowded":
        return [text, " ".join(dice.sample(turns, 4))[:700]]
    other = [segment.text for segment in load(ROOT / "examples/meeting.vtt").segments]
    found = [text, " ".join(dice.sample(other, 8))[:700]]
    return found[:: dice.choice((1, -1))]


def make(folder: Path, known: Sequence[Fact], dice: random.Random, sort: str) -> None:
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
            size = (620, 110) if sort == "plain" else (900, 760)
            shown = "\n\n".join(page(sort, fact.text, turns, dice))
            image = written(shown, size=size, point=20)
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


def measure(
    thread: Thread, known: Sequence[Fact], engine: Engine, share: float, *, asked: bool
) -> Row:
    options = Options(max_tokens=600, local_len=200, global_len=300, image_share=share)
    done = summarize(thread, engine, options=options).result()
    notes = " ".join(claim.text for claim in done.local)
    row = {f"{k} in notes": v for k, v in recall(known, dict.fromkeys(known, notes)).items()}
    row["tokens"] = float(sum(chunk.tokens for chunk in done.chunks))
    answers = {}
    for fact in known if asked else ():
        query = f"What about the {fact.key.partition(' ')[0]}?"
        answers[fact] = summarize(thread, engine, query=query, options=options).result().text
    return row | (
        {f"{k} in answers": v for k, v in recall(known, answers).items()} if asked else {}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="extractive")
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--notes", action="store_true", help="ask no questions")
    args = parser.parse_args()
    engine = open_engine(args.engine)
    with tempfile.TemporaryDirectory() as place:
        for sort in _SORTS:
            rows: dict[float, list[Row]] = {share: [] for share in _SHARES}
            for seed in range(args.threads):
                dice = random.Random(seed)
                known = facts(dice)
                folder = Path(place) / f"{seed}-{sort}"
                make(folder, known, dice, sort)
                thread = load(folder)
                for share in _SHARES:
                    row = measure(thread, known, engine, share, asked=not args.notes)
                    rows[share].append(row)
            for share, found in rows.items():
                figures = {
                    name: round(statistics.mean(r[name] for r in found), 1) for name in found[0]
                }
                print(f"{sort}, share {share:.0%}: {json.dumps(figures)}", flush=True)


if __name__ == "__main__":
    main()
