"""OpenDocument texts: paragraphs, headings, list items and table rows."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from gistill.errors import BadInput
from gistill.ingest import package
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools

NAME = "OpenDocument text"
ABOUT = "paragraphs and table rows; deleted text left out, comments with their author"
SUFFIXES: tuple[str, ...] = (".odt", ".ott", ".odp")
NEEDS = Needs()

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_SPACES = 1000  # the most that one element may stand for


def accepts(name: str, head: bytes) -> bool:
    """By its suffix, or by its first member, which names its type."""
    if head[30:].startswith(b"mimetypeapplication/vnd.oasis.opendocument."):
        kind = head[30 + len(b"mimetypeapplication/vnd.oasis.opendocument.") :]
        return kind.startswith((b"text", b"presentation"))
    return package.accepts(name, head, SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """Its paragraphs; slides of a presentation count as pages.

    Raises: BadInput if it is damaged or encrypted.
    """
    pieces = Pieces()
    title = ""
    with package.opened(blob) as document:
        if "META-INF/manifest.xml" in document.names:
            marks = document.xml("META-INF/manifest.xml").iter(f"{_MANIFEST}encryption-data")
            if next(marks, None) is not None:
                raise BadInput(f"{blob.name} is encrypted; save a copy without the password")
        if "meta.xml" in document.names:
            title = document.xml("meta.xml").findtext(f".//{_DC}title") or ""
        body = document.xml("content.xml").find(f"{_OFFICE}body")
        for text, page, speaker in () if body is None else _blocks(body, None):
            pieces.add(text, page=page, speaker=speaker)
    return pieces.extract(blob, title)


def _blocks(
    parent: ElementTree.Element, page: int | None
) -> Iterator[tuple[str, int | None, str | None]]:
    """Text, slide and author of what stands in `parent`, in order."""
    slides = 0
    for element in parent:
        tag = element.tag
        if tag == f"{_TEXT}tracked-changes":
            continue
        if tag == f"{_DRAW}page":
            slides += 1
            yield from _blocks(element, slides)
        elif tag in (f"{_TEXT}p", f"{_TEXT}h"):
            yield _inline(element), page, None
            for comment in element.iter(f"{_OFFICE}annotation"):
                said = "\n".join(_inline(p) for p in comment.iter(f"{_TEXT}p"))
                yield said, page, comment.findtext(f"{_DC}creator") or None
            for note in element.iter(f"{_TEXT}note-body"):
                yield " ".join(_inline(p) for p in note.iter(f"{_TEXT}p")), page, None
            for frame in element.iter(f"{_DRAW}text-box"):
                yield from _blocks(frame, page)
        elif tag == f"{_TEXT}list-item":
            first = True
            for text, slide, speaker in _blocks(element, page):
                marked = first and text and not text.startswith("- ")
                yield f"- {text}" if marked else text, slide, speaker
                first = False
        elif tag == f"{_TABLE}table-row":
            cells = (_cell(c) for c in element if c.tag == f"{_TABLE}table-cell")
            yield " | ".join(filter(None, cells)), page, None
        else:
            yield from _blocks(element, page)


def _cell(cell: ElementTree.Element) -> str:
    return " ".join(" ".join(_inline(p).split()) for p in cell.iter(f"{_TEXT}p")).strip()


def _inline(element: ElementTree.Element) -> str:
    """The text of a paragraph, without the notes, comments and boxes that hang on it."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = max(1, package.number(child, f"{_TEXT}c"))
            parts.append(" " * min(count, _SPACES))
        elif child.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            parts.append("\t" if child.tag == f"{_TEXT}tab" else "\n")
        elif child.tag not in (f"{_TEXT}note", f"{_OFFICE}annotation", f"{_DRAW}frame"):
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)
