#!/usr/bin/env python3
"""Summarizes one thread hierarchically and leaves the files that distillation starts from.

Writes into --out_dir: global_summary.txt (the fused summary), local_summaries.txt (the
deduplicated local summaries as bullets), distill_data/ (a Hugging Face DatasetDict with train, dev
and test), and the usual summary.json, summary.md and report.html.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from gistill import Options, load, summarize
from gistill.artifacts import files
from gistill.distill import dataset, hierarchy
from gistill.engines import Engine, open_engine, open_or_select, specs
from gistill.errors import EngineFailed, GistillError, MissingExtra
from gistill.progress import Reporter, account_of
from gistill.session import open_store
from gistill.teacher.generation import Generation
from gistill.types import Done

DEFAULT_MODEL = "google/flan-t5-small"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=Path("data/long_thread.txt"))
    parser.add_argument("--out_dir", type=Path, default=Path("outputs/hierarchy"))
    parser.add_argument("--max_tokens", type=int, default=1024, help="tokens of a chunk")
    parser.add_argument("--overlap", type=int, default=128, help="tokens shared by neighbours")
    parser.add_argument("--local_len", type=int, default=128, help="tokens of a local summary")
    parser.add_argument("--global_len", type=int, default=200, help="tokens of the summary")
    parser.add_argument("--dedupe_thr", type=float, default=0.92, help="cosine of duplicates")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help=f"a hub id, a path or an engine SPEC ({DEFAULT_MODEL}; bundled if out of reach)",
    )
    try:
        return run(parser.parse_args())
    except GistillError as error:
        print(f"run_hierarchy: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("run_hierarchy: interrupted; finished work is kept: run it again", file=sys.stderr)
        return 130


def run(args: argparse.Namespace) -> int:
    if importlib.util.find_spec("datasets") is None:
        raise MissingExtra("writing distill_data", "train")  # before the long part, not after it
    options = Options(
        max_tokens=args.max_tokens,
        overlap=args.overlap,
        local_len=args.local_len,
        global_len=args.global_len,
        dedupe_thr=args.dedupe_thr,
    )
    thread = load(args.input)
    engine = open_model(args.model)
    store = open_store()
    with Reporter() as reporter:
        for event in summarize(thread, engine, options=options, store=store):
            reporter.show(event)
            if isinstance(event, Done):
                done = event
        found = hierarchy.rows(done, thread, Generation(engine, store), options)
        parts = hierarchy.split(found, done.chunks)
        written = files.write_texts(done, args.out_dir) + files.write(done, thread, args.out_dir)
        dataset.save(parts, args.out_dir / "distill_data")
        for path in [*written, args.out_dir / "distill_data"]:
            reporter.say(f"wrote {path}")
        sizes = ", ".join(f"{name} {len(part)}" for name, part in parts.items())
        reporter.say(f"distill_data: {sizes} (of {len(found)} rows; the rest touch two splits)")
        reporter.say(account_of(done))
    store.close()
    print(done.text)
    return 1 if done.failures else 0


def open_model(name: str) -> Engine:
    """The engine for --model; the bundled one, and a line that says so, where a hub is away."""
    spec = name if name.partition(":")[0] in specs() else f"hf:{name}"
    try:
        return open_engine(spec)
    except (EngineFailed, MissingExtra) as error:
        if name != DEFAULT_MODEL:
            raise
        print(f"note: {error}", file=sys.stderr)
    engine, notice = open_or_select("bundled")
    print(f"note: {notice or 'the bundled model is used instead'}", file=sys.stderr)
    return engine


if __name__ == "__main__":
    sys.exit(main())
