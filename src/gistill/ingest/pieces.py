"""The text read out of a file, written down piece by piece, and the entries that point into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gistill.ingest.blob import Blob
from gistill.ingest.reading import Attached, Entry, Extract, Reading


class Pieces:
    """Grows a source's text; each piece is an entry of its own, a blank line before it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.notes: list[str] = []
        self.attached: list[Attached] = []
        self._parts: list[str] = []
        self._end = 0

    def add(self, text: str, **where: Any) -> bool:
        """Writes `text` as an entry with the fields `where`; False if it is only white space."""
        text = text.strip()
        if not text:
            return False
        if self._parts:
            self._parts.append("\n\n")
            self._end += 2
        span = (self._end, self._end + len(text))
        self._parts.append(text)
        self._end = span[1]
        self.entries.append(Entry(text, span, **where))
        return True

    def attach(self, blobs: Sequence[Blob]) -> None:
        """`blobs` belong to the last entry; without any they are no one's, and go with the next."""
        entry = max(0, len(self.entries) - 1)
        self.attached += [Attached(blob, entry) for blob in blobs]

    def extract(self, blob: Blob, title: str = "") -> Extract:
        """All of it as what was read out of `blob`."""
        attached = self.attached if self.entries else []
        reading = Reading(self.entries, self.notes, " ".join(title.split()), attached)
        return Extract(blob, "".join(self._parts), reading)
