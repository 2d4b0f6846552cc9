"""What lies in a folder on disk, as blobs in the order of their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gistill.errors import BadInput
from gistill.ingest import files
from gistill.ingest.blob import Blob
from gistill.ingest.reading import Folder, plural

FILES = 100_000
_CLUTTER = ("Thumbs.db", "desktop.ini", "__MACOSX")


def walk(folder: Path) -> tuple[Folder, list[str]]:
    """The files in `folder` and below, and notes on what was left out.

    Hidden files are left out; so is a link that leads to a folder already walked.
    Raises: BadInput if it cannot be listed or holds more than `FILES` files.
    """
    name = files.display(folder)
    walk = _Walk(name)
    found = dict(walk.below(folder, ""))
    notes = list(walk.notes)
    if walk.hidden:
        notes.insert(0, f"{name}: {plural(walk.hidden, 'hidden file')} skipped")
    return Folder(name, found), notes


class _Walk:
    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self.hidden = 0
        self._count = 0
        self._walked: set[str] = set()

    def below(self, folder: Path, prefix: str) -> Iterator[tuple[str, Blob]]:
        place = os.path.realpath(folder)
        if place in self._walked:
            self.notes.append(f"{self.name}: {prefix.rstrip('/')} leads to a folder read already")
            return
        self._walked.add(place)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise BadInput(f"{self.name} cannot be listed: {error.strerror}") from None
            self.notes.append(f"{self.name}: {prefix} cannot be listed: {error.strerror}")
            return
        for entry in entries:
            path = prefix + files.display(entry.name)
            if entry.name.startswith(".") or entry.name in _CLUTTER:
                self.hidden += 1
            elif entry.is_dir():
                yield from self.below(folder / entry.name, f"{path}/")
            elif not entry.is_file():
                self.notes.append(f"{self.name}: {path} is no file (a broken link, a device)")
            else:
                self._count += 1
                if self._count > FILES:
                    raise BadInput(f"{self.name} holds more than {FILES:,} files; name a part")
                yield path, blob(f"{self.name}/{path}", Path(entry.path))


def blob(name: str, path: Path) -> Blob:
    """The file at `path`, which is there, under `name`; opening it may still say BadInput."""
    return Blob(name, path.stat().st_size, lambda: files.opened(path, name), path)
