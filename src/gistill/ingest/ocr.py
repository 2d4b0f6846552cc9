"""Text in images: PP-OCRv6 by RapidOCR, whose wheel holds the models, run by OpenVINO.

OpenVINO is what gistill's own model runs on: nothing more to install than with ONNX Runtime, and
quicker (`benchmarks/ingest.py`).
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from gistill.ingest.layout import Line
from gistill.ingest.needs import Needs
from gistill.ingest.tools import Tools

if TYPE_CHECKING:
    from PIL.Image import Image

NEEDS = Needs("images", ("PIL", "rapidocr"))
SIDE = 2000  # pixels: the longer side that the detector works on; it shrinks what is larger
_VERSION = 1  # of what is made of the recognizer's answer
_SMALLEST = 320  # pixels to which the shorter side is blown up; RapidOCR's own 736 takes longer
_OVERLAP = 120  # pixels that two strips share: more than a line is high
_LEAST = 0.5  # confidence below which a line is no text


def read(image: Image, tools: Tools, *address: object) -> list[Line]:
    """The lines of text in `image`, in no order that means anything.

    `address` names the image (the sha256 of its file, the page): under it, and under what reads
    it, the lines are kept in `tools.memory`, so that a killed run does not read it again.

    Raises: MissingExtra.
    """
    NEEDS.check("reading text in images")
    place = _key(*address) if tools.memory is not None else ""
    if tools.memory is not None and isinstance(kept := tools.memory.get(place), list):
        return [Line(text, (a, b, c, d)) for text, (a, b, c, d) in kept]
    lines = [] if blank(image) else _recognized(image)
    if tools.memory is not None:
        tools.memory.put(place, "ocr", [[line.text, line.box] for line in lines])
    return lines


def blank(image: Image) -> bool:
    """Whether `image` is of one color, give or take the noise of a scanner."""
    low, high = image.convert("L").getextrema()
    return float(high) - float(low) < 24  # type: ignore[arg-type]


def _key(*address: object) -> str:
    from gistill.store import key

    return key("ocr", _VERSION, metadata.version("rapidocr"), *address)


def _recognized(image: Image) -> list[Line]:
    """The lines of the whole image; a long screenshot is read in strips that overlap."""
    width, height = image.size
    step = max(SIDE, 2 * width) - _OVERLAP
    if height <= step + 2 * _OVERLAP:
        return _strip(image, 0, height)
    lines = []
    for top in range(0, height, step):
        bottom = min(top + step + _OVERLAP, height)
        for line in _strip(image.crop((0, top, width, bottom)), top, height):
            # A line belongs to the strip in whose own part, without the overlap's halves, it is.
            middle = (line.box[1] + line.box[3]) / 2 * height - top
            first, last = top == 0, bottom == height
            if (first or middle >= _OVERLAP / 2) and (last or middle < step + _OVERLAP / 2):
                lines.append(line)
        if bottom == height:
            break
    return lines


def _strip(image: Image, top: int, height: int) -> list[Line]:
    """The lines of a part of an image that is `height` pixels high, from row `top` on."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1]  # OpenCV's order: blue, green, red
    found = recognizer()(pixels)
    if not found.txts or found.boxes is None:
        return []
    lines = []
    for text, corners in zip(found.txts, found.boxes, strict=True):
        across, down = corners[:, 0] / image.width, (corners[:, 1] + top) / height
        edges = (across.min(), down.min(), across.max(), down.max())
        left, over, right, under = (round(min(max(float(e), 0.0), 1.0), 4) for e in edges)
        if text.strip():
            lines.append(Line(text.strip(), (left, over, right, under)))
    return lines


@cache
def recognizer() -> Any:
    """The recognizer, loaded once a process; it takes BGR pixels (height, width, 3)."""
    from importlib.resources import files

    import rapidocr

    # Named by path, models are never fetched.
    models = files("rapidocr") / "models"
    openvino = rapidocr.EngineType.OPENVINO
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,  # lines upside down: cameras say how they were held
            "Global.text_score": _LEAST,
            "Global.max_side_len": SIDE,
            "Det.engine_type": openvino,
            "Det.limit_side_len": _SMALLEST,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.engine_type": openvino,
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
        }
    )
