"""`gistill bench qmsum …`: flags, and what each command prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gistill.bench.qmsum import Query

Verbs = Any  # argparse's own type for them is private
Run = Callable[[argparse.Namespace], int]


def add(verbs: Verbs) -> None:
    """Adds `bench` to the command's verbs; nothing heavy is imported before one runs."""
    about = "data figures, systems, scores and a report on QMSum"
    bench = verbs.add_parser("bench", help=about, description=f"{about[0].upper()}{about[1:]}.")
    sets = bench.add_subparsers(dest="benchmark", metavar="SET", required=True)
    qmsum = sets.add_parser("qmsum", help="query-focused meeting summaries (QMSum)")
    steps = qmsum.add_subparsers(dest="step", metavar="STEP", required=True)
    _lengths(_step(steps, "lengths", "token lengths of inputs and summaries", _run_lengths))
    _alpaca(_step(steps, "alpaca", "print the data as Alpaca instructions", _run_alpaca))


def _step(steps: Verbs, name: str, about: str, run: Run) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = steps.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    parser.set_defaults(run=run)
    return parser


def _add_data(parser: argparse.ArgumentParser, split: str) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that holds QMSum "
        "(default: ../shared/qmsum when present, else $QMSUM_DIR)")  # fmt: skip
    parser.add_argument("--split", default=split, help=f"train, val or test ({split})")
    parser.add_argument("--domain", help="academic, product or committee alone")


def _lengths(parser: argparse.ArgumentParser) -> None:
    _add_data(parser, "train")
    parser.add_argument("--tokenizer", required=True, metavar="PATH_OR_ID",
        help="a tokenizer.json, its folder, or a model's id on the hub")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("outputs/lengths"), metavar="DIR",
        help="folder for lengths.json and the histograms (outputs/lengths)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures alone, as JSON")


def _alpaca(parser: argparse.ArgumentParser) -> None:
    _add_data(parser, "val")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write here, not on stdout")


def _queries(args: argparse.Namespace) -> list[Query]:
    from gistill.bench import qmsum

    return list(qmsum.queries(qmsum.load(qmsum.folder(args.data), args.split, args.domain)))


def _run_lengths(args: argparse.Namespace) -> int:
    from gistill.bench import alpaca, lengths

    tokenizer = lengths.open_tokenizer(args.tokenizer)
    found = lengths.measure(alpaca.rows(_queries(args)), tokenizer)
    figures = found.figures()
    title = f"QMSum {args.domain or 'all domains'}, {args.split}"
    if args.json:
        print(json.dumps(figures))
    else:
        print(f"{title}, tokens of {args.tokenizer}")
        print("\n".join(f"{name:14}{value:>10}" for name, value in figures.items()))
    for path in lengths.write(found, title, args.out):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _run_alpaca(args: argparse.Namespace) -> int:
    from gistill.bench import alpaca

    lines = (json.dumps(asdict(row), ensure_ascii=False) for row in alpaca.rows(_queries(args)))
    if args.out is None:
        for line in lines:
            print(line)
    else:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    return 0
