"""ROUGE of adapters on a file of rows, under one or several decodings.

    python scripts/evaluate_student.py --model GGUF --adapter DIR --rows val-800.jsonl.gz

Prints one JSON line a decoding; with --out, writes the answers beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

from gistill.distill import dataset
from gistill.distill.student import Decoding, answers, load_base, rouge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file or a folder")
    parser.add_argument("--adapter", type=Path, help="a peft folder; without it, the base alone")
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bf16", choices=("bf16", "fp32"))
    parser.add_argument("--beams", type=int, nargs="+", default=[1])
    parser.add_argument("--no_repeat_ngram", type=int, nargs="+", default=[0])
    parser.add_argument("--repetition_penalty", type=float, nargs="+", default=[1.05])
    parser.add_argument("--length_penalty", type=float, nargs="+", default=[1.0])
    parser.add_argument("--max_tokens", type=int, default=160)
    parser.add_argument("--limit", type=int, default=0, help="rows of each file; 0: all")
    parser.add_argument("--out", type=Path, help="file for the answers, JSON Lines")
    options = parser.parse_args()
    model, tokenizer = load_base(options.model, options.device, options.precision)
    if options.adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, options.adapter).merge_and_unload()
    plain = Decoding(max_tokens=options.max_tokens)
    grid = [
        replace(plain, beams=b, no_repeat_ngram=n, repetition_penalty=r, length_penalty=p)
        for b in options.beams
        for n in options.no_repeat_ngram
        for r in options.repetition_penalty
        for p in (options.length_penalty if b > 1 else [1.0])
    ]
    for path in options.rows:
        rows = dataset.load(path)[: options.limit or None]
        for how in grid:
            started = time.monotonic()
            texts = answers(model, tokenizer, [row.prompt for row in rows], how)
            scores = rouge(texts, [row.completion for row in rows])
            words = sum(len(text.split()) for text in texts) / len(texts)
            line = {
                "rows": path.name,
                "adapter": str(options.adapter),
                **asdict(how),
                **scores,
                "words": round(words, 1),
                "seconds": round(time.monotonic() - started, 1),
            }
            print(json.dumps(line), flush=True)
            if options.out:
                with options.out.open("a", encoding="utf-8") as file:
                    for row, text in zip(rows, texts, strict=True):
                        found = {"query": row.query, "reference": row.completion, "answer": text}
                        file.write(json.dumps({**line, **found}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
