"""Builds the student's training data from QMSum: OUT/train.jsonl.gz and OUT/val-<words>.jsonl.gz.

    python scripts/qmsum_distill_data.py --qmsum DIR --out outputs/distill_data

Val holds every specific and general query with a located context of each given length, and
nothing of its references in the prompt. The test split is never read.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from gistill.distill.dataset import Mixture, Row, query_row, rows, write
from gistill.distill.qmsum import read
from gistill.retrieval.rank import Index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qmsum", type=Path, required=True, help="folder of the qmsum-*.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--val-words", type=int, nargs="+", default=[400, 800, 1200])
    parser.add_argument("--seed", type=int, default=0)
    plain = Mixture()
    for name in ("query", "local", "fuse", "whole", "fuse_query"):
        parser.add_argument(f"--{name}", type=int, default=getattr(plain, name))
    for name in ("words", "local_words"):
        parser.add_argument(f"--{name}", type=int, nargs=2, default=getattr(plain, name))
    options = parser.parse_args()
    mixture = Mixture(
        query=options.query,
        local=options.local,
        fuse=options.fuse,
        whole=options.whole,
        fuse_query=options.fuse_query,
        words=tuple(options.words),
        local_words=tuple(options.local_words),
    )
    train = [row for m in read(options.qmsum, "train") for row in rows(m, mixture, options.seed)]
    write(options.out / "train.jsonl.gz", train)
    print(f"train: {len(train)} rows, {dict(Counter(row.task for row in train))}")
    val: dict[int, list[Row]] = {words: [] for words in options.val_words}
    for meeting in read(options.qmsum, "val"):
        index = Index(meeting.segments)
        for question in (*meeting.specific, *meeting.general):
            for words, found in val.items():
                found.append(query_row(meeting, question, words, index))
    for words, found in val.items():
        write(options.out / f"val-{words}.jsonl.gz", found)
        print(f"val-{words}: {len(found)} rows")


if __name__ == "__main__":
    main()
