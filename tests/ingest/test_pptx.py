from __future__ import annotations

import io

import pptx as slides
import pytest
from pptx.util import Inches

from documents import entries, extract, saved, written
from gistill.errors import BadInput
from gistill.ingest import docx, pptx


def _saved(deck: slides.presentation.Presentation) -> bytes:
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def _deck() -> slides.presentation.Presentation:
    deck = slides.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Harbour budget"
    body = first.placeholders[1].text_frame
    body.text = "42,000 euros until June"
    body.add_paragraph().text = "Ten percent more was refused"
    first.notes_slide.notes_text_frame.text = "Say why: the flood came first."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    frame = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(5), Inches(2))
    for cell, text in zip(frame.table.iter_cells(), ("Item", "Cost", "Pump", "120"), strict=True):
        cell.text = text
    box = second.shapes.add_textbox(Inches(5), Inches(3.75), Inches(2.5), Inches(1))
    box.text_frame.text = "Prices of March"
    return deck


def test_titles_bodies_notes_and_tables_by_slide() -> None:
    found = extract(pptx, "d.pptx", _saved(_deck()))
    assert [(entry.page, entry.text) for entry in entries(found)] == [
        (1, "Harbour budget"),
        (1, "42,000 euros until June\nTen percent more was refused"),
        (1, "Notes: Say why: the flood came first."),
        (2, "Item | Cost"),
        (2, "Pump | 120"),
        (2, "Prices of March"),
    ]
    assert entries(found)[-1].box == pytest.approx((0.5, 0.5, 0.75, 0.6333), abs=0.001)
    assert found.reading.title == "Harbour budget"


def test_a_picture_on_several_slides_is_attached_once_and_ornaments_are_not() -> None:
    deck = _deck()
    for slide in deck.slides:
        for text, width in (("Shown", 5), ("logo", 0.5)):
            image = io.BytesIO(saved(written(text), "PNG"))
            slide.shapes.add_picture(image, 0, 0, width=Inches(width))
    found = extract(pptx, "d.pptx", _saved(deck))
    (attached,) = found.reading.attached
    assert not isinstance(attached.file, str)
    assert attached.file.name.startswith("d.pptx/ppt/media/image")
    assert entries(found)[attached.entry].page == 1


def test_hidden_slides_and_charts_are_noted() -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    deck = _deck()
    deck.slides[1]._element.set("show", "0")
    data = CategoryChartData()
    data.categories = ["a", "b"]
    data.add_series("s", (1, 2))
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    deck.slides[0].shapes.add_chart(XL_CHART_TYPE.PIE, *place, data)
    found = extract(pptx, "d.pptx", _saved(deck))
    assert {entry.page for entry in entries(found)} == {1}
    assert found.reading.notes == ["1 hidden slide left out", "1 chart or diagram not read"]


def test_a_deck_is_no_word_document() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(BadInput, match=r"d\.pptx is no PowerPoint document"):
        extract(pptx, "d.pptx", out.getvalue())
    assert not docx.accepts("d.pptx", out.getvalue())


def test_a_cut_off_deck_is_told_in_a_line() -> None:
    with pytest.raises(BadInput, match=r"d\.pptx is damaged or not whole"):
        extract(pptx, "d.pptx", _saved(_deck())[:5000])
