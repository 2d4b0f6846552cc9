"""One SQLite file that remembers every finished generation, every run, and how long engines took.

Results are content-addressed: the key names everything that could change the answer, so a hit is
always right, a kill loses nothing that was finished, and a thread that grew recomputes only what
its new end touches. WAL and a busy timeout make several processes on one file safe.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from gistill.errors import BadInput, GistillError

_SCHEMA = """
create table if not exists results (
    key text primary key, stage text not null, value text not null, used real not null);
create table if not exists runs (
    id text primary key, started real not null, status text not null, title text not null,
    settings text not null, result text);
create table if not exists timings (
    id integer primary key, engine text not null, machine text not null,
    tokens_in integer not null, tokens_out integer not null, calls integer not null,
    beams integer not null, seconds real not null, cold integer not null,
    allowed integer not null);
create table if not exists names (run text primary key, names text not null);
create index if not exists results_used on results (used);
create index if not exists runs_started on runs (started);
create index if not exists timings_of on timings (engine, machine);
drop table if exists batches; -- of early stores
"""
_PATIENCE = 0.5  # seconds to wait for one's own use of the store, at its end
_BUSY = 30.0  # seconds to wait for another process's write
_OBSERVATIONS = 50  # kept of an engine on a machine


def key(stage: str, *parts: object) -> str:
    """The address of a result: sha256 over the stage and everything its value depends on."""
    return hashlib.sha256(
        json.dumps([stage, *parts], ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """A past run as the store lists it; `status` is running, done or interrupted."""

    id: str
    started: float
    status: str
    title: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine did in one batch, and the seconds of wall time that it took.

    A `cold` batch was the first that the engine got, and bears the time it took to start up.
    `allowed` is how many tokens it might have written; 0 where nobody knows.
    """

    tokens_in: int
    tokens_out: int
    calls: int
    beams: int
    seconds: float
    cold: bool = False
    allowed: int = 0


