from __future__ import annotations

import io

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from documents import Kept, entries, error_rate, extract, pdf, scan, texts, written
from gistill.errors import BadInput, MissingExtra
from gistill.ingest import ocr
from gistill.ingest import pdf as reader
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.tools import Tools
from gistill.types import Locator

_MINUTES = [
    "The committee met on 4 March to decide about the harbour crane. It was agreed that the lease "
    "ends in June, and that nobody will renew it before the survey is done.",
    "Maintenance of the well-known lighthouse was moved to autumn. The budget of 42,000 euros "
    "stays as it was, although the contractor had asked for ten percent more.",
    "- buy two pumps",
    "Finally the board thanked the volunteers for their work during the flood.",
]


@pytest.mark.parametrize(
    ("name", "head", "taken"),
    [
        ("scan", b"%PDF-1.7\n", True),
        ("scan.PDF", b"\r\nHTTP/1.1 200 OK\r\n\r\n%PDF-1.7\n", True),
        ("chat.txt", b"Ann: The header is %PDF-1.4, and it still fails.", False),
        ("chat.txt", b"Ann: It is a PDF.", False),
    ],
)
def test_the_mark_tells_a_pdf_and_talk_of_it_does_not(name: str, head: bytes, taken: bool) -> None:
    assert reader.accepts(name, head) is taken


@pytest.mark.parametrize("columns", [1, 2])
def test_paragraphs_are_whole_and_in_order(columns: int) -> None:
    found = extract(reader, "m.pdf", pdf(_MINUTES, columns=columns, title="Minutes"))
    assert texts(found) == [*_MINUTES, "Page 1"]
    assert {entry.page for entry in entries(found)} == {1}
    assert found.reading.title == "Minutes"
    tops = [entry.box[1] for entry in entries(found) if entry.box]
    assert tops == sorted(tops)


def test_the_second_column_follows_the_first_and_pages_are_counted() -> None:
    said = [f"{text} This is turn {n}." if len(text) > 20 else text
            for n in range(12) for text in _MINUTES]  # fmt: skip
    found = extract(reader, "m.pdf", pdf(said, columns=2, head="Harbour board, spring"))
    kept = [text for text in texts(found) if text.startswith("The committee")]
    assert [int(t.rpartition(" ")[2][:-1]) for t in kept] == sorted(
        int(t.rpartition(" ")[2][:-1]) for t in kept
    )
    pages = [entry.page for entry in entries(found)]
    assert pages == sorted(pages, key=lambda page: page or 0)


def test_running_heads_are_left_out_and_noted() -> None:
    found = extract(reader, "m.pdf", pdf(_MINUTES * 30, head="Harbour board, spring"))
    pages = max(entry.page or 0 for entry in entries(found))
    assert pages >= 3
    assert not any("spring" in text or text.startswith("Page") for text in texts(found))
    assert found.reading.notes == ["2 running heads and feet left out"]


def test_boxes_follow_rotation() -> None:
    made = io.BytesIO()
    sheet = Canvas(made, pagesize=(600, 800))
    sheet.drawString(100, 700, "The lease ends in June.")
    sheet.save()
    document = pypdfium2.PdfDocument(made.getvalue())
    document[0].set_rotation(90)
    out = io.BytesIO()
    document.save(out)
    document.close()
    (upright,) = entries(extract(reader, "m.pdf", made.getvalue()))
    (turned,) = entries(extract(reader, "m.pdf", out.getvalue()))
    assert upright.box is not None
    left, top, right, bottom = upright.box
    assert (left, top) == pytest.approx((100 / 600, 1 - 712 / 800), abs=0.01)
    assert turned.box == pytest.approx((1 - bottom, left, 1 - top, right), abs=0.001)


def test_scanned_pages_are_read_by_ocr_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [written(text) for text in _MINUTES[:2]]
    memory = Kept()
    data = scan(*pages)
    found = extract(reader, "s.pdf", data, Tools(memory=memory))
    assert {(entry.kind, entry.page) for entry in entries(found)} == {
        ("paragraph", 1),
        ("paragraph", 2),
    }
    rate = error_rate(" ".join(_MINUTES[:2]), " ".join(texts(found)))
    with capsys.disabled():
        print(f"\nscanned PDF: character error rate {rate:.3f}")
    assert rate < 0.03
    assert found.reading.notes == ["2 pages without text read by OCR"]
    again = extract(reader, "s.pdf", data, Tools(memory=memory))
    assert (again.text, again.reading) == (found.text, found.reading)
    assert (len(memory.values), memory.found) == (2, 2)


def test_a_scan_without_ocr_is_a_gap_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = scan(written("The lease ends in June."))
    found = extract(reader, "s.pdf", data, Tools(ocr=False))
    assert texts(found) == []
    assert found.reading.notes == ["1 page is a scan and was not read: OCR is switched off"]
    monkeypatch.setattr(ocr, "NEEDS", Needs("images", ("no_such_module",)))
    with pytest.raises(MissingExtra, match=r"s.pdf.*pip install 'gistill\[images\]'"):
        extract(reader, "s.pdf", data)


def test_empty_pages_are_not_scans() -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(200, 200)
    out = io.BytesIO()
    document.save(out)
    document.close()
    found = extract(reader, "e.pdf", out.getvalue())
    assert (texts(found), found.reading.notes) == ([], [])


def test_a_thousand_pages() -> None:
    source = pypdfium2.PdfDocument(pdf(_MINUTES[:1]))
    document = pypdfium2.PdfDocument.new()
    for _ in range(1000):
        document.import_pages(source, [0])
    out = io.BytesIO()
    document.save(out)
    for one in (document, source):
        one.close()
    found = extract(reader, "long.pdf", out.getvalue())
    assert [entry.page for entry in entries(found)] == list(range(1, 1001))


def test_the_picture_of_a_page() -> None:
    blob = Blob.of("m.pdf", pdf(_MINUTES))
    image = reader.picture(blob, Locator("m.pdf", (0, 1), page=1))
    assert image is not None
    assert max(image.size) == 1200
    assert not ocr.blank(image)
    assert reader.picture(blob, Locator("m.pdf", (0, 1), page=2)) is None


def _encrypted() -> bytes:
    from reportlab.lib.pdfencrypt import StandardEncryption

    return pdf(_MINUTES, encrypt=StandardEncryption("secret", canPrint=0))


def _empty() -> bytes:
    document = pypdfium2.PdfDocument.new()
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_encrypted(), "x.pdf is encrypted; save a copy of it without the password"),
        (pdf(_MINUTES)[:300], "x.pdf is damaged or not whole; fetch it again"),
        (b"%PDF-1.7\n" + bytes(1000), "x.pdf is damaged or not whole; fetch it again"),
        (_empty(), "x.pdf has no pages"),
    ],
)
def test_bad_files_are_told_in_a_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput) as error:
        extract(reader, "x.pdf", data)
    assert str(error.value) == said
