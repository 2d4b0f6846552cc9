from __future__ import annotations

import io
import zipfile

import pytest

from documents import entries, extract
from gistill.errors import BadInput
from gistill.ingest import epub

_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
_OUTLINE = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements'
    '/1.1/"><dc:title>The Quay</dc:title></metadata><manifest>'
    '<item id="two" href="text/b%20c.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="one" href="a.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>'
    '</manifest><spine><itemref idref="one"/><itemref idref="two"/><itemref idref="gone"/></spine>'
    "</package>"
)
_PARTS = {
    "META-INF/container.xml": _CONTAINER,
    "OEBPS/book.opf": _OUTLINE,
    "OEBPS/a.xhtml": "<html><body><h1>One</h1><p>It began at sea.</p></body></html>",
    "OEBPS/text/b c.xhtml": "<html><body><h1>Two</h1><p>It ended there.</p></body></html>",
}


def _book(**more: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, text in (_PARTS | {k.replace("__", "/"): v for k, v in more.items()}).items():
            archive.writestr(name, text)
    return out.getvalue()


def test_chapters_in_the_order_of_the_spine() -> None:
    found = extract(epub, "without-suffix", _book())
    assert [(entry.page, entry.text) for entry in entries(found)] == [
        (1, "One"),
        (1, "It began at sea."),
        (2, "Two"),
        (2, "It ended there."),
    ]
    assert found.reading.title == "The Quay"
    assert found.reading.notes == ["1 chapter missing or protected"]


def _locked(*names: str) -> str:
    references = "".join(f'<CipherReference URI="{name}"/>' for name in names)
    return f'<encryption xmlns="http://www.w3.org/2001/04/xmlenc#">{references}</encryption>'


def test_protection() -> None:
    names = ("OEBPS/a.xhtml", "OEBPS/text/b c.xhtml", "OEBPS/gone.xhtml")
    with pytest.raises(BadInput, match=r"b\.epub is protected \(DRM\)"):
        extract(epub, "b.epub", _book(**{"META-INF__encryption.xml": _locked(*names)}))
    fonts = _book(**{"META-INF__encryption.xml": _locked("OEBPS/font.otf")})
    assert len(entries(extract(epub, "b.epub", fonts))) == 4


@pytest.mark.parametrize("outline", ["<container/>", "<broken"])
def test_broken_books(outline: str) -> None:
    with pytest.raises(BadInput, match=r"b\.epub (names no outline|is damaged)"):
        extract(epub, "b.epub", _book(**{"META-INF__container.xml": outline}))
