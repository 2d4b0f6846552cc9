"""The folder of a run: `run.json`, everything needed to repeat it, and `predictions.jsonl`.

A kill at any moment leaves both readable: the record is replaced as a whole, and of the predictions
at most the last line is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gistill.artifacts.files import save
from gistill.errors import BadInput
from gistill.models.lock import locked

FORMAT = 1
RUN, PREDICTIONS, _LOCK = "run.json", "predictions.jsonl", ".lock"
# What must be the same for two runs to be one: the rest is where, when and by which flags.
_IDENTITY = ("format", "system", "settings", "split", "domain", "data", "gistill")
_FIELDS = {
    "meeting_id": str,
    "domain": str,
    "kind": str,
    "index": int,
    "query": str,
    "reference": str,
    "summary": str,
    "cites": list,
    "support": int | float,
    "cited": int | float,
    "tokens_in": int,
    "tokens_out": int,
    "seconds": int | float,
    "notes": list,
}

Record = dict[str, Any]
Row = dict[str, Any]


def key(row: Mapping[str, Any]) -> str:
    """The question's key, as `Query.key`."""
    return f"{row['meeting_id']}/{row['kind']}/{row['index']}"


def load(folder: Path) -> tuple[Record, list[Row]]:
    """The record and the rows of a run, a row a question.

    Raises: BadInput if `folder` holds none, or none of this format.
    """
    record = _read_record(folder)
    if record is None:
        raise BadInput(f"{folder} holds no run; make one with: gistill bench qmsum run")
    if record.get("format") != FORMAT:
        raise BadInput(f"{folder} holds a run of format {record.get('format')}, not {FORMAT}")
    if missing := [name for name in _IDENTITY if name not in record]:
        raise BadInput(f"{folder / RUN} lacks {', '.join(missing)}; run it again in another folder")
    rows = read_rows(folder / PREDICTIONS)
    if not rows:
        raise BadInput(f"the run in {folder} has answered nothing yet; give its command again")
    return record, list({key(row): row for row in rows}.values())


def read_rows(path: Path) -> list[Row]:
    """The whole lines of a file of predictions; none if there is no file.

    Raises: BadInput if a line other than the last is broken, or the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; name another folder") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            row = json.loads(line)
            whole = isinstance(row, dict) and all(
                isinstance(row.get(name), kind) for name, kind in _FIELDS.items()
            )
        except ValueError:
            if number == len(lines):
                break  # a kill has cut it
            whole = False
        if not whole:
            raise BadInput(f"{path} is broken in line {number}; remove that line")
        rows.append(row)
    return rows


def write_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Puts `rows` in the place of those that are there. Raises: BadInput if it cannot."""
    save(folder / PREDICTIONS, map(_line, rows))


def append(folder: Path, row: Row) -> None:
    """Adds a row to those that are there. Raises: BadInput if it cannot."""
    path = folder / PREDICTIONS
    try:
        with path.open("ab") as file:
            file.write(_line(row))
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}; the same command goes on") from None


def write_record(folder: Path, record: Record) -> None:
    """Raises: BadInput if it cannot."""
    save(folder / RUN, [json.dumps(record, indent=1).encode()])


@contextmanager
def begun(folder: Path, record: Record) -> Iterator[Record]:
    """Holds the folder for the run that `record` describes; gives its record so far, empty if there
    is none.

    Raises: BadInput if another run is kept there, another process is at work there, or the folder
    cannot be written.
    """

    def refuse() -> None:
        raise BadInput(f"another process is at work in {folder}; wait, or name another --out")

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _LOCK).touch()
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}; name another --out") from None
    with locked(folder / _LOCK, refuse):
        before = _checked(folder, record)
        if not before:
            write_record(folder, record)
        yield before


def _checked(folder: Path, record: Record) -> Record:
    if not (folder / RUN).is_file():
        if (folder / PREDICTIONS).exists():
            raise BadInput(f"{folder / PREDICTIONS} has no {RUN} beside it; name another --out")
        return {}
    before = _read_record(folder)
    if before is None:
        raise BadInput(f"{folder / RUN} is broken; name another --out")
    now = json.loads(json.dumps(record))
    if other := [name for name in _IDENTITY if before.get(name) != now[name]]:
        raise BadInput(f"{folder} holds a run with another {', '.join(other)}; name another --out")
    return before


def _read_record(folder: Path) -> Record | None:
    try:
        record = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode()
