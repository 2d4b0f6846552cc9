from __future__ import annotations

import io

import docx as word
import pytest
from docx.oxml import parse_xml
from docx.shared import Inches

from documents import entries, extract, saved, texts, written
from gistill.errors import BadInput
from gistill.ingest import docx

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _saved(document: word.document.Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_paragraphs_lists_tables_comments_and_pictures() -> None:
    document = word.Document()
    document.core_properties.title = "Harbour minutes"
    document.add_heading("Decisions", 1)
    said = document.add_paragraph("The lease ends in ")
    run = said.add_run("June")
    said.add_run(".\tNobody objected.")
    document.add_comment(run, text="Or in July?", author="Priya Nair", initials="PN")
    item = document.add_paragraph("buy two pumps", style="List Bullet")
    item._p.get_or_add_pPr().append(
        parse_xml(f'<w:numPr {_W}><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>')
    )
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Item", "Cost", "Pump", "120"), strict=True):
        cell.text = text
    document.add_picture(io.BytesIO(saved(written("x"), "PNG")), width=Inches(4))
    document.add_picture(io.BytesIO(saved(written("y"), "PNG")), width=Inches(0.3))
    document.add_paragraph("The end.")
    found = extract(docx, "m.docx", _saved(document))
    assert texts(found) == [
        "Decisions",
        "The lease ends in June.\tNobody objected.",
        "Or in July?",
        "- buy two pumps",
        "Item | Cost",
        "Pump | 120",
        "The end.",
    ]
    assert [entry.speaker for entry in entries(found) if entry.speaker] == ["Priya Nair"]
    assert found.reading.title == "Harbour minutes"
    (attached,) = found.reading.attached  # an ornament is not
    assert not isinstance(attached.file, str)
    assert attached.file.name == "m.docx/word/media/image1.png"
    assert attached.file.head(4) == b"\x89PNG"
    assert entries(found)[attached.entry].text == "Pump | 120"


def test_tracked_changes_are_taken_as_accepted() -> None:
    document = word.Document()
    paragraph = document.add_paragraph("We pay ")
    for xml in (
        f'<w:del {_W} w:id="1" w:author="A"><w:r><w:delText>ten</w:delText></w:r></w:del>',
        f'<w:ins {_W} w:id="2" w:author="B"><w:r><w:t>twelve</w:t></w:r></w:ins>',
        f'<w:r {_W}><w:t xml:space="preserve"> euros.</w:t></w:r>',
    ):
        paragraph._p.append(parse_xml(xml))
    assert texts(extract(docx, "m.docx", _saved(document))) == ["We pay twelve euros."]


def test_text_boxes_are_read_once() -> None:
    box = (
        f'<w:r {_W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        "<mc:AlternateContent><mc:Choice Requires='wps'><w:txbxContent><w:p><w:r><w:t>In a box."
        "</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r>"
        "<w:t>In a box.</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r>"
    )
    document = word.Document()
    document.add_paragraph("Beside it.")._p.append(parse_xml(box))
    assert texts(extract(docx, "m.docx", _saved(document))) == ["Beside it.", "In a box."]


_WHOLE = _saved(word.Document())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_WHOLE[: len(_WHOLE) // 2], "m.docx is damaged or not whole"),
        (_WHOLE[:200] + bytes(500) + _WHOLE[700:], "m.docx is damaged or not whole"),
        (b"PK\x03\x04", "m.docx is damaged or not whole"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "m.docx is encrypted; save a copy"),
    ],
)
def test_bad_files_are_told_in_a_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        extract(docx, "m.docx", data)
