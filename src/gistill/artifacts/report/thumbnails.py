"""Small pictures of what is cited: the part of the page or the image, the frame of the film."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from gistill.artifacts import plain
from gistill.artifacts.citations import Citations, clock
from gistill.artifacts.report.claims import escape
from gistill.segmentation.seen import SEEN
from gistill.types import Box, Segment, Source, Thread

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 60  # pictures on a page
BYTES = 1_500_000  # of all of them together
_SIDE = 560  # pixels: the longer side of a picture
_AROUND = 0.05  # share of the page shown on each side of the cited part
_LEAST = (0.5, 0.25)  # shares of the width and height that are shown at least
_QUALITY = 60
_LINE = "#d6a51c"  # around the cited part: the color that marks it in the text


class Thumbnails(NamedTuple):
    """Figures as HTML by the id of their segment, and what to say of those that are not there."""

    figures: dict[str, str]
    notes: list[str]


def make(thread: Thread, citations: Citations) -> Thumbnails:
    """Pictures for the cited segments that stand on a page, an image or a film, as long as their
    files are still there; the summary's own citations first."""
    wanted = [citations.segments[id_] for id_ in citations.numbers]
    wanted = [s for s in wanted if s.at.page or s.at.box or s.kind in SEEN]
    if not wanted:
        return Thumbnails({}, [])
    if not importlib.util.find_spec("PIL"):
        return Thumbnails({}, ["To see what is cited, run: pip install 'gistill[images]'"])
    figures, gone, whole = _made(wanted, thread.sources)
    notes = [f"No picture: {why}" for why in gone]
    if not whole:
        notes.append("Further pictures were left out, for they would make this page too large")
    return Thumbnails(figures, notes)


def _made(
    wanted: Iterable[Segment], sources: Iterable[Source]
) -> tuple[dict[str, str], list[str], bool]:
    """The figures, why some files could not be shown, and whether the room was enough."""
    from gistill.ingest.pictures import Pictures

    figures: dict[str, str] = {}
    size = 0
    with closing(Pictures(sources)) as pictures:
        for segment in wanted:
            image = pictures.of(segment.at)
            if image is None:
                continue
            data = _small(image, segment.at.box)
            size += len(data)
            if len(figures) == MOST or size > BYTES:
                return figures, list(pictures.gone.values()), False
            figures[segment.id] = _figure(segment, data)
        return figures, list(pictures.gone.values()), True


def _small(image: Image, box: Box | None) -> bytes:
    """The part of `image` around `box`, which is outlined, as WebP."""
    from PIL import ImageDraw

    width, height = image.size
    image = image.convert("RGB")
    if box is not None:
        left, top, right, bottom = _view(box)
        part = image.crop(
            (int(left * width), int(top * height), int(right * width), int(bottom * height))
        )
        part.thumbnail((_SIDE, _SIDE))
        across, down = part.width / (right - left), part.height / (bottom - top)
        edges = (
            (box[0] - left) * across - 3,
            (box[1] - top) * down - 3,
            (box[2] - left) * across + 3,
            (box[3] - top) * down + 3,
        )
        ImageDraw.Draw(part).rectangle(edges, outline=_LINE, width=2)
        image = part
    else:
        image.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY)
    return out.getvalue()


def _view(box: Box) -> Box:
    """The part of the page to show: `box` with some of what is around it."""
    edges = []
    for low, high, least in ((box[0], box[2], _LEAST[0]), (box[1], box[3], _LEAST[1])):
        half = max(high - low + 2 * _AROUND, least) / 2
        middle = min(max((low + high) / 2, half), 1 - half) if half < 0.5 else 0.5
        edges.append((max(0.0, middle - half), min(1.0, middle + half)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _figure(segment: Segment, data: bytes) -> str:
    place = plain.line(segment.at.source)
    if segment.at.time is not None:
        place += f" at {clock(segment.at.time[0])}"
    if segment.at.page is not None:
        place += f", page {segment.at.page:,}"
    packed = base64.b64encode(data).decode("ascii")
    return (
        f'<figure><img src="data:image/webp;base64,{packed}" alt="{escape(place)}" '
        'loading="lazy"></figure>'
    )
