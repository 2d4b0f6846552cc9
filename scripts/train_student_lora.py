"""Trains LoRA adapters on distillation data and evaluates them on val.

python scripts/train_student_lora.py --data_dir DIR --out_dir outputs/distill --model GGUF
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from gistill.distill import dataset
from gistill.distill.student import load_base
from gistill.distill.train import Settings, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="holds train and val files")
    parser.add_argument("--out_dir", type=Path, default=Path("outputs/distill"))
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file or a folder")
    parser.add_argument("--val", default="val-800.jsonl.gz", help="file of --data_dir to choose by")
    parser.add_argument("--tasks", nargs="+", help="train on these tasks only")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--learning_rate", type=float, default=Settings().lr)
    for name in ("epochs", "dropout", "average", "weight_decay"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Settings(), name))
    for name in ("max_steps", "rank", "alpha", "batch_tokens", "max_length", "evals", "val_rows"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings(), name))
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    data, out = options.pop("data_dir"), options.pop("out_dir")
    rows = dataset.load(data / "train.jsonl.gz")
    val = dataset.load(data / options.pop("val"))
    dataset.check_splits(rows, val)
    if tasks := options.pop("tasks"):
        rows = [row for row in rows if row.task in tasks]
    model, tokenizer = load_base(options.pop("model"), options.pop("device"))
    options["lr"] = options.pop("learning_rate")
    best = train(model, tokenizer, rows, val, Settings(**options), out)
    print(json.dumps(best))


if __name__ == "__main__":
    main()
