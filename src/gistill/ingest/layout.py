"""Lines with boxes become blocks of text in reading order: columns, rows, paragraphs, hyphens.

Columns are found by a recursive cut in the manner of Nagy and Seth's XY tree (1984): a white gutter
parts the lines, and lines that run across it part the page into bands that are read one by one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from gistill.types import Box

_ITEM = re.compile(r"\s*(?:[-–*+•‣◦▪●○·]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_HYPHEN = re.compile(r"[^\W\d_][-‐]$")
_STOP = re.compile(r"[.!?…:;。！？][\"'”’)\]]*\s*$")
_BREAK = "\x02\xad\ufffe"  # how PDFium and others write a hyphen that is there for the line's end
_GUTTER = 1.5  # characters: the least white between columns
_FULL = 0.85  # share of its column that a line of prose fills
_CELL = 12  # characters below which a line is a cell of a table
_LEAST = 2  # lines on each side of a gutter


Gutter = tuple[float, float]  # from where to where it runs across the page


class Line(NamedTuple):
    """A line as found on a page or an image; `box` in shares of its width and height."""

    text: str
    box: Box


class Block(NamedTuple):
    """A paragraph, a list item, a heading or a row of a table."""

    text: str
    box: Box


def blocks(lines: Sequence[Line]) -> list[Block]:
    """The blocks of `lines` in reading order; lines without text are left out."""
    kept = [line for line in lines if line.text.strip()]
    return [block for region in _regions(kept) for block in _paragraphs(_rows(region))]


def joined(texts: Iterable[str]) -> str:
    """Lines as one: hyphens at line ends are taken back, scripts without spaces get none."""
    text = ""
    for piece in texts:
        piece = " ".join(piece.split())
        if not text or not piece:
            text += piece
        elif text[-1] in _BREAK or (
            text[-1] in "-‐" and text[-2:-1].isalpha() and piece[0].islower()
        ):
            text = text[:-1] + piece
        elif _dense(text[-1]) and _dense(piece[0]):
            text += piece
        else:
            text += " " + piece
    return text.translate(dict.fromkeys(map(ord, _BREAK)))


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all `boxes`."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _dense(character: str) -> bool:
    """Whether `character` is of a script that puts no spaces between words."""
    return "\u2e80" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef"


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _height(line: Line) -> float:
    return line.box[3] - line.box[1]


def _character(lines: Sequence[Line]) -> float:
    """The width of a character."""
    return median((line.box[2] - line.box[0]) / len(line.text) for line in lines)


def _regions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Runs of lines that are read from top to bottom: columns, and what runs across them."""
    gutter = _gutter(lines)
    run: list[Line] = []
    for band in _bands(lines, gutter):
        left, right = _sides(band, gutter)
        if gutter is None or not _facing(left, right):
            run += band
            continue
        if run:
            yield run
            run = []
        yield from _regions(left)
        yield from _regions(right)
    if run:
        yield run


def _bands(lines: Sequence[Line], gutter: Gutter | None) -> Iterator[list[Line]]:
    """`lines` from top to bottom, cut at those that run across the gutter."""
    band: list[Line] = []
    for line in sorted(lines, key=_middle):
        if gutter and line.box[0] < gutter[1] and line.box[2] > gutter[0]:
            yield from filter(None, (band, [line]))
            band = []
        else:
            band.append(line)
    if band:
        yield band


def _sides(lines: Sequence[Line], gutter: Gutter | None) -> tuple[list[Line], list[Line]]:
    left = [line for line in lines if gutter and line.box[2] <= gutter[0]]
    right = [line for line in lines if gutter and line.box[0] >= gutter[1]]
    return left, right


def _gutter(lines: Sequence[Line]) -> Gutter | None:
    """The white between two columns; None if these are not columns of prose."""
    if len(lines) < 2 * _LEAST:
        return None
    least = _GUTTER * _character(lines)
    found: list[tuple[int, Gutter]] = []
    for end in {math.ceil(line.box[2] * 200) / 200 for line in lines}:
        gutter = (end, end + least)
        sides = [_sides(band, gutter) for band in _bands(lines, gutter)]
        found.append((sum(_facing(*side) for side in sides if not _tabular(*side)), gutter))
    score, gutter = max(found)
    return gutter if score else None


