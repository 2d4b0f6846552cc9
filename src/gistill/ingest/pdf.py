"""PDF documents: text page by page in reading order; pages without text are read by OCR."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import byref, c_double, c_int
from typing import TYPE_CHECKING, Any

from gistill.errors import BadInput, MissingExtra
from gistill.ingest import ocr
from gistill.ingest.blob import Blob
from gistill.ingest.layout import Block, Line, around, blocks
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.tools import Tools
from gistill.types import Box, Locator

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "PDF"
ABOUT = "text by page, with boxes; scanned pages by OCR"
SUFFIXES: tuple[str, ...] = (".pdf",)
NEEDS = Needs("docs", ("pypdfium2",))

_GRAIN = 1 << 20  # steps across a page in which PDFium gives positions
_SPARSE = 8  # letters: a page with fewer may be a scan that was stamped
_GAP = 1.5  # times its height: white inside a line that parts columns
_RUNNING = 3  # pages that a line repeated at one height heads or foots
_MARGIN = 0.1  # share of the page at its top and bottom where these stand
_ENDS = (10, 13)  # of lines, as numbers of characters
# 2 is no space: PDFium writes it for a hyphen at the end of a line.
_WHITE = frozenset((0, *range(9, 14), 32, 160, *range(0x2000, 0x200C), 0x3000))
_MARK = b"%PDF-"
_SHORT = 1 << 16  # bytes; a document without pages is no longer
_CAUSES = {
    "password": "is encrypted; save a copy of it without the password",
    "security": "is encrypted in a way that is not supported; save a copy without encryption",
    "format": "is damaged or not whole; fetch it again",
    "page": "is damaged or not whole; fetch it again",
}


def accepts(name: str, head: bytes) -> bool:
    """By its mark, which may stand a little way into a file of that suffix: others may speak of
    it."""
    return head.startswith(_MARK) or (name.lower().endswith(SUFFIXES) and _MARK in head[:1024])


def read(blob: Blob, tools: Tools) -> Extract:
    """Its paragraphs in reading order, each with page and box; running heads are left out.

    Raises: BadInput if it is encrypted, damaged or has no pages; MissingExtra.
    """
    pieces = Pieces()
    with _opened(blob) as document:
        pages = [_lines(document, n) for n in range(len(document))]
        heads = _running(pages)
        sparse = [n for n, lines in enumerate(pages) if _letters(lines) < _SPARSE]
        scans = _Scans(document, blob, tools, [n for n in sparse if _pictured(document, n)])
        for number, lines in enumerate(pages):
            kept = [line for line in lines if _mark(line) not in heads]
            # A scan is a document all the same: its text is no picture beside other text.
            scanned = scans.read(number) if number in scans.numbers else []
            for block in scanned or blocks(kept):
                pieces.add(block.text, page=number + 1, box=block.box)
        if heads:
            said = plural(len(heads), "running head or foot", "running heads and feet")
            pieces.notes.append(f"{said} left out")
        pieces.notes += scans.notes(whole=not pieces.entries)
        title = document.get_metadata_dict().get("Title", "")
    return pieces.extract(blob, title)


def picture(blob: Blob, at: Locator) -> Image | None:
    """The page that `at` names. Raises: BadInput, MissingExtra."""
    with _opened(blob) as document:
        if at.page is None or not 1 <= at.page <= len(document):
            return None
        return _rendered(document, at.page - 1, 1200)


class _Scans:
    """The pages that hold a picture instead of text, and what was made of them."""

    def __init__(self, document: Any, blob: Blob, tools: Tools, numbers: Sequence[int]) -> None:
        self.numbers = set(numbers)
        self._document = document
        self._tools = tools
        self._name = blob.name
        self._sha256 = blob.sha256() if numbers else ""
        self._done = 0
        self._off = "" if tools.ocr else "OCR is switched off"
        if ocr.NEEDS.missing:
            self._off = str(MissingExtra("OCR", ocr.NEEDS.extra))

    def read(self, number: int) -> list[Block]:
        if self._off:
            return []
        share = self._done / len(self.numbers)
        self._tools.say(f"reading page {number + 1} of {self._name}", share)
        image = _rendered(self._document, number, ocr.SIDE)
        self._done += 1
        return blocks(ocr.read(image, self._tools, self._sha256, number))

    def notes(self, whole: bool) -> list[str]:
        """What to say of them; `whole` if the document holds nothing else.

        Raises: MissingExtra if nothing of it could be read for lack of one.
        """
        if not self.numbers:
            return []
        if not self._off:
            return [f"{plural(len(self.numbers), 'page')} without text read by OCR"]
        if whole and self._tools.ocr:
            raise MissingExtra(f"{self._name}, a scan,", ocr.NEEDS.extra)
        said = plural(len(self.numbers), "page is a scan and was", "pages are scans and were")
        return [f"{said} not read: {self._off}"]


@contextmanager
def _opened(blob: Blob) -> Iterator[Any]:
    """The document, with pages. Raises: BadInput, MissingExtra."""
    NEEDS.check("reading PDF")
    import pypdfium2

    with blob.on_disk() as path:
        try:
            document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            raise BadInput(f"{blob.name} {_cause(blob, str(error))}") from None
        try:
            yield document
        finally:
            document.close()


def _cause(blob: Blob, error: str) -> str:
    # Of a document without pages PDFium gives the error of the one that it refused before.
    if re.search(rb"/Count\s+0\b", blob.head(_SHORT)):
        return "has no pages"
    return next((said for word, said in _CAUSES.items() if word in error.lower()), error)


def _letters(lines: Sequence[Line]) -> int:
    return sum(sum(map(str.isalnum, line.text)) for line in lines)


def _pictured(document: Any, number: int) -> bool:
    """Whether the page draws anything at all besides text."""
    import pypdfium2.raw as pdfium

    try:
        page = document[number]
    except RuntimeError:
        return False
    return any(item.type != pdfium.FPDF_PAGEOBJ_TEXT for item in page.get_objects(max_depth=3))


def _rendered(document: Any, number: int, side: int) -> Image:
    """The page as an image whose longer side has `side` pixels."""
    page = document[number]
    scale = side / max(*page.get_size(), 1.0)
    image: Image = page.render(scale=scale).to_pil().convert("RGB")
    page.close()
    return image


def _lines(document: Any, number: int) -> list[Line]:
    """The lines of a page as PDFium finds them, cut where columns may meet."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return []  # one damaged page among others
    text = page.get_textpage()
    handle, unicode = text.raw, pdfium.FPDFText_GetUnicode
    codes = [unicode(handle, index) for index in range(text.count_chars())]
    lines: list[Line] = []
    words: list[Line] = []
    start = 0
    for end, code in enumerate([*codes, _ENDS[0]]):
        if code not in _WHITE:
            continue
        if start < end and (box := _box(handle, start, end - 1)):
            words.append(Line("".join(map(_character, codes[start:end])), box))
        start = end + 1
        if code in _ENDS:
            lines += _cut(page, words)
            words = []
    text.close()
    page.close()
    return lines


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _box(text: Any, first: int, last: int) -> Box | None:
    """Around the first and the last character of a word, in points, from the bottom left."""
    import pypdfium2.raw as pdfium

    boxes = []
    for index in {first, last}:
        rect = pdfium.FS_RECTF()
        if pdfium.FPDFText_GetLooseCharBox(text, index, rect):
            boxes.append((rect.left, rect.bottom, rect.right, rect.top))
    return around(boxes) if boxes else None


