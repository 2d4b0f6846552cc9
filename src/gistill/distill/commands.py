"""`gistill distill …`: flags, and what each command prints."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gistill.errors import BadInput
from gistill.verbs import Verbs, add_verb, sentence

if TYPE_CHECKING:
    from gistill.distill.base import Base
    from gistill.distill.dataset import About, Row
    from gistill.teacher.generation import Generation

DEFAULT_MODEL = "google/flan-t5-base"
TASKS = ("local", "fuse", "whole", "query", "fuse_query")
FORMS = ("hf", "openvino", "ct2", "adapter", "unmerged")


def add(verbs: Verbs) -> None:
    """Adds `distill` to the command's verbs; nothing heavy is imported before one runs."""
    about = "training data from a teacher, a small student, and its runnable forms"
    distill = verbs.add_parser("distill", help=about, description=sentence(about))
    steps = distill.add_subparsers(dest="step", metavar="STEP", required=True)
    add_data_flags(add_verb(steps, "data", "build training data", run_data))
    add_train_flags(add_verb(steps, "train", "train LoRA adapters on training data", run_train))
    add_export_flags(
        add_verb(steps, "export", "write the forms of an adapter that run", run_export)
    )


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--threads", nargs="+", type=Path, metavar="FILE", help="each a thread")
    source.add_argument("--qmsum", type=Path, metavar="DIR", help="folder that holds QMSum")
    add("--teacher", metavar="SPEC", help="who answers, as --engine of gistill summarize; with "
        "--qmsum the references alone are taught without")  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the DatasetDict")
    add("--words", type=int, nargs=2, metavar=("MIN", "MAX"), help="of a located context")
    add("--max-distractors", type=float, default=0.5, metavar="SHARE",
        help="of a context's words, drawn evenly from 0 (0.5)")  # fmt: skip
    add("--seed", type=int, default=0)
    add("--licence", default="", help="of the threads, for the model card")
    add("--offline", action="store_true", help="open no socket")
    threads = parser.add_argument_group("of threads")
    add = threads.add_argument
    add("--query", action="append", default=[], metavar="TEXT", help="ask this of every thread")
    add("--questions", type=int, default=8, metavar="N", help="the teacher makes up (8)")
    add("--variants", type=int, default=2, metavar="N", help="contexts of each question (2)")
    add("--max-tokens", type=int, metavar="N", help="tokens of a chunk")
    add("--overlap", type=int, default=128, metavar="N", help="tokens shared by chunks (128)")
    add("--local-len", type=int, default=128, metavar="N", help="tokens of a local summary (128)")
    add("--global-len", type=int, default=200, metavar="N", help="tokens of the summary (200)")
    qmsum = parser.add_argument_group("of QMSum")
    add = qmsum.add_argument
    add("--split", default="train", choices=["train", "val"], help="to train on (train)")
    add("--dev-split", default="val", choices=["train", "val"], help="to choose by (val)")
    add("--hold-out", type=float, metavar="SHARE", help="choose by this share of --split instead")
    add("--dev-words", type=int, default=400, metavar="N", help="of a context in dev (400)")
    add("--rows", nargs="+", default=[], metavar="TASK=N", help=f"rows of a question, for each of "
        f"{', '.join(TASKS)}")  # fmt: skip
    add("--local-words", type=int, nargs=2, metavar=("MIN", "MAX"), help="of a local stretch")
    add("--gold", type=float, default=1.0, metavar="SHARE",
        help="of contexts sure to hold gold turns; the others are as located (1)")  # fmt: skip
    add("--fill", action="store_true", help="fill contexts up to --words with further distractors")
    add(
        "--evidence",
        action="store_true",
        help="with --fill: of gold turns that do not all fit, take those that the answer points to",
    )
    add("--min-support", type=float, default=0.0, metavar="SHARE",
        help="of a reference's sentences that its context has to support (0)")  # fmt: skip
    add("--taught", type=float, default=0.5, metavar="SHARE",
        help="of answers that are the teacher's, not the reference (0.5)")  # fmt: skip


