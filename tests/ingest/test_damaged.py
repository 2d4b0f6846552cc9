"""Whatever happens to a file on its way, its reader reads it or says in a line that it cannot."""

from __future__ import annotations

import io
import zipfile
from types import ModuleType

import docx as word
import openpyxl
import pptx as slides
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from documents import pdf, saved
from gistill.errors import BadInput
from gistill.ingest import docx, epub, html, images, odt, pptx, table
from gistill.ingest import pdf as pdf_reader
from gistill.ingest.blob import Blob
from gistill.ingest.tools import Tools

_TOOLS = Tools(ocr=False)


def _docx() -> bytes:
    document = word.Document()
    document.add_heading("The lease", 1)
    document.add_table(1, 2).cell(0, 0).text = "Pump"
    out = io.BytesIO()
    document.save(out)
    return _smaller(out.getvalue(), "word/document.xml", "_rels", "[Content_Types]")


def _pptx() -> bytes:
    deck = slides.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "The lease"
    out = io.BytesIO()
    deck.save(out)
    return _smaller(out.getvalue(), "slides/slide", "ppt/presentation.xml", "_rels")


def _smaller(data: bytes, *kept: str) -> bytes:
    """Only the parts that are read, stored as they are: damage then reaches the XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if any(part in name for part in kept):
                new.writestr(name, old.read(name))
    return out.getvalue()


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["item", "cost"], ["pump", 120], ["barge", 3400]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _parts(**texts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return out.getvalue()


_EPUB = _parts(
    **{
        "META-INF__container_xml": '<c><rootfile full-path="b.opf"/></c>',
        "b_opf": '<p><item id="a" href="a.xhtml" media-type="text/html"/><itemref idref="a"/></p>',
        "a_xhtml": "<html><body><p>The lease ends in June.</p></body></html>",
    }
)
_SPACE = "urn:oasis:names:tc:opendocument:xmlns"
_ODT = _parts(
    content_xml=f'<x xmlns:o="{_SPACE}:office:1.0" xmlns:t="{_SPACE}:text:1.0"><o:body><o:text>'
    '<t:p>The lease<t:s t:c="2"/>ends.</t:p></o:text></o:body></x>'
)
_IMAGE = Image.new("RGB", (60, 50), "#336699")
_FILES: dict[str, tuple[ModuleType, bytes]] = {
    "x.pdf": (pdf_reader, pdf(["The lease ends in June."])),
    "x.docx": (docx, _docx()),
    "x.pptx": (pptx, _pptx()),
    "x.xlsx": (table, _xlsx()),
    "x.csv": (table, b'item,cost\n"pump, large",120\nbarge,"3,400"\n'),
    "x.html": (html, b"<html><body><p>The <b>lease</b><table><tr><td>x</table></body></html>"),
    "x.epub": (epub, _EPUB),
    "x.odt": (odt, _ODT),
    **{
        f"x.{form.lower()}": (images, saved(_IMAGE, form))
        for form in ("PNG", "JPEG", "GIF", "WEBP")
    },
}

_EDIT = st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=6))


@pytest.mark.parametrize("name", list(_FILES))
@given(edits=st.lists(_EDIT, min_size=1, max_size=5), keep=st.floats(0.3, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damage_is_read_around_or_told_in_a_line(
    name: str, edits: list[tuple[float, int, bytes]], keep: float
) -> None:
    reader, whole = _FILES[name]
    data = bytearray(whole)
    for place, gone, new in edits:
        at = int(place * len(data))
        data[at : at + gone] = new
    if keep < 0.5:  # cut off, too
        data = data[: int(keep * len(data))]
    try:
        found = reader.read(Blob.of(name, bytes(data)), _TOOLS)
    except BadInput as error:
        assert str(error).startswith(name)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        for entry in found.reading.entries:
            assert found.text[slice(*entry.span)] == entry.text
