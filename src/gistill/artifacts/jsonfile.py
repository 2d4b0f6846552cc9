"""summary.json: the whole result and the segments it stands on, enough to show it again.

Everything that differs between two identical runs is under the key "run"; the rest has the same
bytes every time. `summary.schema.json` beside this module describes the format.
"""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gistill
from gistill.errors import BadInput
from gistill.types import (
    Chunk,
    Claim,
    Coverage,
    Done,
    Locator,
    Merge,
    Plan,
    Segment,
    Source,
    Spend,
    Step,
    Summary,
    Thread,
    Unread,
    Unreadable,
)

FORMAT = "gistill-summary"
VERSION = 1

Json = dict[str, Any]


def render(done: Done, thread: Thread) -> str:
    """The file's text: indented, but long lists with one record a line."""
    return "".join(pieces(done, thread))


def pieces(done: Done, thread: Thread) -> Iterator[str]:
    """The same, piece by piece: a long thread's records are never in memory all at once."""
    before = "{\n"
    for key, value in _members(done, thread).items():
        yield f"{before}  {_encode(key)}: "
        before = ",\n"
        if isinstance(value, Iterator):
            opening = "[\n    "
            for row in value:
                yield opening + _encode(row)
                opening = ",\n    "
            yield "\n  ]" if opening[0] == "," else "[]"
        elif key == "coverage":  # its lists of ids may be as long as the thread
            yield _encode(value)
        else:  # a line end inside a JSON string is written \n
            yield _encode(value, indent=2).replace("\n", "\n  ")
    yield "\n}\n"


def _encode(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    # UTF-8 has no unpaired surrogates; this writes them as JSON escapes.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def dump(done: Done, thread: Thread) -> Json:
    """`done` as plain data, with all of the thread's segments and its sources' names."""
    members = _members(done, thread)
    return {k: list(v) if isinstance(v, Iterator) else v for k, v in members.items()}


def _members(done: Done, thread: Thread) -> Json:
    """The members of the file in order, the long lists as iterators."""
    whole = {segment.id: segment for segment in thread.segments}
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": thread.title,
        "query": done.query,
        "text": done.text,
        "engine": done.engine,
        "support_rate": done.support_rate,
        "coverage": {
            "read": done.coverage.read,
            "total": done.coverage.total,
            "share": done.coverage.share,
            "unread": [
                {"reason": u.reason, "tokens": u.tokens, "segments": list(u.segments)}
                for u in done.coverage.unread
            ],
        },
        "positions": list(done.positions),
        "plan": _plan(done.plan),
        "spend": {
            "calls": done.spend.calls + done.spend.reused,
            "tokens_in": done.spend.tokens_in,
            "tokens_out": done.spend.tokens_out,
        },
        "spent": [_step(step) for step in done.spent],
        "notices": list(done.notices),
        "failures": list(done.failures),
        "participants": list(thread.participants),
        "present": list(thread.present),
        "notes": list(thread.notes),
        "unread_files": [{"name": f.name, "why": f.why} for f in thread.unread],
        "sources": [{"name": s.name, "sha256": s.sha256} for s in thread.sources],
        "summary": _summary(done.summary),
        "local": map(_claim, done.local),
        "chunks": (_chunk(chunk, whole) for chunk in done.chunks),
        "segments": map(_segment, thread.segments),
        "run": _run(done),
    }


def _run(done: Done) -> Json:
    return {
        "id": done.run,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "calls": done.spend.calls,
        "reused": done.spend.reused,
        "seconds": done.spend.seconds,
        "cpu_seconds": done.spend.cpu_seconds,
        "peak_rss": done.spend.peak_rss,
        "peak_vram": done.spend.peak_vram,
        "joules": done.spend.joules,
        # A plan reckons with the speed measured so far, which no two runs share.
        "planned_seconds": [step.seconds for step in done.plan.steps],
        "spent_seconds": [step.seconds for step in done.spent],
        "versions": {"gistill": gistill.__version__, "python": platform.python_version()},
    }


def _plan(plan: Plan) -> Json:
    steps = [_step(step) for step in plan.steps]
    return {**asdict(plan), "given_up": list(plan.given_up), "steps": steps}


def _step(step: Step) -> Json:
    row = asdict(step)
    del row["seconds"]  # in "run"
    return row


def _summary(node: Summary) -> Json:
    return {
        "id": node.id,
        "level": node.level,
        "by": node.by,
        "chunk": node.chunk,
        "gap": node.gap,
        "claims": [_claim(claim) for claim in node.claims],
        "children": [_summary(child) for child in node.children],
    }


def _claim(claim: Claim) -> Json:
    return {
        "text": claim.text,
        "cites": list(claim.cites),
        "support": claim.support,
        "flags": list(claim.flags),
        "merged": [
            {"text": m.text, "cites": list(m.cites), "score": m.score, "reason": m.reason}
            for m in claim.merged
        ],
    }


def _chunk(chunk: Chunk, whole: dict[str, Segment]) -> Json:
    # The id stands for a whole segment; only a piece of a cut one is written out.
    rows = [s.id if whole.get(s.id) == s else _segment(s) for s in chunk.segments]
    return {"id": chunk.id, "tokens": chunk.tokens, "overlap": chunk.overlap, "segments": rows}