def add_train_flags(parser: argparse.ArgumentParser) -> None:
    """Every flag may be written with hyphens or with underscores."""
    from gistill.distill.settings import Settings

    plain = Settings()

    def add(name: str, *more: str, **how: Any) -> None:
        names = [name] if "_" not in name else [name.replace("_", "-"), name]
        parser.add_argument(*names, *more, **how)

    def number(name: str, field: str, kind: type, about: str, *more: str) -> None:
        default = getattr(plain, field)
        add(name, *more, type=kind, default=default, dest=field, metavar="N",
            help=f"{about} ({default:g})")  # fmt: skip

    add("--data_dir", type=Path, default=Path("outputs/hierarchy/distill_data"), metavar="DIR",
        help="training data (outputs/hierarchy/distill_data)")  # fmt: skip
    add("--out_dir", type=Path, default=Path("outputs/distill"), metavar="DIR",
        help="gets lora_student, run.json, curves.svg (outputs/distill); a run that was killed "
        "there is gone on with")  # fmt: skip
    add("--model", default=DEFAULT_MODEL, metavar="NAME",
        help=f"the base: a hub id, a folder, or bundled ({DEFAULT_MODEL})")  # fmt: skip
    add("--adapter", type=Path, metavar="DIR", help="begin with these adapters, not new ones; "
        "their rank, alpha, dropout and layers hold")  # fmt: skip
    add("--restart", action="store_true", help="begin anew even where there is a run")
    number("--max_steps", "max_steps", int, "steps; 0: as many as --epochs needs")
    number("--epochs", "epochs", float, "times that each row is seen")
    number("--rank", "rank", int, "of the adapters", "--r")
    number("--alpha", "alpha", int, "of the adapters")
    number("--dropout", "dropout", float, "before the adapters")
    add("--rslora", action="store_true", help="scale by alpha/sqrt(r)")
    add("--dora", action="store_true", help="train magnitudes apart from directions")
    add("--targets", default=plain.targets, help="layers, with commas (all-linear)")
    number("--learning_rate", "lr", float, "the highest", "--lr")
    number("--warmup", "warmup", float, "share of the steps")
    number("--weight_decay", "weight_decay", float, "of AdamW")
    number("--clip", "clip", float, "largest norm of the gradient")
    number("--average", "average", float, "decay of the adapters' moving average; 0: none")
    number("--batch_tokens", "batch_tokens", int, "of a pass; 0: by device")
    number("--accumulate", "accumulate", int, "passes of a step")
    add("--batching", default=plain.batching, choices=["bucket", "pack"],
        help="pad rows of similar length, or pack them into one sequence (bucket)")  # fmt: skip
    number("--max_length", "max_length", int, "tokens; longer rows are left out")
    add("--gradient_checkpointing", action="store_true", dest="checkpointing",
        help="compute activations twice instead of keeping them")  # fmt: skip
    number("--evals", "evals", int, "evaluations on dev; 0: none")
    number("--val_rows", "val_rows", int, "rows of dev to generate for")
    number("--val_tokens", "val_tokens", int, "tokens of an answer in evaluations")
    number("--patience", "patience", int, "evaluations without a better one to stop after; 0: no")
    add("--teacher_model", metavar="NAME", help="a model with the same tokenizer, for --kl")
    number("--kl", "kl", float, "weight of the divergence from the teacher's distributions")
    number("--temperature", "temperature", float, "of both distributions in it")
    number("--keep_every", "keep_every", int, "steps between checkpoints")
    number("--seed", "seed", int, "of order and dropout")
    add("--tasks", nargs="+", choices=TASKS, help="train on rows of these tasks only")
    add("--device", help="cpu, cuda, cuda:1 (a GPU when there is one)")
    add("--precision", choices=["bf16", "fp32"], help="of the base (what the device is fast in)")
    add("--offline", action="store_true", help="open no socket")


