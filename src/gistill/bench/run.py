"""A system over a split: a line a question as it is answered, so that a run can be gone on with."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gistill import __version__
from gistill.bench import folder
from gistill.bench.folder import PREDICTIONS, Record, Row
from gistill.bench.qmsum import Query
from gistill.bench.systems import Batching, Latest, Options, Output, System
from gistill.cost import CostTracker
from gistill.grounding import Evidence, support_rate
from gistill.teacher.generation import claimed_sentences

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

    Raises: BadInput if `out` holds another run or cannot be written; GistillError from the system.
    """
    record = _record(job, system)
    with folder.begun(out, record) as before:
        kept = {folder.key(row): row for row in folder.read_rows(out / PREDICTIONS)}
        rows = _ordered(job, kept)
        folder.write_rows(out, rows.values())  # without the line that a kill may have cut
        wanted = job.queries[:limit]
        missing = [query for query in wanted if query.key not in rows]
        if rows:
            say(f"{len(wanted) - len(missing)} of {len(wanted)} questions are answered already")
        with CostTracker() as tracker:
            try:
                for row in _answered(job, system, missing, say):
                    folder.append(out, row)
                    rows[folder.key(row)] = row
                    _account(out, record, before, tracker, len(rows))
            finally:
                _account(out, record, before, tracker, len(rows))
                folder.write_rows(out, _ordered(job, rows).values())
    return [rows[query.key] for query in wanted]


def _answered(job: Job, system: System, missing: Sequence[Query], say: Say) -> Iterator[Row]:
    evidence = Latest(lambda meeting: Evidence(meeting.segments))
    began = time.monotonic()
    for number, (query, output, seconds) in enumerate(_outputs(job, system, missing), 1):
        yield _row(query, output, seconds, evidence(query.meeting))
        left = (time.monotonic() - began) / number * (len(missing) - number)
        say(f"{number}/{len(missing)} {query.key} {seconds:.1f} s, {left:.0f} s left")


def _outputs(
    job: Job, system: System, missing: Sequence[Query]
) -> Iterator[tuple[Query, Output, float]]:
    """Answers as they come, with their seconds."""
    size = job.options.batch
    if size == 1 or not isinstance(system, Batching):
        for query in missing:
            began = time.monotonic()
            output = system.answer(query.meeting, query.question)
            yield query, output, output.seconds or time.monotonic() - began
        return
    for start in range(0, len(missing), size):
        part = missing[start : start + size]
        for index, output in system.answers([(q.meeting, q.question) for q in part]):
            yield part[index], output, output.seconds


def _ordered(job: Job, rows: Mapping[str, Row]) -> dict[str, Row]:
    """By key, in the order of the questions."""
    return {query.key: rows[query.key] for query in job.queries if query.key in rows}


def _account(
    out: Path, record: Record, before: Record, tracker: CostTracker, answered: int
) -> None:
    """Writes down what was spent so far: a kill leaves the account of all but what it hit."""
    cost = _added(before.get("cost", {}), asdict(tracker.cost()))
    folder.write_record(out, record | {"cost": cost, "answered": answered})


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
        "format": folder.FORMAT,
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