def _segment(segment: Segment) -> Json:
    at = _locator(segment.at)
    row: Json = {"id": segment.id, "kind": segment.kind, "at": at, "text": segment.text}
    if segment.speaker is not None:
        row["speaker"] = segment.speaker
    if segment.when is not None:
        row["when"] = segment.when.isoformat()
    if segment.reply_to is not None:
        row["reply_to"] = segment.reply_to
    if segment.also:
        row["also"] = [_locator(at) for at in segment.also]
    return row


def _locator(at: Locator) -> Json:
    row: Json = {"source": at.source, "span": list(at.span)}
    if at.pointer is not None:
        row["pointer"] = at.pointer
    if at.time is not None:
        row["time"] = list(at.time)
    if at.page is not None:
        row["page"] = at.page
    if at.box is not None:
        row["box"] = list(at.box)
    return row


def read(path: Path) -> tuple[Done, Thread]:
    """The result in the file at `path`; see `load`.

    Raises: BadInput if it cannot be read or is not such a file.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON ({error}); give a summary.json") from error
    return load(data)


def load(data: Json) -> tuple[Done, Thread]:
    """What `dump` was given; the sources come back with their names but without their text.

    Raises: BadInput if `data` has another format, or a version that this gistill does not know.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise BadInput("this is not a summary.json of gistill; give one it wrote")
    if data.get("version") != VERSION:
        raise BadInput(
            f"this summary.json has version {data.get('version')!r} and this gistill reads "
            f"{VERSION}; update gistill or run the summary again"
        )
    try:
        return _load(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"this summary.json is damaged ({error!r}); run the summary again"
        ) from error


def _load(data: Json) -> tuple[Done, Thread]:
    thread = Thread(
        segments=tuple(_to_segment(row) for row in data["segments"]),
        sources=tuple(Source(s["name"], s["sha256"], "") for s in data["sources"]),
        title=data["title"],
        notes=tuple(data["notes"]),
        unread=tuple(Unreadable(f["name"], f["why"]) for f in data.get("unread_files", ())),
        present=tuple(data.get("present", ())),
    )
    whole = {segment.id: segment for segment in thread.segments}
    coverage, spend, run = data["coverage"], data["spend"], data["run"]
    done = Done(
        text=data["text"],
        summary=_to_summary(data["summary"]),
        local=_to_claims(data["local"]),
        chunks=tuple(_to_chunk(row, whole) for row in data["chunks"]),
        plan=_to_plan(data["plan"], run["planned_seconds"]),
        coverage=Coverage(
            read=coverage["read"],
            total=coverage["total"],
            unread=tuple(
                Unread(u["reason"], u["tokens"], tuple(u["segments"])) for u in coverage["unread"]
            ),
        ),
        positions=tuple(data["positions"]),
        support_rate=data["support_rate"],
        spend=Spend(
            calls=run["calls"],
            reused=run["reused"],
            tokens_in=spend["tokens_in"],
            tokens_out=spend["tokens_out"],
            seconds=run["seconds"],
            cpu_seconds=run["cpu_seconds"],
            peak_rss=run["peak_rss"],
            peak_vram=run.get("peak_vram"),  # this and more was added later
            joules=run.get("joules"),
        ),
        engine=data["engine"],
        query=data["query"],
        notices=tuple(data["notices"]),
        failures=tuple(data["failures"]),
        run=run["id"],
        spent=_to_steps(data.get("spent", []), run.get("spent_seconds", [])),
    )
    return done, thread


def _to_segment(row: Json) -> Segment:
    when = row.get("when")
    return Segment(
        id=row["id"],
        text=row["text"],
        at=_to_locator(row["at"]),
        speaker=row.get("speaker"),
        kind=row["kind"],
        when=None if when is None else dt.datetime.fromisoformat(when),
        reply_to=row.get("reply_to"),
        also=tuple(_to_locator(at) for at in row.get("also", ())),
    )


def _to_locator(row: Json) -> Locator:
    box: Any = row.get("box")
    return Locator(
        source=row["source"],
        span=_pair(row["span"]),
        pointer=row.get("pointer"),
        time=_pair(row.get("time")),
        page=row.get("page"),
        box=None if box is None else tuple(box),
    )


def _pair(values: Sequence[Any] | None) -> Any:
    return None if values is None else (values[0], values[1])


def _to_summary(row: Json) -> Summary:
    return Summary(
        id=row["id"],
        claims=_to_claims(row["claims"]),
        level=row["level"],
        by=row["by"],
        children=tuple(_to_summary(child) for child in row["children"]),
        chunk=row["chunk"],
        gap=row["gap"],
    )


def _to_claims(rows: list[Json]) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            text=row["text"],
            cites=tuple(row["cites"]),
            support=row["support"],
            flags=tuple(row["flags"]),
            merged=tuple(
                Merge(m["text"], tuple(m["cites"]), m["score"], m["reason"]) for m in row["merged"]
            ),
        )
        for row in rows
    )


def _to_chunk(row: Json, whole: dict[str, Segment]) -> Chunk:
    segments = tuple(whole[s] if isinstance(s, str) else _to_segment(s) for s in row["segments"])
    return Chunk(row["id"], segments, row["tokens"], row["overlap"])


def _to_plan(row: Json, seconds: list[float]) -> Plan:
    steps = _to_steps(row["steps"], seconds)
    return Plan(**{**row, "steps": steps, "given_up": tuple(row["given_up"])})


def _to_steps(rows: list[Json], seconds: list[float]) -> tuple[Step, ...]:
    return tuple(Step(**row, seconds=took) for row, took in zip(rows, seconds, strict=True))
