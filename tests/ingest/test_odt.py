from __future__ import annotations

import io
import zipfile

import pytest

from documents import entries, extract
from gistill.errors import BadInput
from gistill.ingest import odt

_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
)
_TEXT = """<text:tracked-changes><text:p>Deleted.</text:p></text:tracked-changes>
<text:h>Decisions</text:h>
<text:p>The lease<text:s text:c="2"/>ends in <text:span>June</text:span>.<office:annotation>
<dc:creator>Priya Nair</dc:creator><text:p>Or July?</text:p></office:annotation><text:note>
<text:note-citation>1</text:note-citation><text:note-body><text:p>See the deed.</text:p>
</text:note-body></text:note></text:p>
<text:list><text:list-item><text:p>buy two pumps</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Pump</text:p></table:table-cell>
<table:table-cell><text:p>120</text:p></table:table-cell></table:table-row></table:table>"""


def _packed(content: str, kind: str = "text", manifest: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", content)
        archive.writestr(
            "META-INF/manifest.xml", f"<manifest:manifest {_SPACES}>{manifest}</manifest:manifest>"
        )
    return out.getvalue()


def _document(body: str) -> str:
    start = f"<office:document-content {_SPACES}><office:body>"
    return f"{start}{body}</office:body></office:document-content>"


def test_paragraphs_comments_notes_lists_and_tables() -> None:
    found = extract(odt, "any-name", _packed(_document(f"<office:text>{_TEXT}</office:text>")))
    assert [(entry.speaker, entry.text) for entry in entries(found)] == [
        (None, "Decisions"),
        (None, "The lease  ends in June."),
        ("Priya Nair", "Or July?"),
        (None, "See the deed."),
        (None, "- buy two pumps"),
        (None, "Pump | 120"),
    ]


def test_slides_are_pages() -> None:
    frame = "<draw:frame><draw:text-box><text:p>Slide {}</text:p></draw:text-box></draw:frame>"
    pages = "".join(f"<draw:page>{frame.format(n)}</draw:page>" for n in (1, 2))
    deck = _packed(_document(f"<office:presentation>{pages}</office:presentation>"), "presentation")
    found = extract(odt, "d.odp", deck)
    assert [(entry.page, entry.text) for entry in entries(found)] == [
        (1, "Slide 1"),
        (2, "Slide 2"),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_packed("<broken"), "is damaged or not whole"),
        (_packed("<x/>", manifest="<manifest:encryption-data/>"), "is encrypted"),
        (_packed(_document("<text:span>" * 5000 + "</text:span>" * 5000)), "nested too deeply"),
        (b"PK\x03\x04", "is damaged or not whole"),
    ],
)
def test_bad_files_are_told_in_a_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        extract(odt, "m.odt", data)
