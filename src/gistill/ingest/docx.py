"""Word documents: paragraphs, list items and table rows; comments with their author."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from gistill.ingest import package
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.package import Package
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools

NAME = "Word"
ABOUT = "paragraphs and table rows, comments with their author, pictures by OCR"
SUFFIXES: tuple[str, ...] = (".docx", ".docm", ".dotx")
NEEDS = Needs()

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}


def accepts(name: str, head: bytes) -> bool:
    """By its suffix and mark."""
    return package.accepts(name, head, SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """Its text as it stands with all tracked changes accepted; notes follow their paragraph.

    Raises: BadInput if it is damaged, encrypted or not of Word.
    """
    pieces = Pieces()
    title = ""
    with package.opened(blob) as document:
        place = document.main("Word")
        if "docProps/core.xml" in document.names:
            title = document.xml("docProps/core.xml").findtext(f".//{_DC}title") or ""
        _Body(document, place, pieces).read()
    return pieces.extract(blob, title)


def _name(element: Element) -> str:
    """The tag without its namespace, if that is Word's."""
    for space in (_W, _STRICT):
        if element.tag.startswith(space):
            return element.tag.removeprefix(space)
    return ""


class _Body:
    """Writes the document's paragraphs to `pieces` in order."""

    def __init__(self, document: Package, place: str, pieces: Pieces) -> None:
        self._document = document
        self._place = place
        self._pieces = pieces
        self._relations = document.relations(place)
        self._shown: set[str] = set()  # pictures: one that stands on every page is read once
        self._comments = self._part("comments", "comment")
        self._notes = {kind: self._part(kind, kind[:-1]) for kind in _NOTES.values()}

    def read(self) -> None:
        body = next((e for e in self._document.xml(self._place) if _name(e) == "body"), None)
        for element in () if body is None else _children(body):
            self._block(element)

    def _part(self, kind: str, tag: str) -> Mapping[str, Element]:
        """The comments or notes of the document by id."""
        places = [p for k, p in self._relations.values() if k == kind and p in self._document.names]
        found = {}
        for place in places:
            for element in self._document.xml(place):
                if _name(element) == tag and (id := _attribute(element, "id")):
                    found[id] = element
        return found

    def _block(self, element: Element) -> None:
        match _name(element):
            case "p":
                self._paragraph(element)
            case "tbl":
                for row in element.iter():
                    if _name(row) == "tr":
                        cells = (" ".join(_text(c).split()) for c in row if _name(c) == "tc")
                        self._pieces.add(" | ".join(filter(None, cells)))
                        self._hangs_on(row)
            case "sdt" | "sdtContent" | "customXml" | "ins" | "moveTo":
                for child in _children(element):
                    self._block(child)

    def _paragraph(self, paragraph: Element) -> None:
        text = _text(paragraph)
        listed = any(_name(e) == "numPr" for e in paragraph.iter())
        self._pieces.add(f"- {text}" if listed and text.strip() else text)
        self._hangs_on(paragraph)

    def _hangs_on(self, element: Element) -> None:
        """The boxes, notes, comments and pictures of a paragraph or a row."""
        for child in _all(element):
            name = _name(child)
            if name == "txbxContent":
                for block in _children(child):
                    self._block(block)
            elif name in _NOTES:
                note = self._notes[_NOTES[name]].get(_attribute(child, "id"))
                if note is not None:
                    self._pieces.add(_text(note))
            elif name == "commentReference":
                comment = self._comments.get(_attribute(child, "id"))
                if comment is not None:
                    who = _attribute(comment, "author").strip() or None
                    self._pieces.add(_text(comment), speaker=who, kind="message")
            elif name == "drawing":
                self._picture(child)

    def _picture(self, drawing: Element) -> None:
        if package.ornament(next(drawing.iter(f"{_WP}extent"), None)):
            return
        for blip in drawing.iter(f"{_A}blip"):
            _, place = self._relations.get(blip.get(f"{_R}embed", ""), ("", ""))
            if place in self._document.names and place not in self._shown:
                self._shown.add(place)
                self._pieces.attach([self._document.member(place)])


def _attribute(element: Element, name: str) -> str:
    return element.get(f"{_W}{name}") or element.get(f"{_STRICT}{name}") or ""


def _children(element: Element) -> Iterator[Element]:
    """The children of `element`, without what stands there for programs of old."""
    return (child for child in element if child.tag != _FALLBACK)


def _all(element: Element) -> Iterator[Element]:
    """All below `element`, but not what is in text boxes: they are read as blocks."""
    for child in _children(element):
        yield child
        if _name(child) != "txbxContent":
            yield from _all(child)


def _text(element: Element) -> str:
    """What a paragraph or a cell says; text that was deleted is in elements of another name."""
    parts: list[str] = []
    for child in _all(element):
        name = _name(child)
        if name == "t":
            parts.append(child.text or "")
        elif name in _MARKS:
            parts.append(_MARKS[name])
        elif name == "p" and parts:
            parts.append("\n")
    return "".join(parts).strip()