def _cut(page: Any, words: Sequence[Line]) -> Iterator[Line]:
    """The pieces of a line that wide white parts."""
    piece: list[Line] = []
    for word in words:
        if piece:
            high = max(word.box[3] - word.box[1], 1.0)
            if word.box[0] - piece[-1].box[2] > _GAP * high:
                yield _line(page, piece)
                piece = []
        piece.append(word)
    if piece:
        yield _line(page, piece)


def _line(page: Any, words: Sequence[Line]) -> Line:
    left, bottom, right, top = around(word.box for word in words)
    corners = [_place(page, left, bottom), _place(page, right, top)]
    return Line(" ".join(word.text for word in words), around((x, y, x, y) for x, y in corners))


def _place(page: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the page as shares of what is seen of it, rotated and cropped as it is."""
    import pypdfium2.raw as pdfium

    across, down = c_int(), c_int()
    pdfium.FPDF_PageToDevice(
        page, 0, 0, _GRAIN, _GRAIN, 0, c_double(x), c_double(y), byref(across), byref(down)
    )
    shares = (min(max(round(steps.value / _GRAIN, 4), 0.0), 1.0) for steps in (across, down))
    return next(shares), next(shares)


def _mark(line: Line) -> tuple[str, int] | None:
    """What a running head has in common on all pages; None for lines inside the page."""
    if line.box[1] > _MARGIN and line.box[3] < 1 - _MARGIN:
        return None
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", line.text.lower()), round(line.box[1] * 50)


def _running(pages: Sequence[Sequence[Line]]) -> set[tuple[str, int] | None]:
    """Marks of lines that stand at one height of more than half of the pages."""
    seen = Counter(mark for lines in pages for mark in {_mark(line) for line in lines} if mark)
    return {mark for mark, times in seen.items() if times >= max(_RUNNING, len(pages) // 2 + 1)}
