"""Goes on from trained adapters with ROUGE of their own samples as reward (train split only).

python scripts/reinforce_student.py --data_dir DIR --adapter DIR --out_dir DIR --model GGUF
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from pathlib import Path

from gistill.distill import dataset
from gistill.distill.reward import Sampling, reinforce
from gistill.distill.student import load_base
from gistill.distill.train import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--out_dir", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file or a folder")
    parser.add_argument("--val", default="val-800.jsonl.gz")
    parser.add_argument("--val_rows", type=int, default=100)
    parser.add_argument("--tasks", nargs="+", default=["query", "local", "whole", "fuse"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--learning_rate", type=float, default=1.5e-4)
    parser.add_argument("--average", type=float, default=0.8)
    parser.add_argument("--batch_tokens", type=int, default=32_768)
    for name in ("steps", "questions", "samples", "max_tokens", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Sampling(), name))
    parser.add_argument("--seconds", type=float, default=Sampling().seconds)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    rows = dataset.load(options.data_dir / "train.jsonl.gz")
    val = dataset.load(options.data_dir / options.val)
    dataset.check_splits(rows, val)
    model, tokenizer = load_base(options.model, options.device)
    from peft import PeftModel

    student = PeftModel.from_pretrained(model, options.adapter, is_trainable=True)
    settings = Settings(
        lr=options.learning_rate,
        average=options.average,
        weight_decay=0.0,
        batch_tokens=options.batch_tokens,
    )
    sampling = Sampling(
        steps=options.steps,
        questions=options.questions,
        samples=options.samples,
        max_tokens=options.max_tokens,
        workers=options.workers,
        seconds=options.seconds,
    )
    sample = random.Random(0).sample(val, min(len(val), options.val_rows))
    chosen = [row for row in rows if row.task in options.tasks]
    best = reinforce(student, tokenizer, chosen, sample, settings, sampling, options.out_dir)
    print(json.dumps(best))


if __name__ == "__main__":
    main()
