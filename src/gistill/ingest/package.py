"""Documents that are zip packages of XML (DOCX, PPTX, ODT, EPUB): opened within limits.

XML is parsed by expat, which fetches nothing from outside and stops at entities that blow up.
"""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast
from xml.etree import ElementTree

from gistill.errors import BadInput
from gistill.ingest import archives
from gistill.ingest.blob import Blob

UNPACKED = 1 << 30  # bytes of one document
PART = 256 << 20  # bytes of one of its XML files
RATIO = 400  # unpacked to packed, above which a large document is a bomb
_LARGE = 64 << 20
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_ORNAMENT = 2 * 914_400**2  # two square inches
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files; documents with a password are in one
# What zipfile raises for damage of all sorts, RuntimeError for a mark of encryption among them.
BROKEN = (*archives.BROKEN, struct.error, ValueError, RuntimeError, OverflowError)
_UNPARSED = (ElementTree.ParseError, ValueError, LookupError)  # the latter for unknown encodings
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


def accepts(name: str, head: bytes, suffixes: tuple[str, ...]) -> bool:
    """Whether a file of this name that begins so is a package with one of `suffixes`."""
    return name.lower().endswith(suffixes) and head.startswith((b"PK\x03\x04", OLE))


class Package:
    """The parts of one document by name."""

    def __init__(self, blob: Blob, archive: zipfile.ZipFile) -> None:
        self.blob = blob
        self._archive = archive
        self.names = frozenset(archive.namelist())

    def data(self, name: str, limit: int = PART) -> bytes:
        """Raises: BadInput if the part is missing, damaged or larger than `limit` bytes."""
        try:
            with self._archive.open(name) as file:
                data = file.read(limit + 1)
        except KeyError:
            raise BadInput(f"{self.blob.name} lacks its part {name}; fetch it again") from None
        except BROKEN as error:
            raise damaged(self.blob, error) from None
        if len(data) > limit:
            raise BadInput(
                f"{self.blob.name} holds more than {limit >> 20} MiB in {name}; split it"
            )
        return data

    def xml(self, name: str) -> ElementTree.Element:
        """The root of an XML part. Raises: BadInput."""
        try:
            return ElementTree.fromstring(self.data(name))
        except _UNPARSED as error:
            raise damaged(self.blob, error) from None

    def main(self, what: str) -> str:
        """The part that an Office document begins with. Raises: BadInput if there is none."""
        for kind, place in self.relations("").values():
            if kind == "officeDocument" and place in self.names:
                return place
        raise BadInput(f"{self.blob.name} is no {what} document; check what it is")

    def member(self, name: str) -> Blob:
        """A part as a file of its own, "deck.pptx/ppt/media/image1.png"."""
        blob = self.blob

        def opener() -> BinaryIO:
            archive = zipfile.ZipFile(blob.opener())
            return cast(BinaryIO, archive.open(name))

        size = self._archive.getinfo(name).file_size
        return Blob(f"{blob.name}/{name}", size, opener)

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Of an Office part: by id, the last word of each relation's type, and the part it names.

        What lies outside the document is left out.
        """
        folder, file = posixpath.split(name)
        place = f"{folder}/_rels/{file}.rels".lstrip("/")
        if place not in self.names:
            return {}
        found = {}
        for relation in self.xml(place).iter(_RELATIONS):
            if relation.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))
            kind = relation.get("Type", "").rpartition("/")[2]
            found[relation.get("Id", "")] = (kind, target.lstrip("/"))
        return found


@contextmanager
def opened(blob: Blob) -> Iterator[Package]:
    """The package in `blob`.

    Raises: BadInput if it is damaged, encrypted, or unpacks to more than a document would.
    """
    if blob.head(8) == OLE:
        raise BadInput(f"{blob.name} is encrypted; save a copy of it without the password")
    with blob.opener() as file:
        try:
            archive = zipfile.ZipFile(file)
        except BROKEN as error:
            raise damaged(blob, error) from None
        with archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > UNPACKED or (size > _LARGE and size > RATIO * max(blob.size, 1)):
                raise BadInput(f"{blob.name} unpacks to {size >> 20} MiB, too much for a document")
            if any(map(archives.encrypted, members)):
                raise BadInput(f"{blob.name} is encrypted; save a copy of it without the password")
            try:
                yield Package(blob, archive)
            except RecursionError:
                raise BadInput(f"{blob.name} is nested too deeply to be a document") from None


def ornament(extent: ElementTree.Element | None) -> bool:
    """Whether a picture of this extent in an Office document is too small to say anything."""
    return 0 < number(extent, "cx") * number(extent, "cy") < _ORNAMENT


def number(element: ElementTree.Element | None, name: str) -> int:
    """The whole number in an attribute; 0 if there is none."""
    said = "" if element is None else element.get(name, "")
    return int(said) if _WHOLE.fullmatch(said) else 0


def damaged(blob: Blob, error: Exception) -> BadInput:
    """The complaint about a file that ends early or is broken otherwise."""
    said = " ".join(str(error).split())[:80]
    return BadInput(f"{blob.name} is damaged or not whole ({said}); fetch it again")
