#!/usr/bin/env python3
"""Goes on from trained adapters with their own samples, rewarded by ROUGE and by support in the
prompt (train split only).

python scripts/reinforce_student.py --data_dir DIR --adapter DIR --out_dir DIR --model bundled
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from gistill.distill import dataset
from gistill.distill.base import open_base
from gistill.distill.reward import Sampling, reinforce
from gistill.distill.settings import Settings
from gistill.distill.student import load_adapter
from gistill.errors import GistillError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--out_dir", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--model", default="bundled", help="a folder, a hub id or bundled")
    parser.add_argument("--val_rows", type=int, default=100)
    parser.add_argument("--tasks", nargs="+", default=["query", "local", "whole", "fuse"])
    parser.add_argument("--device", help="cpu, cuda (a GPU when there is one)")
    parser.add_argument("--learning_rate", type=float, default=1.5e-4)
    parser.add_argument("--average", type=float, default=0.8)
    for name in ("steps", "questions", "samples", "max_tokens", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Sampling(), name))
    parser.add_argument("--support", type=float, default=Sampling().support, help="its weight")
    parser.add_argument("--evals_every", type=int, default=Sampling().evals_every)
    parser.add_argument("--seconds", type=float, default=Sampling().seconds)
    try:
        run(parser.parse_args())
    except GistillError as error:
        print(f"reinforce_student: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def run(options: argparse.Namespace) -> None:
    data, _ = dataset.load(options.data_dir)
    base = open_base(options.model, device=options.device)
    student = load_adapter(base, options.adapter, trainable=True)
    settings = Settings(
        lr=options.learning_rate,
        average=options.average,
        weight_decay=0.0,
    )
    sampling = Sampling(
        steps=options.steps,
        questions=options.questions,
        samples=options.samples,
        max_tokens=options.max_tokens,
        workers=options.workers,
        support=options.support,
        evals_every=options.evals_every,
        seconds=options.seconds,
    )
    dev = list(data["dev"])
    sample = random.Random(0).sample(dev, min(len(dev), options.val_rows))
    chosen = [row for row in data["train"] if row.task in options.tasks]

    def show(note: object) -> None:
        print(json.dumps(note), file=sys.stderr, flush=True)

    best = reinforce(base, student, chosen, sample, settings, sampling, options.out_dir, show)
    print(json.dumps(best))


if __name__ == "__main__":
    sys.exit(main())
