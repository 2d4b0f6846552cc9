"""A system over a split: a line a question as it is answered, so that a run can be gone on with.

The folder gets `run.json`, everything needed to repeat it, and `predictions.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gistill import __version__
from gistill.bench.qmsum import Query
from gistill.bench.systems import Latest, Options, Output, System
from gistill.cost import CostTracker
from gistill.errors import BadInput
from gistill.grounding import Evidence, support_rate
from gistill.teacher.generation import claimed_sentences

FORMAT = 1
RUN, PREDICTIONS = "run.json", "predictions.jsonl"
# What must be the same for two runs to be one: the rest is where and when.
_IDENTITY = ("format", "system", "options", "settings", "split", "domain", "data", "gistill")

Row = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be answered: the questions of a split, or of one domain of it."""

    system: str
    options: Options
    split: str
    domain: str | None
    queries: Sequence[Query]


def run(job: Job, system: System, out: Path, *, limit: int | None, say: Say) -> list[Row]:
    """Answers the first `limit` questions that `out` has no answer to yet; returns all rows.

    Raises: BadInput if `out` holds another run; GistillError from the system.
    """
    record = _record(job, system)
    out.mkdir(parents=True, exist_ok=True)
    before = _checked(out, record)
    rows = {key(row): row for row in read_rows(out / PREDICTIONS)}
    _write_rows(out / PREDICTIONS, rows.values())  # without the line a kill may have cut
    wanted = job.queries[:limit]
    missing = [query for query in wanted if query.key not in rows]
    if rows:
        say(f"{len(wanted) - len(missing)} of {len(wanted)} questions are answered already")
    evidence = Latest(lambda meeting: Evidence(meeting.segments))
    began = time.monotonic()
    with CostTracker() as tracker, (out / PREDICTIONS).open("a", encoding="utf-8") as file:
        try:
            for number, query in enumerate(missing, 1):
                row = _answered(system, query, evidence)
                rows[query.key] = row
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                left = (time.monotonic() - began) / number * (len(missing) - number)
                say(
                    f"{number}/{len(missing)} {query.key} {row['seconds']:.1f} s, {left:.0f} s left"
                )
        finally:
            cost = tracker.cost()
            record["cost"] = _added(before.get("cost", {}), asdict(cost))
            record["answered"] = len(rows)
            (out / RUN).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return [rows[query.key] for query in wanted]


def load(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """The record and the rows of a run.

    Raises: BadInput if `folder` holds none, or none of this format.
    """
    try:
        record = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"{folder} holds no run; make one with: gistill bench qmsum run") from None
    if record.get("format") != FORMAT:
        raise BadInput(f"{folder} holds a run of format {record.get('format')}, not {FORMAT}")
    rows = read_rows(folder / PREDICTIONS)
    if not rows:
        raise BadInput(f"the run in {folder} has answered nothing yet; give its command again")
    return record, rows


def key(row: Mapping[str, Any]) -> str:
    """The question's key, as `Query.key`."""
    return f"{row['meeting_id']}/{row['kind']}/{row['index']}"


def read_rows(path: Path) -> list[Row]:
    """The whole lines of a file of predictions; none if there is no file.

    Raises: BadInput if a line other than the last is broken.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise BadInput(f"{path} is broken in line {number}; remove that line") from None
    return rows


def _answered(system: System, query: Query, evidence: Latest[Evidence]) -> Row:
    began = time.monotonic()
    output = system.answer(query.meeting, query.question)
    seconds = output.seconds or time.monotonic() - began
    return _row(query, output, seconds, evidence(query.meeting))


def _row(query: Query, output: Output, seconds: float, evidence: Evidence) -> Row:
    """`support` and `cited` are shares of the summary's sentences, measured the same way for all
    systems, against the whole meeting."""
    claims = evidence.ground(claimed_sentences(output.summary, cut=False))
    grounded = dict.fromkeys(cite for claim in claims for cite in claim.cites)
    return {
        "meeting_id": query.meeting.id,
        "domain": query.meeting.domain,
        "kind": query.kind,
        "index": query.index,
        "query": query.question.text,
        "reference": query.question.answer,
        "summary": output.summary,
        "cites": list(output.cites or grounded),
        "cites_by": "system" if output.cites else "grounding",
        "support": support_rate(claims),
        "cited": round(sum(bool(c.cites) for c in claims) / len(claims), 4) if claims else 0.0,
        "tokens_in": output.tokens_in,
        "tokens_out": output.tokens_out,
        "seconds": round(seconds, 4),
        "notes": list(output.notes),
    }


def _record(job: Job, system: System) -> dict[str, Any]:
    meetings = {query.meeting.id: query.meeting for query in job.queries}
    digest = hashlib.sha256()
    for query in job.queries:
        digest.update(f"{query.key}\n{query.question.text}\n{query.question.answer}\n".encode())
    for meeting in meetings.values():
        digest.update("\n".join(segment.text for segment in meeting.segments).encode())
    return {
        "format": FORMAT,
        "system": job.system,
        "options": asdict(job.options),
        "settings": dict(system.settings()),
        "split": job.split,
        "domain": job.domain,
        "data": {
            "meetings": len(meetings),
            "queries": len(job.queries),
            "sha256": digest.hexdigest(),
        },
        "gistill": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "packages": _packages(),
    }


def _packages() -> dict[str, str]:
    found = {}
    for name in ("numpy", "bm25s", "wordllama", "nupunkt", "openvino-genai", "torch",
                 "transformers", "ctranslate2"):  # fmt: skip
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _checked(out: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of the run in `out` so far, empty if there is none."""
    path = out / RUN
    if not path.is_file():
        if (out / PREDICTIONS).exists():
            raise BadInput(f"{out / PREDICTIONS} has no {RUN} beside it; name another --out")
        (out / RUN).write_text(json.dumps(record, indent=1), encoding="utf-8")
        return {}
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{path} is broken; name another --out") from None
    now = json.loads(json.dumps(record))
    if other := [name for name in _IDENTITY if before.get(name) != now[name]]:
        raise BadInput(f"{out} holds a run with another {', '.join(other)}; name another --out")
    return before


def _added(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The cost of a run that was gone on with: times and energy add up, peaks do not."""
    total = dict(now)
    for name, value in before.items():
        mine = total.get(name)
        if mine is None or value is None:
            total[name] = value if mine is None else mine
        else:
            total[name] = max(mine, value) if name.startswith("peak") else round(mine + value, 3)
    return total


def _write_rows(path: Path, rows: Any) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
