#!/usr/bin/env python3
"""What PDFs and OCR cost, beside plain calls of the libraries that read them.

    python benchmarks/ingest_documents.py [pdf ocr]

gistill's reading and the plain call take turns in one process, so that a busy machine slows both;
figures are CPU seconds, the least of all turns. Pages are set and rendered on the spot.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

from documents import pdf, written  # noqa: E402

_WORDS = """the budget launch printer contract roadmap moves waits costs until week quarter team
server backup report ferry tower lamp visitor because although decided asked proposed rejected
delivery schedule invoice customer designer engineer window battery license summer winter""".split()
_TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all where none is named")
    parser.add_argument("--pages", type=int, default=100, help="of the PDF")
    args = parser.parse_args()
    for name in args.part or PARTS:
        print(PARTS[name](args.pages), flush=True)


def prose(dice: random.Random, sentences: int) -> str:
    return " ".join(
        " ".join(dice.choices(_WORDS, k=dice.randrange(6, 18))).capitalize() + "."
        for _ in range(sentences)
    )


def turns(*calls: Callable[[], object]) -> list[float]:
    """The CPU seconds of each call, the least of some turns, after one that warms up."""
    spent: list[list[float]] = [[] for _ in calls]
    for turn in range(_TURNS + 1):
        for call, seconds in zip(calls, spent, strict=True):
            begin = time.process_time()
            call()
            if turn:
                seconds.append(time.process_time() - begin)
    return [min(seconds) for seconds in spent]


def documents(pages: int) -> str:
    """A two-column PDF: with boxes in reading order, and as PDFium writes its text out."""
    import pypdfium2

    from gistill.ingest import pdf as reader
    from gistill.ingest.blob import Blob
    from gistill.ingest.tools import Tools

    dice = random.Random(7)
    data = pdf([prose(dice, 6) for _ in range(10 * pages)], columns=2, head="Report")

    def plain() -> int:
        document = pypdfium2.PdfDocument(io.BytesIO(data))
        return sum(len(page.get_textpage().get_text_range()) for page in document)

    found = reader.read(Blob.of("x.pdf", data), Tools())
    count = max(entry.page or 0 for entry in found.reading.entries)
    ours, theirs = turns(lambda: reader.read(Blob.of("x.pdf", data), Tools()), plain)
    return (
        f"pdf: {count} pages, {len(found.text):,} characters: {1000 * ours / count:.1f} ms a page; "
        f"PDFium's text without boxes and order: {1000 * theirs / count:.1f} ms"
    )


def recognition(pages: int) -> str:
    """A page of a scan: read into blocks, and RapidOCR called on the same pixels."""
    import numpy as np

    from gistill.ingest import ocr
    from gistill.ingest.layout import blocks
    from gistill.ingest.tools import Tools

    page = written(prose(random.Random(7), 24), size=(1240, 1754), point=26)
    lines = len(ocr.read(page, Tools()))

    def ours() -> object:
        return blocks(ocr.read(page, Tools()))

    def theirs() -> object:
        return ocr.recognizer()(np.asarray(page)[:, :, ::-1])

    mine, plain = turns(ours, theirs)
    return (
        f"ocr: an A4 page at 150 dpi of {lines} lines: {mine:.2f} CPU seconds; "
        f"RapidOCR alone, same settings: {plain:.2f}; ratio {mine / plain:.3f}"
    )


PARTS = {"pdf": documents, "ocr": recognition}

if __name__ == "__main__":
    main()