def _facing(left: Sequence[Line], right: Sequence[Line]) -> int:
    """How many lines of two sides face each other; 0 below what makes columns."""
    if min(len(left), len(right)) < _LEAST:
        return 0
    counts = []
    for side, other in ((left, right), (right, left)):
        _, top, _, bottom = around(line.box for line in other)
        counts.append(sum(top < _middle(line) < bottom for line in side))
    return min(counts) if min(counts) >= _LEAST else 0


def _tabular(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Whether these are the cells of rows: level with each other, and short for their column."""
    if min(len(left), len(right)) < _LEAST or any(_ITEM.match(line.text) for line in right):
        return False
    level = sum(any(abs(_middle(a) - _middle(b)) < 0.3 * _height(b) for a in left) for b in right)
    if level < 0.6 * len(right):
        return False
    lengths = [median(len(line.text) for line in side) for side in (left, right)]
    return min(lengths) < _CELL or min(map(_filled, (left, right))) < _FULL


def _filled(side: Sequence[Line]) -> float:
    """How much of the longest line below which they stand most lines fill."""
    widest: dict[float, float] = {}
    for line in side:
        start = round(line.box[0], 2)
        widest[start] = max(widest.get(start, 1e-6), line.box[2] - line.box[0])
    return median((x.box[2] - x.box[0]) / widest[round(x.box[0], 2)] for x in side)


def _rows(region: Sequence[Line]) -> list[Line]:
    """What stands side by side as one line, the cells of a table parted by bars."""
    rows: list[list[Line]] = []
    for line in region:
        if rows and _level(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_row(sorted(row, key=lambda line: line.box[0])) for row in rows]


def _level(a: Line, b: Line) -> bool:
    shared = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    beside = a.box[2] <= b.box[0] + 0.01 or b.box[2] <= a.box[0] + 0.01
    return beside and shared > 0.5 * min(_height(a), _height(b))


def _row(cells: Sequence[Line]) -> Line:
    text = cells[0].text
    for a, b in pairwise(cells):
        apart = b.box[0] - a.box[2] > 2 * _character(cells)
        text += (" | " if apart else " ") + b.text.strip()
    return Line(text, around(cell.box for cell in cells))


def _paragraphs(rows: Sequence[Line]) -> Iterator[Block]:
    if not rows:
        return
    left = min(row.box[0] for row in rows)
    right = max(row.box[2] for row in rows)
    height = median(map(_height, rows))
    gaps = sorted(b.box[1] - a.box[3] for a, b in pairwise(rows))
    usual = min(gaps[len(gaps) // 4], 0.8 * height) if gaps else 0.0
    run = [rows[0]]
    for above, below in pairwise(rows):
        parted = below.box[1] - above.box[3] > usual + 0.5 * height
        if parted or _begins(above, below, left, right):
            yield _block(run)
            run = []
        run.append(below)
    yield _block(run)


def _begins(above: Line, below: Line, left: float, right: float) -> bool:
    """Whether a block begins at `below` although no more white than usual stands above it."""
    tall, low = max(_height(above), _height(below)), min(_height(above), _height(below))
    if _ITEM.match(below.text) or " | " in above.text or " | " in below.text:
        return True
    if tall > 1.4 * low:
        return True
    character = max((above.box[2] - above.box[0]) / len(above.text), 1e-6)
    indented = below.box[0] - above.box[0] > 1.5 * character and above.box[0] - left < character
    word = below.text.split()[0]
    room = (right - above.box[2]) / character > len(word) + 2
    if _STOP.search(above.text):
        return room or (indented and not _ITEM.match(above.text))
    return room and right - above.box[2] > 0.3 * (right - left) and not word[0].islower()


def _block(run: Sequence[Line]) -> Block:
    return Block(joined(line.text for line in run), around(line.box for line in run))
