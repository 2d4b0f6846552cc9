"""PowerPoint presentations: slide by slide its title, bodies, tables and speaker notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gistill.ingest import package
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.package import Package
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.tools import Tools
from gistill.types import Box

NAME = "PowerPoint"
ABOUT = "titles, text, tables and notes of slides, pictures by OCR"
SUFFIXES: tuple[str, ...] = (".pptx", ".pptm", ".ppsx", ".potx")
NEEDS = Needs()

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "sldNum", "hdr", "sldImg")  # dates, feet and numbers on every slide

Size = tuple[int, int]


class _Slide(NamedTuple):
    """A slide under way: where it writes to, its place, and the size of all slides."""

    package: Package
    pieces: Pieces
    place: str
    number: int
    size: Size


def accepts(name: str, head: bytes) -> bool:
    """By its suffix and mark."""
    return package.accepts(name, head, SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """The slides in order, the title first; hidden ones are left out and noted.

    Raises: BadInput if it is damaged, encrypted or not of PowerPoint.
    """
    pieces = Pieces()
    hidden = drawn = 0
    title = ""
    shown: set[str] = set()
    with package.opened(blob) as document:
        main = document.main("PowerPoint")
        root = document.xml(main)
        extent = root.find(f"{_P}sldSz")
        size = (package.number(extent, "cx"), package.number(extent, "cy"))
        relations = document.relations(main)
        for number, entry in enumerate(root.iter(f"{_P}sldId"), 1):
            _, place = relations.get(entry.get(f"{_R}id", ""), ("", ""))
            if place not in document.names:
                pieces.notes.append(f"slide {number} is missing")
                continue
            slide = document.xml(place)
            if slide.get("show") in ("0", "false"):
                hidden += 1
                continue
            here = _Slide(document, pieces, place, number, size)
            said = _read(here, slide, shown)
            title = said if number == 1 else title
            drawn += sum(_graph(frame) for frame in slide.iter(f"{_P}graphicFrame"))
    if hidden:
        pieces.notes.append(f"{plural(hidden, 'hidden slide')} left out")
    if drawn:
        pieces.notes.append(f"{plural(drawn, 'chart or diagram', 'charts and diagrams')} not read")
    return pieces.extract(blob, title)


def _read(slide: _Slide, root: Element, shown: set[str]) -> str:
    """Writes a slide down; returns its title."""
    tree = root.find(f"{_P}cSld/{_P}spTree")
    shapes = list(_shapes(tree)) if tree is not None else []
    direct = set(tree if tree is not None else ())  # those of groups have places of their own
    shapes.sort(key=lambda shape: _role(shape) not in _TITLES)  # the others stay as they are
    title = ""
    for shape in shapes:
        role = _role(shape)
        box = _box(shape, slide.size) if shape in direct else None
        if role in _FURNITURE:
            continue
        for row in shape.iter(f"{_A}tr"):
            cells = (" ".join(_text(cell).split()) for cell in row.iter(f"{_A}tc"))
            slide.pieces.add(" | ".join(filter(None, cells)), page=slide.number, box=box)
        body = shape.find(f"{_P}txBody")
        if body is not None:
            text = _text(body)
            title = title or (" ".join(text.split()) if role in _TITLES else "")
            slide.pieces.add(text, page=slide.number, box=box)
    relations = slide.package.relations(slide.place)
    for kind, place in relations.values():
        if kind == "notesSlide" and place in slide.package.names:
            _notes(slide, slide.package.xml(place))
    for picture in (shape for shape in shapes if shape.tag == f"{_P}pic"):
        blip = next(picture.iter(f"{_A}blip"), None)
        _, place = relations.get("" if blip is None else blip.get(f"{_R}embed", ""), ("", ""))
        if place in slide.package.names and place not in shown and not _ornament(picture):
            shown.add(place)
            slide.pieces.attach([slide.package.member(place)])
    return title


def _notes(slide: _Slide, root: Element) -> None:
    for shape in root.iter(f"{_P}sp"):
        body = shape.find(f"{_P}txBody")
        if body is not None and _role(shape) == "body" and (text := _text(body)):
            slide.pieces.add(f"Notes: {text}", page=slide.number)


def _shapes(tree: Element) -> Iterator[Element]:
    """Shapes, pictures and tables in the order of the slide, groups opened."""
    for child in tree:
        if child.tag == f"{_P}grpSp":
            yield from _shapes(child)
        elif child.tag in (f"{_P}sp", f"{_P}pic", f"{_P}graphicFrame"):
            yield child


def _role(shape: Element) -> str:
    """What the layout calls the shape; "body" for one that has a place and no special role."""
    place = next(shape.iter(f"{_P}ph"), None)
    return "" if place is None else place.get("type", "body")


def _graph(frame: Element) -> bool:
    data = next(frame.iter(f"{_A}graphicData"), None)
    return data is not None and data.get("uri", "").endswith(("/chart", "/diagram"))


def _text(body: Element) -> str:
    """The paragraphs of a shape, a line each."""
    lines = []
    for paragraph in body.iter(f"{_A}p"):
        parts = []
        for child in paragraph.iter():
            if child.tag == f"{_A}t":
                parts.append(child.text or "")
            elif child.tag == f"{_A}br":
                parts.append(" ")
        lines.append(" ".join("".join(parts).split()))
    return "\n".join(filter(None, lines))


def _box(shape: Element, size: Size) -> Box | None:
    """Where the shape stands, if it says so itself and not by its layout."""
    for space in (_A, _P):
        if (frame := next(shape.iter(f"{space}xfrm"), None)) is not None:
            break
    else:
        return None
    offset, extent = frame.find(f"{_A}off"), frame.find(f"{_A}ext")
    if offset is None or extent is None or min(size) <= 0:
        return None
    left, top = package.number(offset, "x") / size[0], package.number(offset, "y") / size[1]
    right = left + package.number(extent, "cx") / size[0]
    bottom = top + package.number(extent, "cy") / size[1]
    edges = [round(min(max(edge, 0.0), 1.0), 4) for edge in (left, top, right, bottom)]
    return edges[0], edges[1], edges[2], edges[3]


def _ornament(picture: Element) -> bool:
    frame = next(picture.iter(f"{_A}xfrm"), None)
    return package.ornament(None if frame is None else frame.find(f"{_A}ext"))