def add_export_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "adapter",
        type=Path,
        metavar="ADAPTER",
        help="a folder such as outputs/distill/lora_student",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="gets a folder a form")
    add("--to", default="hf,openvino,ct2", metavar="FORMS", help=f"some of {', '.join(FORMS)}, "
        "with commas (hf,openvino,ct2)")  # fmt: skip
    add("--data", type=Path, metavar="DIR", help="training data whose test or dev rows to compare "
        "on (that of the run, else the bundled thread)")  # fmt: skip
    add("--prompts", type=int, default=6, metavar="N", help="how many to compare on (6)")
    add("--offline", action="store_true", help="open no socket")


def run_data(args: argparse.Namespace) -> int:
    """Builds training data from threads or from QMSum."""
    from gistill.distill import dataset

    if args.words and not 0 < args.words[0] <= args.words[1]:
        raise BadInput("--words takes a minimum above 0 and a maximum not below it")
    if not 0 <= args.max_distractors < 1:
        raise BadInput("--max-distractors takes a share from 0 to below 1")
    if not 0 <= args.min_support <= 1:
        raise BadInput("--min-support takes a share from 0 to 1")
    if args.evidence and not args.fill:
        raise BadInput("--evidence chooses what --fill puts in; give both")
    data, about = _from_threads(args) if args.threads else _from_qmsum(args)
    if not data["train"]:
        raise BadInput("nothing came of it that a student could be trained on")
    dataset.save(data, args.out, about)
    sizes = ", ".join(f"{split} {len(rows)}" for split, rows in data.items())
    _say(f"{sizes} rows")
    print(args.out)
    return 0


def _from_threads(args: argparse.Namespace) -> tuple[dict[str, list[Row]], About]:
    from gistill.distill import threads
    from gistill.distill.dataset import About
    from gistill.ingest import load
    from gistill.options import Options
    from gistill.progress import Reporter

    if not args.teacher:
        raise BadInput("threads need a teacher; give --teacher SPEC, as in --teacher bundled")
    options = Options(
        max_tokens=args.max_tokens,
        overlap=args.overlap,
        local_len=args.local_len,
        global_len=args.global_len,
    )
    recipe = threads.Recipe(
        queries=tuple(args.query),
        questions=args.questions,
        variants=args.variants,
        words=tuple(args.words) if args.words else threads.Recipe().words,
        max_distractors=args.max_distractors,
        seed=args.seed,
    )
    found = [load([path]) for path in args.threads]
    with _generation(args) as generation, Reporter() as reporter:
        data = threads.build(found, generation, options, recipe, reporter.show, reporter.say)
        description = f"{len(found)} threads, taught by {generation.engine.id}."
    return data, About(description, args.licence)


def _from_qmsum(args: argparse.Namespace) -> tuple[dict[str, list[Row]], About]:
    from gistill.distill import mixture, qmsum
    from gistill.distill.dataset import About

    plain = mixture.Mixture()
    made = mixture.Mixture(
        **_counts(args.rows),
        words=tuple(args.words) if args.words else plain.words,
        local_words=tuple(args.local_words) if args.local_words else plain.local_words,
        gold=args.gold,
        max_distractors=args.max_distractors,
        fill=args.fill,
        evidence=args.evidence,
        min_support=args.min_support,
        taught=args.taught,
    )
    meetings = list(qmsum.read(args.qmsum, args.split))
    if args.hold_out is None:
        dev = list(qmsum.read(args.qmsum, args.dev_split))
        chosen = f"QMSum {args.dev_split}"
    else:
        meetings, dev = mixture.held_out(meetings, args.hold_out)
        chosen = f"{len(dev)} meetings of it held out"
    with contextlib.ExitStack() as stack:
        generation = stack.enter_context(_generation(args)) if args.teacher else None
        data = mixture.build(
            meetings,
            dev,
            made,
            dev_words=args.dev_words,
            seed=args.seed,
            generation=generation,
            say=_say,
        )
    teacher = f"references and answers by {args.teacher}" if args.teacher else "references"
    description = (
        f"QMSum {args.split} (Zhong et al. 2021), {len(meetings)} meetings, {teacher}; "
        f"chosen by {chosen}."
    )
    return data, About(description, args.licence or "MIT (QMSum)")


