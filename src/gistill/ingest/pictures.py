"""Pictures of places in a thread: the page, the image or the frame of a film that a locator names.

A reader that can show what it read has `picture(blob, at)`; `SHOWN` lists them. The files are
looked for where they were when the thread was read, and shown only if they are still the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from gistill.errors import GistillError
from gistill.ingest import eml, files, images, mbox, msg, pdf, video
from gistill.ingest.archives import Archives
from gistill.ingest.blob import Blob
from gistill.ingest.reading import FileReader
from gistill.ingest.tools import Tools
from gistill.types import Locator, Source

if TYPE_CHECKING:
    from PIL.Image import Image


class Shower(Protocol):
    """A reader of files that can be seen."""

    def accepts(self, name: str, head: bytes) -> bool:
        """Whether this is the one for a file of this name that begins so."""
        ...

    def picture(self, blob: Blob, at: Locator) -> Image | None:
        """What is to be seen at `at`, upright; None if nothing is. Raises: BadInput."""
        ...


SHOWN: tuple[Shower, ...] = (pdf, images, video)
_MAILS: tuple[FileReader, ...] = (eml, mbox, msg)


class Pictures:
    """Finds the files of `sources` and shows places in them; keeps archives open until closed.

    gone: by name, why a source could not be shown.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.gone: dict[str, str] = {}
        self._sha256 = {source.name: source.sha256 for source in sources}
        self._found: dict[str, tuple[Blob, Shower] | None] = {}
        self._archives = Archives()
        self._attached: dict[str, Mapping[str, Blob]] = {}  # by name of a mail, and in it
        self._last: tuple[Locator | None, Image | None] = (None, None)

    def close(self) -> None:
        self._archives.close()

    def of(self, at: Locator) -> Image | None:
        """The whole page, image or frame that `at` stands on; None where there is none to see."""
        place = Locator(at.source, (0, 0), time=at.time, page=at.page)
        if place == self._last[0]:  # paragraphs of one page come one after the other
            return self._last[1]
        image = None
        try:
            if at.source not in self._found:
                self._found[at.source] = self._find(at.source)
            if found := self._found[at.source]:
                blob, shower = found
                image = shower.picture(blob, at)
        except GistillError as error:
            self._found[at.source] = None
            self.gone[at.source] = str(error)
        self._last = place, image
        return image

    def _find(self, name: str) -> tuple[Blob, Shower] | None:
        """The file that `name` names, and what shows it; None if nothing does."""
        blob = self._open(name)
        if blob is None:
            if _looks(name):
                self.gone[name] = f"{name} is no longer there"
            return None
        head = blob.head()
        shower = next((one for one in SHOWN if one.accepts(blob.name, head)), None)
        if shower is None:
            return None
        if blob.sha256() != self._sha256.get(name):
            self.gone[name] = f"{name} has changed since it was read"
            return None
        return blob, shower

    def _open(self, name: str) -> Blob | None:
        """The file at the path `name`, or where that goes on inside an archive, the member."""
        parts = PurePosixPath(name).parts
        for count in range(len(parts), 0, -1):
            path = Path(*parts[:count])
            if os.path.isfile(path):  # unlike that of `Path`, False for a name that cannot be
                blob = files.blob(path)
                return self._member(blob, "/".join(parts[count:])) if count < len(parts) else blob
        return None

    def _member(self, blob: Blob, rest: str) -> Blob | None:
        """The file at the path `rest` in an archive, a document or a mail."""
        folder = self._archives.open(blob)
        inside = self._attachments(blob) if folder is None else folder.files
        if rest in inside:
            return inside[rest]
        for path, inner in inside.items():
            if rest.startswith(f"{path}/"):
                return self._member(inner, rest.removeprefix(f"{path}/"))
        return None

    def _attachments(self, blob: Blob) -> Mapping[str, Blob]:
        """The files attached to the mails in `blob`, by their names; none if it holds no mail."""
        if blob.name not in self._attached:
            head = blob.head()
            reader = next((one for one in _MAILS if one.accepts(blob.name, head)), None)
            found = reader.read(blob, Tools()).reading.attached if reader else ()
            blobs = (file for file, _ in found if isinstance(file, Blob))
            names = {one.name.removeprefix(f"{blob.name}/"): one for one in blobs}
            self._attached[blob.name] = names
        return self._attached[blob.name]


def _looks(name: str) -> bool:
    """Whether `name` is that of a file that can be seen."""
    return PurePosixPath(name).suffix.lower() in (*pdf.SUFFIXES, *images.SUFFIXES, *video.SUFFIXES)
