"""Real documents and images, made by the programs that people make them with."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from gistill.ingest.blob import Blob
from gistill.ingest.reading import Entry, Extract, FileReader
from gistill.ingest.tools import Tools


class Kept:
    """A memory that counts what is put into it and found in it."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.found = 0

    def get(self, key: str) -> object | None:
        self.found += key in self.values
        return self.values.get(key)

    def put(self, key: str, stage: str, value: object) -> None:
        self.values[key] = value


def extract(reader: FileReader, name: str, data: bytes, tools: Tools | None = None) -> Extract:
    """What `reader`, which has to accept it, makes of a file; its spans are checked."""
    blob = Blob.of(name, data)
    assert reader.accepts(name, blob.head())
    found = reader.read(blob, tools or Tools())
    for entry in found.reading.entries:
        assert found.text[slice(*entry.span)] == entry.text
        assert entry.text.strip() == entry.text != ""
        assert entry.box is None or all(0 <= edge <= 1 for edge in entry.box)
    return found


def texts(found: Extract) -> list[str]:
    return [entry.text for entry in found.reading.entries]


def entries(found: Extract) -> Sequence[Entry]:
    return found.reading.entries


def pdf(paragraphs: Sequence[str], *, columns: int = 1, head: str = "", **settings: Any) -> bytes:
    """A PDF by ReportLab: justified paragraphs in columns, `head` and a number on each page."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

    width, height = A4
    style = getSampleStyleSheet()["BodyText"]
    style.alignment = 4  # justified

    def dress(canvas: Any, page: Any) -> None:
        canvas.setFont("Helvetica", 9)
        canvas.drawString(50, height - 40, head)
        canvas.drawCentredString(width / 2, 30, f"Page {page.page}")

    across = (width - 100) / columns
    frames = [
        Frame(50 + n * across, 60, across - 12 * (columns > 1), height - 130)
        for n in range(columns)
    ]
    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=A4, invariant=1, **settings)
    document.addPageTemplates(PageTemplate(frames=frames, onPage=dress))
    document.build([Paragraph(text, style) for text in paragraphs])
    return out.getvalue()


def scan(*pages: Image.Image) -> bytes:
    """A PDF whose pages are pictures, as a scanner leaves it."""
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=list(pages[1:]), resolution=150)
    return out.getvalue()


def font(size: int) -> ImageFont.FreeTypeFont:
    """A font that comes with matplotlib, so that tests need none of the system's."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)


def written(
    *columns: str,
    size: tuple[int, int] = (1000, 700),
    point: int = 24,
    ink: str = "black",
    paper: str = "white",
) -> Image.Image:
    """Paper with columns of text beside each other, wrapped to their width."""
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    across = size[0] // len(columns)
    for n, column in enumerate(columns):
        lines = [
            line
            for paragraph in column.split("\n")
            for line in textwrap.wrap(paragraph, int((across - 60) / (0.56 * point))) or [""]
        ]
        for row, line in enumerate(lines):
            place = (30 + n * across, 30 + row * int(1.4 * point))
            draw.text(place, line, font=font(point), fill=ink)
    return image


def saved(image: Image.Image, form: str, **settings: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **settings)
    return out.getvalue()


def error_rate(said: str, heard: str) -> float:
    """The character error rate: edits from `heard` to `said`, by the length of `said`."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1] / max(len(said), 1)
