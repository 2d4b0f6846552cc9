"""Files, folders and archives, read one by one: from paths to the parts of a thread.

A folder or an archive is offered to the readers of exports whole, then file by file; a file is
offered to the readers of files by its name and first bytes, then, as text, to those of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from gistill.errors import BadInput
from gistill.ingest import encoding, files, folders, threadfile
from gistill.ingest.archives import BROKEN, Archives, unpacked_head
from gistill.ingest.blob import Blob
from gistill.ingest.formats import FILE_READERS, FOLDER_READERS, formats, reader_for
from gistill.ingest.reading import FileReader, Folder, Reading, plural
from gistill.ingest.threadfile import ThreadFile
from gistill.ingest.tools import Tools
from gistill.types import Source, Unreadable

DEPTH = 5  # files attached to files
_SHOWN, _LENGTH = 3, 80  # missing files that are named, and characters of their names
Find = Callable[[str], Blob | None]


class NoText(BadInput):
    """There is nothing in the file, so that without it nothing is missing."""


@dataclass(slots=True, eq=False)
class Part:
    """One source of the thread as read, and what is attached to its entries, by their index.

    twin: a part read before whose bytes are the same. whole: its place is not that of its dates.
    """

    source: Source
    reading: Reading
    attached: list[tuple[int, Part]] = field(default_factory=list)
    twin: Part | None = None
    whole: bool = False

    @property
    def dated(self) -> bool:
        return not self.whole and any(entry.when for entry in self.reading.entries)


class Intake:
    """Reads what it is given into `parts`, and keeps what stood in the way; to be closed.

    failed: what could not be read, by name. empty: files without text, by name. threads: what the
    folders say about themselves.
    """

    def __init__(self, tools: Tools) -> None:
        self.parts: list[Part] = []
        self.notes: list[str] = []
        self.failed: dict[str, BadInput] = {}
        self.empty: dict[str, NoText] = {}
        self.threads: list[ThreadFile] = []
        self._tools = tools
        self._archives = Archives()
        self._names: set[str] = set()
        self._noted: dict[str, tuple[int, list[str]]] = {}  # what was said, where, of whom
        self._read_as: dict[str, list[Part]] = {}  # by name of a blob
        self._attached: set[str] = set()  # the blobs among them that belong to an entry
        self._open: list[str] = []  # blobs being read: each is attached to the one before
        self._known: dict[tuple[str, str], Part] = {}

    def close(self) -> None:
        self._archives.close()

    @property
    def unread(self) -> tuple[Unreadable, ...]:
        return tuple(
            Unreadable(name, str(why) if name in str(why) else f"{name}: {why}")
            for name, why in self.failed.items()
        )

    def path(self, path: Path) -> None:
        """Reads the file or folder at `path`. Raises: BadInput if there is none."""
        if path.is_dir():
            folder, notes = folders.walk(path)
            self.notes += notes
            self.parts += self._folder(folder, depth=0)
        else:
            blob = files.blob(path)
            self.blob(blob, _beside(path.parent, str(PurePosixPath(blob.name).parent)))

    def blob(self, blob: Blob, find: Find = lambda path: None) -> None:
        """Reads a file; `find` gives those that lie beside it."""
        self.parts += self._read([(blob, find)], depth=0)

    def _folder(self, folder: Folder, depth: int) -> list[Part]:
        about = ThreadFile()
        blobs = dict(folder.files)
        if own := blobs.pop(threadfile.NAME, None):
            about = threadfile.parse(own.name, own.data(1 << 20))
            self.threads.append(about)
        folder = folder._replace(files=blobs)
        within = _Within(folder)
        parts: list[Part] = []
        rest: Iterable[Blob] = blobs.values()
        if reader := next((r for r in FOLDER_READERS if r.accepts(folder)), None):
            try:
                export = reader.read(folder)
            except BadInput as error:
                self.failed[folder.name] = error
                return []
            rest = export.rest
            self._note(folder.name, export.notes)
            for source, reading in export.sources:
                with self._kept(source.name):
                    parts.append(self._part(source, reading, within.at(source.name)))
        parts += self._read([(blob, within.at(blob.name)) for blob in rest], depth)
        return _placed(parts, folder, about)

    def _read(self, blobs: Sequence[tuple[Blob, Find]], depth: int) -> list[Part]:
        """The parts of `blobs` in their order; what is attached to one of them is not another."""
        # Texts first: they say which of the other files belong to a message.
        kinds = [self._file_reader(blob) for blob, _ in blobs]
        order = sorted(range(len(blobs)), key=lambda n: kinds[n] is not None)
        for done, n in enumerate(order):
            blob, find = blobs[n]
            if len(blobs) > 1:
                self._tools.say(f"reading {blob.name}", done / len(blobs))
            self._one(blob, kinds[n], find, depth)
        read = (blob.name for blob, _ in blobs if blob.name not in self._attached)
        return [part for name in read for part in self._read_as.get(name, ())]

    def _one(self, blob: Blob, reader: FileReader | None, find: Find, depth: int) -> list[Part]:
        """The parts of `blob`, read now unless they were before; none if that fails."""
        if blob.name not in self._read_as:
            self._read_as[blob.name] = []
            self._open.append(blob.name)
            with self._kept(blob.name):
                if len(self._open) > DEPTH:
                    raise BadInput(f"{blob.name} is attached {DEPTH} deep; name it by itself")
                self._read_as[blob.name] = self._parts(blob, reader, find, depth)
            self._open.pop()
        return self._read_as[blob.name]

    @contextmanager
    def _kept(self, name: str) -> Iterator[None]:
        """Keeps what goes wrong with the file called `name`; the others are still read."""
        try:
            yield
        except NoText as error:
            self.empty[name] = error
        except BadInput as error:
            self.failed[name] = error
        except BROKEN as error:
            self.failed[name] = BadInput(f"{name} is damaged: {error}")

    def _file_reader(self, blob: Blob) -> FileReader | None:
        try:
            head = blob.head()
        except (BadInput, *BROKEN):
            return None  # reading it will say why
        name = blob.name
        if head[:2] == files.GZIP:
            head, name = unpacked_head(blob), re.sub(r"(?i)\.gz$", "", name)
        return next((r for r in FILE_READERS if r.accepts(name, head)), None)

    def _parts(self, blob: Blob, reader: FileReader | None, find: Find, depth: int) -> list[Part]:
        """What `blob` holds: several parts if it is an archive."""
        if reader is None and (folder := self._archives.open(blob, depth)):
            self.notes += self._archives.skipped
            self._archives.skipped.clear()
            refused = self._archives.refused
            self.failed.update((name, BadInput(why)) for name, why in refused.items())
            refused.clear()
            return self._folder(folder, depth + 1)
        if reader is None:
            return [self._text(blob, find)]
        if blob.head(2) == files.GZIP:
            blob = self._archives.unpacked(blob)
        sha256 = blob.sha256()
        if twin := self._known.get((sha256, blob.suffix)):
            return [self._twin(blob.name, twin, find)]
        extract = reader.read(blob, self._tools)
        source = Source(blob.name, sha256, extract.text)
        return [self._part(source, extract.reading, find)]

    def _text(self, blob: Blob, find: Find) -> Part:
        raw = files.raw(blob)
        if twin := self._known.get((raw.sha256, blob.suffix)):
            return self._twin(blob.name, twin, find)
        source, note = _decoded(raw)
        reading = reader_for(source.name, source.text).read(source)
        if note:
            reading = reading._replace(notes=(note, *reading.notes))
        return self._part(source, reading, find)

    def _part(self, source: Source, reading: Reading, find: Find) -> Part:
        if not reading.entries:
            why = f": {'; '.join(reading.notes)}" if reading.notes else ""
            raise NoText(f"{source.name} holds no text that could be summarized{why}")
        self._note(source.name, reading.notes)
        part = Part(self._named(source, source.name), reading)
        self._known[source.sha256, PurePosixPath(source.name).suffix.lower()] = part
        self._attach(part, part, find)
        return part

    def _note(self, name: str, notes: Sequence[str]) -> None:
        """Keeps what is to be said of a file; what is said of many is said once."""
        if not notes:
            return
        said = "; ".join(notes)
        place, names = self._noted.setdefault(said, (len(self.notes), []))
        names.append(name)
        more = f" and {plural(len(names) - _SHOWN, 'more file')}" if len(names) > _SHOWN else ""
        self.notes[place : place + 1] = [f"{', '.join(names[:_SHOWN])}{more}: {said}"]

    def _twin(self, name: str, twin: Part, find: Find) -> Part:
        part = Part(self._named(twin.source, name), twin.reading, twin=twin)
        self._attach(part, twin, find)
        return part

    def _attach(self, part: Part, whole: Part, find: Find) -> None:
        """Reads what is attached to the entries of `part`; new files go to `whole`, its twin."""
        missing: list[str] = []
        for file, entry in part.reading.attached:
            blob = find(file) if isinstance(file, str) else file
            if blob is None:
                missing.append(" ".join(encoding.LONE.sub("\ufffd", str(file)).split())[:_LENGTH])
            elif blob.name not in self._attached and blob.name not in self._open:
                self._attached.add(blob.name)
                found = self._one(blob, self._file_reader(blob), find, depth=1)
                for one in found:
                    (part if one.twin else whole).attached.append((entry, one))
        if missing:
            shown = ", ".join(missing[:_SHOWN]) + ", …" * (len(missing) > _SHOWN)
            verb = "is" if len(missing) == 1 else "are"
            absent = f"{plural(len(missing), 'attached file')} {verb} not there ({shown})"
            self.failed[part.source.name] = BadInput(f"{part.source.name}: {absent}")

    def _named(self, source: Source, name: str) -> Source:
        """`source` under a name that no other has."""
        unique, number = name, 1
        while unique in self._names:
            number += 1
            unique = f"{name} ({number})"
        self._names.add(unique)
        return Source(unique, source.sha256, source.text)


def _placed(parts: list[Part], folder: Folder, about: ThreadFile) -> list[Part]:
    """`parts` of `folder` in the order it asks for; dates without a zone get that of the folder."""
    if about.zone:
        for part in parts:
            _localize(part, about)
    if about.order == "time":
        return sorted(parts, key=lambda part: not part.dated)
    patterns = about.order if isinstance(about.order, tuple) else ()

    def place(part: Part) -> int:
        path = part.source.name.removeprefix(f"{folder.name}/")
        matches = (n for n, pattern in enumerate(patterns) if fnmatch(path, pattern))
        return next(matches, len(patterns))

    for part in parts:
        part.whole = True
    return sorted(parts, key=place)


def _localize(part: Part, about: ThreadFile) -> None:
    entries = [
        e._replace(when=e.when.replace(tzinfo=about.zone)) if e.when and not e.when.tzinfo else e
        for e in part.reading.entries
    ]
    part.reading = part.reading._replace(entries=entries)
    for _, attached in part.attached:
        _localize(attached, about)


class _Within:
    """Finds files of `folder` by their path from a source in it, or by their own name where only
    one has it: people move files after they exported them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._named: dict[str, list[Blob]] = {}
        for path, blob in folder.files.items():
            self._named.setdefault(PurePosixPath(path).name, []).append(blob)

    def at(self, name: str) -> Find:
        """How the source called `name` finds them."""
        here = PurePosixPath(name.removeprefix(f"{self._folder.name}/")).parent

        def find(path: str) -> Blob | None:
            path = path.replace("\\", "/")
            exact = self._folder.files.get(str(here / path)) or self._folder.files.get(path)
            named = self._named.get(PurePosixPath(path).name, ())
            return exact or (named[0] if len(named) == 1 else None)

        return find


def _beside(folder: Path, name: str) -> Find:
    """Finds files by their path from `folder` on disk; none outside of it."""

    def find(path: str) -> Blob | None:
        try:
            place = (folder / path.replace("\\", "/")).resolve()
            if not place.is_relative_to(folder.resolve()) or not place.is_file():
                return None
            return folders.blob(f"{name}/{path}".removeprefix("./"), place)
        except (OSError, ValueError):  # no name that a file could have
            return None

    return find


def _decoded(raw: files.Raw) -> tuple[Source, str]:
    """The text of `raw`, and a note on its encoding if that was in doubt."""
    try:
        text, note = encoding.decode(raw.data)
    except encoding.NotText as kind:
        looks = f" ({kind})" if str(kind) else ""
        names = ", ".join(row.name for row in formats())
        raise BadInput(
            f"{raw.name} looks like a binary file{looks}; gistill reads: {names}"
        ) from None
    if not text.strip("\0\ufeff \t\r\n\v\f"):
        raise NoText(f"{raw.name} is empty")
    return Source(raw.name, raw.sha256, text), note