class Store:
    """The store at `path`; `:memory:` keeps nothing.

    A corrupt file is set aside under a new name and said in `notes`, never deleted. When the disk
    is full, results are no longer kept and `notes` says so once; the run goes on.
    """

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.path = path
        self.notes: list[str] = []
        self._full = False
        self._using = threading.Lock()
        if isinstance(path, Path):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BadInput(
                    f"the store folder {path.parent} cannot be made: {error.strerror}; "
                    "set GISTILL_HOME to a folder you can write to"
                ) from None
        try:
            self._db = self._open()
        except sqlite3.OperationalError as error:
            raise BadInput(
                f"the store {path} cannot be opened: {error}; set GISTILL_HOME to another folder"
            ) from None
        except sqlite3.DatabaseError as error:
            aside = self._set_aside()
            self.notes.append(f"the store was corrupt ({error}); it is set aside as {aside.name}")
            self._db = self._open()
        self._finalizer = weakref.finalize(self, _close, self._db, self._using)

    def _open(self) -> sqlite3.Connection:
        # Autocommit: each put is one durable transaction, so a kill loses no finished result.
        db = sqlite3.connect(
            self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            _log_writes(db)
            db.execute("pragma synchronous=normal")
            db.executescript(_SCHEMA)
            # Reads a page of every table: a file that only looks sound is found out here.
            for table in ("results", "runs", "timings"):
                db.execute(f"select count(*) from (select 1 from {table} limit 100)").fetchone()
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _set_aside(self) -> Path:
        path = Path(self.path)
        number = 1
        while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
            number += 1
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            extra = path.with_name(path.name + suffix)
            if extra.exists():
                extra.rename(aside.with_name(aside.name + suffix))
        return aside

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._using:
                yield
        except sqlite3.OperationalError as error:
            # Locked beyond the timeout, full or read-only: the run matters more than its record.
            if not self._full:
                self._full = True
                self.notes.append(f"results are no longer kept: {error} ({self.path})")
        except sqlite3.DatabaseError as error:
            raise GistillError(
                f"the store {self.path} broke while in use ({error}); run again: it is set aside "
                "then and a new one begun"
            ) from error

    def get(self, key: str) -> Any | None:
        """The value kept under `key`, or None."""
        row = None
        with self._writing():
            row = self._db.execute("select value from results where key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, stage: str, value: Any) -> None:
        """Keeps a JSON value; durable when this returns."""
        if self._full:
            return
        with self._writing():
            self._db.execute(
                "insert or replace into results values (?, ?, ?, ?)",
                (key, stage, json.dumps(value, ensure_ascii=False), time.time()),
            )

    def touch(self, keys: list[str]) -> None:
        """Marks results as used now, so that pruning takes older ones first."""
        if self._full:
            return
        with self._writing():
            self._db.executemany(
                "update results set used = ? where key = ?", [(time.time(), k) for k in keys]
            )

    def observe(self, engine: str, machine: str, seen: Observation) -> None:
        """Keeps how long an engine took on a machine; the oldest of many goes."""
        if self._full:
            return
        with self._writing():
            self._db.execute(
                "insert into timings values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (engine, machine, *astuple(seen)),
            )
            self._db.execute(
                "delete from timings where engine = ?1 and machine = ?2 and id not in "
                "(select id from timings where engine = ?1 and machine = ?2 "
                "order by id desc limit ?3)",
                (engine, machine, _OBSERVATIONS),
            )

    def observations(self, engine: str, machine: str) -> list[Observation]:
        """What was kept of an engine on a machine, oldest first."""
        rows: list[tuple[Any, ...]] = []
        with self._writing():
            rows = self._db.execute(
                "select tokens_in, tokens_out, calls, beams, seconds, cold, allowed from timings "
                "where engine = ? and machine = ? order by id",
                (engine, machine),
            ).fetchall()
        return [
            Observation(a, b, c, d, e, cold=bool(cold), allowed=allowed)
            for a, b, c, d, e, cold, allowed in rows
        ]

    def begin(self, id: str, title: str, settings: dict[str, Any]) -> None:
        """Records that a run has started; a run with the same id is begun anew."""
        with self._writing():
            self._db.execute(
                "insert or replace into runs values (?, ?, 'running', ?, ?, null)",
                (id, time.time(), title, json.dumps(settings, ensure_ascii=False)),
            )

    def finish(self, id: str, status: str, result: dict[str, Any] | None = None) -> None:
        """Records how a run ended, with its whole result when it has one."""
        value = None if result is None else json.dumps(result, ensure_ascii=False)
        with self._writing():
            self._db.execute(
                "update runs set status = ?, result = ? where id = ?", (status, value, id)
            )

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        rows = self._db.execute(
            "select id, started, status, title, settings from runs order by started desc limit ?",
            (limit,),
        ).fetchall()
        return [Run(i, at, status, title, json.loads(s)) for i, at, status, title, s in rows]

    def result(self, id: str) -> dict[str, Any] | None:
        """The stored result of the run whose id starts with `id`.

        Raises: BadInput if no run or several runs match.
        """
        row = self._db.execute("select result from runs where id = ?", (self.find(id),)).fetchone()
        return None if row[0] is None else json.loads(row[0])

    def find(self, id: str) -> str:
        """The whole id of the run whose id starts with `id`. Raises: BadInput as `result` does."""
        rows = self._db.execute(
            "select id from runs where substr(id, 1, ?) = ?", (len(id), id)
        ).fetchall()
        if len(rows) != 1:
            found = "no run" if not rows else f"{len(rows)} runs"
            raise BadInput(f"{found} with an id that starts {id!r}; see: gistill runs")
        return str(rows[0][0])

    def names(self, id: str) -> dict[str, str]:
        """What the speakers of run `id` are called instead, by their own names."""
        row = self._db.execute("select names from names where run = ?", (id,)).fetchone()
        return {} if row is None else dict(json.loads(row[0]))

    def rename(self, id: str, names: dict[str, str]) -> None:
        """Keeps other names for the speakers of run `id`, in place of those kept before."""
        value = json.dumps(names, ensure_ascii=False)
        with self._writing():
            self._db.execute("insert or replace into names values (?, ?)", (id, value))

    def size(self) -> int:
        """Bytes of the database, freed pages left out."""
        (pages,) = self._db.execute("pragma page_count").fetchone()
        (free,) = self._db.execute("pragma freelist_count").fetchone()
        (page,) = self._db.execute("pragma page_size").fetchone()
        return int((pages - free) * page)

    def prune(self, *, keep_runs: int, max_bytes: int) -> tuple[int, int]:
        """Deletes all but the newest runs, then the longest unused results, until small enough.

        Returns how many runs and results went.
        """
        cursor = self._db.execute(
            "delete from runs where status != 'running' and id not in "
            "(select id from runs order by started desc limit ?)",
            (keep_runs,),
        )
        self._db.execute("delete from names where run not in (select id from runs)")
        runs, results = cursor.rowcount, 0
        while self.size() > max_bytes:
            gone = self._db.execute(
                "delete from results where key in (select key from results order by used limit 500)"
            ).rowcount
            if not gone:
                break
            results += gone
        self._db.execute("vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)")
        return runs, results

    def close(self) -> None:
        """Closes the file; a thread that still uses the store gets a GistillError."""
        self._finalizer()


def _close(db: sqlite3.Connection, using: threading.Lock) -> None:
    """Closes `db` between two uses of it: work that was left behind may still be at it, and
    sqlite3 crashes where a connection is closed in the midst of a query. Where such a use takes
    long, the connection is left open: nothing is lost by that."""
    if using.acquire(timeout=_PATIENCE):
        with suppress(sqlite3.Error):
            db.close()
        using.release()


def _log_writes(db: sqlite3.Connection) -> None:
    """Turns on write-ahead logging.

    While two processes make one new file, SQLite refuses the switch to one of them at once,
    whatever its timeout says; so the wait is here.
    """
    patience = time.monotonic() + _BUSY
    while True:
        try:
            db.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
        time.sleep(0.02)
