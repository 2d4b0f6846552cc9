"""Writes artifacts to a folder: each file whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from gistill.artifacts import jsonfile, markdown, report, text
from gistill.errors import BadInput
from gistill.types import Done, Thread

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission denied; choose a folder you may write to",
    errno.EPERM: "permission denied; choose a folder you may write to",
    errno.ENOTDIR: "a file is in the way of a folder; choose another folder or move the file",
    errno.EEXIST: "a file is in the way of a folder; choose another folder or move the file",
    errno.EISDIR: "a folder of that name is in the way; choose another folder or move it",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def write(done: Done, thread: Thread, out_dir: Path) -> list[Path]:
    """Writes summary.json, summary.md and report.html; makes `out_dir` where it is missing.

    Raises: BadInput if the folder or a file cannot be written. Files already written stay.
    """
    page = report.render(done, thread, beside=out_dir)
    return [
        save(out_dir / "summary.json", map(str.encode, jsonfile.pieces(done, thread))),
        save(out_dir / "summary.md", [markdown.render(done, thread).encode("utf-8")]),
        save(out_dir / "report.html", [page.encode("utf-8")]),
    ]


def write_texts(done: Done, out_dir: Path) -> list[Path]:
    """Writes global_summary.txt (the summary) and local_summaries.txt (the notes as bullets).

    Raises: BadInput, as `write` does.
    """
    return [
        save(out_dir / "global_summary.txt", [text.bare(done).encode("utf-8")]),
        save(out_dir / "local_summaries.txt", [text.bullets(done).encode("utf-8")]),
    ]


def save(path: Path, data: Iterable[bytes]) -> Path:
    """Puts `data` at `path` by way of a file beside it, so that readers never see half of it.

    Raises: BadInput if it cannot; what was at `path` is then as it was.
    """
    if "\0" in str(path):
        raise BadInput(f"cannot write {str(path)!r}: a NUL byte in the name; choose another folder")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                file.writelines(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
        raise BadInput(f"cannot write {path}: {cause}") from error
    return path
