#!/usr/bin/env python3
"""What a student learns from: {gold, retrieved} contexts x {references, references and teacher}.

    python benchmarks/distill_grid.py --qmsum DIR --teacher gguf:PATH --out outputs/grid

Trains a student for each of the four cells and each seed, all with the same questions, steps and
tokens, on QMSum train; lets each answer the specific questions of val over three contexts: as
located, gold turns alone, and the same with half of it replaced by the locator's best distractors.
Prints scores with intervals from a bootstrap over meetings, and writes them to OUT/report.md.

Everything is resumable: give the same command again after a kill. On two cores a cell takes hours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from budget import evenly
from gistill.bench import scores
from gistill.bench.commands import aligned
from gistill.bench.paired import Interval, difference, interval
from gistill.distill import mixture, qmsum
from gistill.distill.base import Base, open_base
from gistill.distill.context import Context, located, mixed
from gistill.distill.dataset import About, Row, check_splits
from gistill.distill.live import LossLine
from gistill.distill.mixture import Mixture
from gistill.distill.qmsum import Meeting
from gistill.distill.run import ADAPTER
from gistill.distill.settings import Settings
from gistill.distill.student import Decoding, answers, load_adapter
from gistill.distill.train import train
from gistill.engines import open_engine
from gistill.errors import GistillError
from gistill.retrieval.rank import Index
from gistill.session import open_store
from gistill.teacher.generation import Generation

LEARNT = {"gold": {"gold": 1.0, "max_distractors": 0.0},
          "retrieved": {"gold": 0.75, "max_distractors": 0.5, "fill": True}}  # fmt: skip
TARGETS = ("references", "teacher")
CONTEXTS = ("located", "gold", "half")
AT_ONCE = 32  # answers
LSUM, F1 = scores.METRICS.index("rougeLsum"), scores.PARTS.index("f1")


@dataclass(frozen=True, slots=True)
class Cell:
    learnt: str
    targets: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.learnt}-{self.targets}-{self.seed}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--qmsum", type=Path, required=True, help="folder that holds QMSum")
    add("--teacher", required=True, help="an engine SPEC; its answers are kept in the store")
    add("--model", default="bundled", help="the base")
    add("--out", type=Path, default=Path("outputs/grid"))
    add("--seeds", type=int, nargs="+", default=[0, 1])
    add("--steps", type=int, default=300, help="of each training: the one budget (300)")
    add("--batch_tokens", type=int, default=2_048)
    add("--words", type=int, default=300, help="of a context, in training and evaluation (300)")
    add("--rank", type=int, default=16)
    add("--learning_rate", type=float, default=6e-4)
    add("--max_tokens", type=int, default=120, help="of an answer (120)")
    add("--meetings", type=int, metavar="N", help="train on N meetings, evenly spread")
    add("--every", type=int, default=1, metavar="N", help="ask only each Nth question of val")
    add("--device")
    return guarded("distill_grid", run, parser.parse_args())


def guarded(name: str, run: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """The exit code of a resumable benchmark, which says in one line why it stopped."""
    try:
        run(args)
    except GistillError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted; give the same command again", file=sys.stderr)
        return 130
    return 0


def run(args: argparse.Namespace) -> None:
    known = evenly([bare(m) for m in qmsum.read(args.qmsum, "train")], args.meetings)
    asked = [bare(m) for m in qmsum.read(args.qmsum, "val")]
    questions = list(evaluated(asked, args.words))[:: args.every]
    cells = [Cell(a, b, seed) for seed in args.seeds for a in LEARNT for b in TARGETS]
    found: dict[Cell, dict[str, Any]] = {}
    for cell in cells:
        folder = args.out / cell.name
        if not (folder / "run.json").is_file():
            educate(cell, known, folder, args)
        found[cell] = {c: answered(folder, c, questions, args) for c in CONTEXTS}
        write(found, questions, args)  # what there is so far


def bare(meeting: Meeting) -> Meeting:
    """With the questions alone whose place is known."""
    return replace(meeting, general=(), specific=tuple(q for q in meeting.specific if q.spans))


def educate(
    cell: Cell, meetings: Sequence[Meeting], folder: Path, args: argparse.Namespace
) -> None:
    """Trains the student of `cell`; no evaluation chooses among its steps."""
    made = Mixture(
        query=4, local=0, fuse=0, whole=0, fuse_query=0, words=(args.words, args.words),
        **LEARNT[cell.learnt],
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        generation = None
        if cell.targets == "teacher":
            store = stack.enter_context(contextlib.closing(open_store()))
            generation = Generation(open_engine(args.teacher), store)
        data = mixture.build(
            meetings, [], made, dev_words=args.words, seed=cell.seed, generation=generation, say=say
        )
    check_splits(data)
    settings = Settings(
        lr=args.learning_rate, max_steps=args.steps, rank=args.rank, alpha=2 * args.rank,
        dropout=0.0, batch_tokens=args.batch_tokens, evals=0, seed=cell.seed, keep_every=20,
    )  # fmt: skip
    say(f"training {cell.name} on {len(data['train'])} rows")
    with LossLine() as line:
        base = open_base(args.model, device=args.device)
        about = About(f"QMSum train, {cell.learnt} contexts, {cell.targets}.", "MIT (QMSum)")
        train(base, data, settings, folder, about=about, show=line.show)


def evaluated(meetings: Sequence[Meeting], words: int) -> Iterator[tuple[str, dict[str, Row]]]:
    """(meeting, row by kind of context) of every question."""
    for meeting in meetings:
        index = Index(meeting.segments)
        for question in meeting.specific:
            gold, text = meeting.gold(question), question.text
            shown: dict[str, Context] = {
                "located": located(meeting.segments, text, words, index, gold),
                "gold": mixed(meeting.segments, text, words, index, gold, 0.0),
            }
            length = sum(len(s.text.split()) + 2 for s in shown["gold"].segments)
            shown["half"] = mixed(meeting.segments, text, length, index, gold, 0.5)
            yield (
                meeting.id,
                {
                    kind: mixture.query_row(meeting, question, context)
                    for kind, context in shown.items()
                },
            )


_OPEN: dict[Path, tuple[Base, Any]] = {}


def answered(
    folder: Path, kind: str, questions: Sequence[tuple[str, dict[str, Row]]], args: Any
) -> Any:
    """Scores (questions, metrics) of one student over one kind of context, answers kept as they
    come, `AT_ONCE` by `AT_ONCE`."""
    path = folder / f"answers-{kind}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [json.loads(line) for line in lines if line.endswith("\n")]
    path.write_text("".join(json.dumps(text) + "\n" for text in kept), encoding="utf-8")
    rows = [shown[kind] for _, shown in questions]
    for start in range(len(kept), len(rows), AT_ONCE):
        if folder not in _OPEN:
            _OPEN.clear()
            base = open_base(args.model, device=args.device)
            student = load_adapter(base, folder / ADAPTER).merge_and_unload()
            _OPEN[folder] = (base, student)
        how = Decoding(max_tokens=args.max_tokens)
        texts = answers(*_OPEN[folder], [row.input for row in rows[start : start + AT_ONCE]], how)
        kept += texts
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(text, ensure_ascii=False) + "\n" for text in texts)
        say(f"{folder.name}, {kind}: {len(kept)} of {len(rows)}")
    return scores.rouge(kept, [row.target for row in rows])[:, :, F1]


def write(
    found: dict[Cell, dict[str, Any]],
    questions: Sequence[tuple[str, dict[str, Row]]],
    args: argparse.Namespace,
) -> None:
    """OUT/report.md: a table of scores, and one of differences, over the cells that are done."""
    meetings = [name for name, _ in questions]
    means: dict[tuple[str, str], dict[str, Any]] = {}
    for a in LEARNT:
        for b in TARGETS:
            runs = [
                scored for cell, scored in found.items() if (cell.learnt, cell.targets) == (a, b)
            ]
            if runs:  # the mean over seeds, question by question
                means[a, b] = {c: np.mean([one[c] for one in runs], axis=0) for c in CONTEXTS}
                means[a, b]["seeds"] = len(runs)
    head = ("trained on", "targets", "seeds", "read", "R-1", "R-2", "R-Lsum (95 %)")
    rows = [
        (a, b, str(cell["seeds"]), c, f"{cell[c][:, 0].mean():.2f}", f"{cell[c][:, 1].mean():.2f}",
         shown(interval(cell[c][:, LSUM], meetings)))
        for (a, b), cell in means.items() for c in CONTEXTS
    ]  # fmt: skip
    apart = list(_differences(means, meetings))
    share = np.mean([row["half"].distractors for _, row in questions])
    many = f"{args.meetings} meetings" if args.meetings else "all of train"
    steps = (
        f"{args.steps} steps of up to {args.batch_tokens} tokens on {many}, contexts of "
        f"{args.words} words"
    )
    text = [
        f"QMSum val, {len(meetings)} specific questions on {len(set(meetings))} meetings. {steps}; "
        f'base {args.model}; teacher {args.teacher}. "half": {share:.0%} of the words distractors.',
        f"Scorer: {scores.SCORER}.",
        "",
        *markdown([head, *rows]),
        "",
        *markdown([("difference in R-Lsum", "mean (95 %)"), *apart]),
    ]
    (args.out / "report.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(aligned([head, *rows])))
    if apart:
        print("\n".join(aligned(apart)), flush=True)


def _differences(
    means: dict[tuple[str, str], dict[str, Any]], meetings: Sequence[str]
) -> Iterator[tuple[str, str]]:
    def apart(name: str, ours: Any, theirs: Any) -> tuple[str, str]:
        return name, shown(difference(ours[:, LSUM], theirs[:, LSUM], meetings))

    for b in TARGETS:
        if ("gold", b) in means and ("retrieved", b) in means:
            ours, theirs = means["retrieved", b], means["gold", b]
            for c in CONTEXTS:
                yield apart(f"trained on retrieved - gold, {b}, reading {c}", ours[c], theirs[c])
    for a in LEARNT:
        if (a, "teacher") in means and (a, "references") in means:
            ours, theirs = means[a, "teacher"], means[a, "references"]
            yield apart(
                f"with teacher - without, trained on {a}", ours["located"], theirs["located"]
            )
    for (a, b), cell in means.items():
        yield apart(
            f"half distractors - gold alone, trained on {a}, {b}", cell["half"], cell["gold"]
        )


def shown(found: Interval) -> str:
    return f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
