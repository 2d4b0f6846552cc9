#!/usr/bin/env python3
"""What distractors cost a student that has been trained.

    python benchmarks/distractors.py --qmsum DIR [--engine SPEC]… [--every N] --out DIR

Asks the specific questions of QMSum val over three contexts: gold turns alone, the same with half
of it replaced by the locator's best distractors, and as located; `distill_grid.py` asks the same
of students that it trains. Prints scores with intervals from a bootstrap over meetings, and writes
them to DIR/report.md. Answers are kept in the store: the same command goes on after a kill. Needs
the train extra.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill_grid import CONTEXTS, F1, LSUM, bare, evaluated, guarded, markdown, say, shown
from gistill import prompts
from gistill.bench import scores
from gistill.bench.paired import difference, interval
from gistill.decoding.profiles import PROFILES
from gistill.distill import qmsum
from gistill.distill.dataset import Row
from gistill.engines import Engine, open_engine
from gistill.session import open_store
from gistill.teacher.generation import Generation, claimed_sentences

Asked = Sequence[tuple[str, dict[str, Row]]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--qmsum", type=Path, required=True, help="folder that holds QMSum")
    add("--engine", action="append", help="a SPEC; may be repeated (bundled)")
    add("--out", type=Path, default=Path("outputs/distractors"))
    add("--words", type=int, default=300, help="of a context (300)")
    add("--max-tokens", type=int, default=160, help="of an answer (160)")
    add("--every", type=int, default=1, metavar="N", help="only each Nth question")
    return guarded("distractors", run, parser.parse_args())


def run(args: argparse.Namespace) -> None:
    asked = list(evaluated([bare(m) for m in qmsum.read(args.qmsum, "val")], args.words))
    asked = asked[:: args.every]
    meetings = [meeting for meeting, _ in asked]
    head = ("engine", "reads", "R-1", "R-2", "R-Lsum (95 %)", "against gold")
    rows = []
    for spec in args.engine or ["bundled"]:
        engine = open_engine(spec)
        found = {context: scored(engine, context, asked, args.max_tokens) for context in CONTEXTS}
        for context, f1 in found.items():
            apart = difference(f1[:, LSUM], found["gold"][:, LSUM], meetings)
            one, two = f1[:, 0].mean(), f1[:, 1].mean()
            whole = shown(interval(f1[:, LSUM], meetings))
            rows.append((spec, context, f"{one:.2f}", f"{two:.2f}", whole, shown(apart)))
    share = np.mean([row["half"].distractors for _, row in asked])
    text = [
        f"QMSum val, {len(asked)} specific questions on {len(set(meetings))} meetings; contexts of "
        f'{args.words} words; "half": {share:.0%} of the words distractors.',
        f"Scorer: {scores.SCORER}.",
        "",
        *markdown([head, *rows]),
    ]
    print("\n".join(text))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "report.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def scored(engine: Engine, context: str, asked: Asked, tokens: int) -> Any:
    """F1 scores (questions, metrics) of the engine's answers over one kind of context."""
    decoding, rows = PROFILES["fast"], [shown[context] for _, shown in asked]
    requests = [decoding.request(row.input, row.input, tokens, row.query) for row in rows]
    texts = [""] * len(rows)
    with contextlib.closing(open_store()) as store:
        answers = Generation(engine, store).answers(
            requests, stage="query", version=prompts.template("query").version, deadline=None
        )
        for number, answer in zip(itertools.count(1), answers, strict=False):
            texts[answer.index] = " ".join(claimed_sentences(answer.text, cut=answer.cut))
            if number % 16 == 0 or number == len(rows):
                say(f"{engine.id}, {context}: {number} of {len(rows)}")
    return scores.rouge(texts, [row.target for row in rows])[:, :, F1]


if __name__ == "__main__":
    sys.exit(main())
