"""EPUB books: the text of the chapters in reading order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from gistill.errors import BadInput
from gistill.ingest import html, package
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.package import Package
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.tools import Tools

NAME = "EPUB"
ABOUT = "the paragraphs of a book; the files of its spine count as pages"
SUFFIXES: tuple[str, ...] = (".epub",)
NEEDS = Needs()

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def accepts(name: str, head: bytes) -> bool:
    """By its suffix, or by its first member, which names its type."""
    if head[30:].startswith(b"mimetypeapplication/epub+zip"):
        return True
    return package.accepts(name, head, SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """Its paragraphs, with the number of the chapter's file as the page.

    Raises: BadInput if it is damaged, or protected by a scheme (DRM).
    """
    pieces = Pieces()
    with package.opened(blob) as book:
        place = _package_file(book)
        outline = book.xml(place)
        locked, lost = _locked(book), 0
        pages = list(_spine(outline, posixpath.dirname(place)))
        if pages and all(name in locked for name in pages):
            raise BadInput(f"{blob.name} is protected (DRM); export it without the protection")
        for number, name in enumerate(pages, 1):
            if name not in book.names or name in locked:
                lost += 1
                continue
            for block in html.parse(html.decoded(book.data(name), name)).blocks:
                pieces.add(block, page=number)
        if lost:
            pieces.notes.append(f"{plural(lost, 'chapter')} missing or protected")
        title = next((e.text or "" for e in outline.iter() if _local(e) == "title"), "")
    return pieces.extract(blob, title)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _package_file(book: Package) -> str:
    """Where the container says that the outline of the book is."""
    for element in book.xml("META-INF/container.xml").iter():
        if _local(element) == "rootfile" and (path := element.get("full-path")):
            return path
    raise BadInput(f"{book.blob.name} names no outline of the book; fetch it again")


def _spine(outline: ElementTree.Element, folder: str) -> Iterator[str]:
    """The files of the chapters in reading order."""
    items = {e.get("id"): e for e in outline.iter() if _local(e) == "item"}
    for reference in outline.iter():
        item = items.get(reference.get("idref")) if _local(reference) == "itemref" else None
        if item is not None and item.get("media-type") in _PAGES:
            href = unquote(item.get("href", "").partition("#")[0])
            yield posixpath.normpath(posixpath.join(folder, href))


def _locked(book: Package) -> set[str]:
    """The files that are encrypted; fonts often are, and do no harm."""
    if "META-INF/encryption.xml" not in book.names:
        return set()
    elements = book.xml("META-INF/encryption.xml").iter()
    return {unquote(e.get("URI", "")) for e in elements if _local(e) == "CipherReference"}