def _counts(texts: Sequence[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        name, _, count = text.partition("=")
        if name not in TASKS or not count.isdigit():
            raise BadInput(f"--rows takes TASK=N with a task of {', '.join(TASKS)}; got {text!r}")
        found[name] = int(count)
    return found


@contextlib.contextmanager
def _generation(args: argparse.Namespace) -> Any:
    from gistill.engines import OpenOptions, open_engine
    from gistill.session import open_store
    from gistill.teacher.generation import Generation

    engine = open_engine(args.teacher, OpenOptions(offline=args.offline))
    with contextlib.closing(open_store()) as store:
        generation: Generation = Generation(engine, store)
        yield generation


def run_train(args: argparse.Namespace) -> int:
    """Trains a student on training data."""
    from dataclasses import fields

    from gistill.distill import dataset, ranks
    from gistill.distill.base import open_base
    from gistill.distill.live import LossLine
    from gistill.distill.run import ADAPTER, CHECKPOINT, LOG
    from gistill.distill.settings import Settings
    from gistill.distill.train import train

    settings = Settings(**{f.name: getattr(args, f.name) for f in fields(Settings)})
    data, about = dataset.load(args.data_dir)
    if args.tasks:
        data["train"] = [row for row in data["train"] if row.task in args.tasks]
    if args.restart:
        for name in (CHECKPOINT, LOG):
            (args.out_dir / name).unlink(missing_ok=True)
    joined = ranks.join(args.device)
    args.device = joined.device or args.device
    base = _open_student(args, first=joined.first)
    teacher = None
    if args.teacher_model:
        how = {"device": args.device, "precision": args.precision, "offline": args.offline}
        teacher = open_base(args.teacher_model, **how)
    with LossLine(shown=joined.first) as line:
        outcome = train(
            base,
            data,
            settings,
            args.out_dir,
            about=about,
            source=str(args.data_dir.resolve()),
            start=args.adapter,
            teacher=teacher,
            ranks=joined,
            show=line.show,
        )
    if joined.first:
        if outcome.left_out:
            _say(f"{outcome.left_out} rows were longer than --max-length: left out")
        if outcome.step < outcome.steps:
            _say(f"stopped after step {outcome.step} of {outcome.steps}: it got no better")
        if outcome.best:
            _say(f"best by ROUGE-Lsum: {outcome.best['rougeLsum']} at step {outcome.best['step']}")
        print(args.out_dir / ADAPTER)
    return 0


def _open_student(args: argparse.Namespace, *, first: bool) -> Base:
    """The base model; the bundled one, and a line that says so, where the default is away."""
    from gistill.distill.base import open_base
    from gistill.errors import EngineFailed

    how: Any = {"device": args.device, "precision": args.precision, "offline": args.offline}
    try:
        base = open_base(args.model, **how)
    except EngineFailed as error:
        if args.model != DEFAULT_MODEL:
            raise
        if first:
            _say(f"note: {error}; the bundled model is used instead")
        base = open_base("bundled", **how)
    if base.name.endswith(".gguf"):
        raise BadInput(f"an adapter of {args.model} could not be opened again; give bundled or a "
                       "folder that save_pretrained wrote")  # fmt: skip
    return base


def run_export(args: argparse.Namespace) -> int:
    """Writes the runnable forms of an adapter, and compares each with the trained model."""
    from gistill.distill import export

    forms = [form.strip() for form in args.to.split(",") if form.strip()]
    if unknown := [form for form in forms if form not in FORMS] or (not forms and ["nothing"]):
        raise BadInput(f"cannot export to {unknown[0]}; choose of {', '.join(FORMS)}")
    return export.run(
        args.adapter, args.out, forms, data=args.data, prompts=args.prompts,
        offline=args.offline, say=_say,
    )  # fmt: skip


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
