#!/usr/bin/env python3
"""ROUGE of adapters on a split of training data, under one or several decodings.

    python scripts/evaluate_student.py --model bundled --adapter DIR --data_dir DIR

Prints one JSON line a decoding; with --out, writes the answers beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from gistill.distill import dataset
from gistill.distill.base import open_base
from gistill.distill.student import Decoding, answers, load_adapter, rouge
from gistill.errors import GistillError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="bundled", help="a folder, a hub id or bundled")
    parser.add_argument("--adapter", type=Path, help="a peft folder; without it, the base alone")
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--split", default="dev", choices=dataset.SPLITS)
    parser.add_argument("--device", help="cpu, cuda (a GPU when there is one)")
    parser.add_argument("--precision", choices=("bf16", "fp32"))
    parser.add_argument("--beams", type=int, nargs="+", default=[1])
    parser.add_argument("--no_repeat_ngram", type=int, nargs="+", default=[0])
    parser.add_argument("--repetition_penalty", type=float, nargs="+", default=[1.05])
    parser.add_argument("--length_penalty", type=float, nargs="+", default=[1.0])
    parser.add_argument("--max_tokens", type=int, default=160)
    parser.add_argument("--limit", type=int, default=0, help="rows; 0: all")
    parser.add_argument("--out", type=Path, help="file for the answers, JSON Lines")
    try:
        run(parser.parse_args())
    except GistillError as error:
        print(f"evaluate_student: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def run(options: argparse.Namespace) -> None:
    base = open_base(options.model, device=options.device, precision=options.precision)
    model = base.model
    if options.adapter:
        model = load_adapter(base, options.adapter).merge_and_unload()
    plain = Decoding(max_tokens=options.max_tokens)
    grid = [
        replace(plain, beams=b, no_repeat_ngram=n, repetition_penalty=r, length_penalty=p)
        for b in options.beams
        for n in options.no_repeat_ngram
        for r in options.repetition_penalty
        for p in (options.length_penalty if b > 1 else [1.0])
    ]
    rows = dataset.load(options.data_dir)[0][options.split][: options.limit or None]
    for how in grid:
        started = time.monotonic()
        texts = answers(base, model, [row.input for row in rows], how)
        line = {
            "data": f"{options.data_dir} {options.split}",
            "adapter": str(options.adapter),
            **asdict(how),
            **rouge(texts, [row.target for row in rows]),
            "words": round(sum(len(text.split()) for text in texts) / len(texts), 1),
            "seconds": round(time.monotonic() - started, 1),
        }
        print(json.dumps(line), flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                for row, text in zip(rows, texts, strict=True):
                    found = {"query": row.query, "reference": row.target, "answer": text}
                    file.write(json.dumps({**line, **found}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
