"""`gistill bench qmsum …`: flags, and what each command prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from gistill.errors import BadInput
from gistill.verbs import Verbs, add_verb, sentence

if TYPE_CHECKING:
    from gistill.bench.qmsum import Query
    from gistill.bench.results import Result


def add(verbs: Verbs) -> None:
    """Adds `bench` to the command's verbs; nothing heavy is imported before one runs."""
    about = "data figures, systems, scores and a report on QMSum"
    bench = verbs.add_parser("bench", help=about, description=sentence(about))
    sets = bench.add_subparsers(dest="benchmark", metavar="SET", required=True)
    qmsum = sets.add_parser("qmsum", help="query-focused meeting summaries (QMSum)")
    steps = qmsum.add_subparsers(dest="step", metavar="STEP", required=True)
    _lengths(add_verb(steps, "lengths", "token lengths of inputs and summaries", _run_lengths))
    _alpaca(add_verb(steps, "alpaca", "print the data as Alpaca instructions", _run_alpaca))
    _system(add_verb(steps, "run", "let a system answer the questions of a split", _run_system))
    _score(add_verb(steps, "score", "score runs, and compare each with the first", _run_score))
    _report(add_verb(steps, "report", "write the results page of runs", _run_report))


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


def _system(parser: argparse.ArgumentParser) -> None:
    from gistill.bench import systems

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "systems:\n" + "\n".join(f"  {n:16} {a}" for n, a in systems.names().items())
    _add_data(parser, "val")
    add = parser.add_argument
    add("--system", required=True, metavar="NAME", help="which system, see below")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for run.json and "
        "predictions.jsonl; a run that was interrupted there is gone on with")  # fmt: skip
    add("--limit", type=int, metavar="N", help="only the first N questions")
    add("--words", type=int, metavar="N", help="of systems that select text (100); student, "
        "openai: words that the prompt asks for (what --tokens allows)")  # fmt: skip
    add("--seed", type=int, default=0, help="of the system random (0)")
    add("--engine", default="bundled", metavar="SPEC", help="as in gistill summarize (bundled)")
    add("--tokens", type=int, metavar="N", help="budget, student, openai: hard limit on a summary")
    add("--seconds", type=float, metavar="S", help="budget: hard limit on the time of an answer")
    add("--profile", default="fast", metavar="NAME", help="greedy, fast or quality (fast)")
    add("--repetition-penalty", type=float, default=1.0, metavar="X",
        help="student, openai: above 1, words that were said get rarer (1)")  # fmt: skip
    add("--max-tokens", type=int, metavar="N", help="tokens of the transcript in one prompt: of a "
        "chunk, or in all for student, openai (what the engine handles well)")  # fmt: skip
    add("--read-all", dest="locate", action="store_false", help="read the whole transcript")
    add("--batch", type=int, default=1, metavar="N", help="student, openai: questions handed to "
        "the engine at once (1); seconds are then those in company")  # fmt: skip
    add("--model", metavar="ID_OR_PATH", help="model systems: other weights than their own")
    add("--adapter", metavar="PATH", help="llama-adapter: the released .pth")
    add("--max-seq-len", type=int, metavar="N", help="model systems: tokens of context")
    add("--max-new-tokens", type=int, metavar="N", help="model systems: tokens of an answer")
    add("--instruct", action="store_true", help="longformer: the instruction after the transcript")
    add("--device", metavar="NAME", help="model systems: cpu, cuda, cuda:1")
    add("--device-map", metavar="NAME_OR_FILE", help="model systems: placement over several GPUs")
    add("--dtype", metavar="NAME", help="model systems: float32, bfloat16, float16")
    add("--offline", action="store_true", help="open no socket")


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folders of runs")
    parser.add_argument("--bertscore", nargs="?", const="roberta-large", metavar="ID_OR_PATH",
        help="also BERTScore, by a model that is on this machine (roberta-large)")  # fmt: skip


def _score(parser: argparse.ArgumentParser) -> None:
    _add_runs(parser)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")


def _report(parser: argparse.ArgumentParser) -> None:
    _add_runs(parser)
    parser.add_argument("--data", type=Path, metavar="DIR",
        help="folder that holds QMSum, for the text of cited turns")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("outputs/report"), metavar="DIR",
        help="folder for report.md and report.html (outputs/report)")  # fmt: skip


def _queries(args: argparse.Namespace) -> list[Query]:
    from gistill.bench import qmsum

    return list(qmsum.queries(qmsum.load(qmsum.folder(args.data), args.split, args.domain)))


def _run_lengths(args: argparse.Namespace) -> int:
    from gistill.bench import alpaca, lengths, qmsum

    tokenizer = lengths.open_tokenizer(args.tokenizer)
    queries = _queries(args)
    found = lengths.measure(alpaca.rows(queries), tokenizer)
    figures = found.figures()
    title = f"QMSum {args.domain or 'all domains'}, {args.split}, {len(queries)} questions"
    if args.json:
        print(json.dumps(figures))
    else:
        meetings = len({query.meeting.id for query in queries})
        print(qmsum.extent(args.split, meetings, len(queries), args.domain))
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
        from gistill.artifacts.files import save

        save(args.out, (f"{line}\n".encode() for line in lines))
    return 0


def _run_system(args: argparse.Namespace) -> int:
    from gistill.bench import folder, qmsum, run, systems

    if args.limit is not None and args.limit < 1:
        raise BadInput("--limit takes 1 or more")
    queries = _queries(args)
    names = [field.name for field in fields(systems.Options)]
    options = systems.Options(**{name: getattr(args, name) for name in names})
    system = systems.open_system(args.system, options)
    job = run.Job(args.system, options, args.split, args.domain, queries)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    rows = run.run(job, system, args.out, limit=args.limit, say=say)
    meetings = len({row["meeting_id"] for row in rows})
    say(qmsum.extent(args.split, meetings, len(rows), args.domain))
    print(args.out / folder.PREDICTIONS)
    return 0


def _results(args: argparse.Namespace) -> list[Result]:
    from gistill.bench import results

    bert = None
    if args.bertscore:
        from gistill.bench.bertscore import BertScore

        bert = BertScore(args.bertscore)
    return [results.load(folder, bert) for folder in args.runs]


def _run_score(args: argparse.Namespace) -> int:
    from gistill.bench import results, tables
    from gistill.bench.scores import SCORER

    found = _results(args)
    scored = [results.figures(result) for result in found]
    paired = [results.compare(other, found[0]) for other in found[1:]]
    if args.json:
        print(json.dumps({"scorer": SCORER, "runs": scored, "paired": paired}, indent=1))
    else:
        print("\n".join([*tables.extents(scored), f"Scorer: {SCORER}."]))
        for heading, rows in tables.tables(found, scored, found[0]).items():
            if not heading.startswith("Published"):
                print("\n".join(["", heading, *aligned(rows)]))
    return 0


def _run_report(args: argparse.Namespace) -> int:
    from gistill.bench import qmsum, report

    found = _results(args)
    try:
        meetings = qmsum.load(qmsum.folder(args.data), found[0].record["split"])
    except BadInput as error:
        if args.data is not None:
            raise
        print(f"note: cited turns are shown by their ids alone: {error}", file=sys.stderr)
        meetings = []
    for path in report.write(found, meetings, args.out):
        print(path)
    return 0


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as columns of text, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
