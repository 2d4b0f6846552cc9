"""Names beside the points of a plot, where they cover no point, no error bar and no other name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top

_NEAR, _STEP = 8.0, 6.0  # pixels from a point to its name: at best, and more each round
_ROUNDS = 60
_MARK = 4.0  # pixels around a point that are its own
# Where a name may stand, best first: beside its point, slanting, above or below.
_SIDES = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))


def name_points(
    axes: Any, names: Sequence[str], points: Sequence[Point], bars: Sequence[Point] | None = None
) -> list[Any]:
    """Adds an annotation a point, joined to it by a line where it had to stand apart.

    `points` are in units of the data, `bars` the lower and upper end of each one's error bar. To be
    called when the axes have their limits and all else that is drawn there.
    """
    from matplotlib.text import Text

    figure = axes.figure
    style = {"textcoords": "offset points", "parse_math": False, "fontsize": 8}
    texts = [
        axes.annotate(name, point, (0, 0), arrowprops={"arrowstyle": "-", "lw": 0.4}, **style)
        for name, point in zip(names, points, strict=True)
    ]
    figure.draw_without_rendering()  # now texts have sizes, and data a place in pixels
    ends = bars or [(y, y) for _, y in points]
    spots: list[Point] = [(float(x), float(y)) for x, y in map(axes.transData.transform, points)]
    taken = []
    for (x, _), (low, high) in zip(points, ends, strict=True):
        left, bottom = axes.transData.transform((x, low))
        right, top = axes.transData.transform((x, high))
        taken.append((left - _MARK, bottom - _MARK, right + _MARK, top + _MARK))
    for text in texts:
        text.arrow_patch.set_visible(False)
    extents = [Text.get_window_extent(text) for text in texts]  # an annotation's holds its line
    sizes = [(extent.width, extent.height) for extent in extents]
    scale = 72 / figure.dpi
    corners = free_corners(spots, sizes, taken, axes.bbox.extents)
    for text, (x, y), (left, bottom), (width, height) in zip(
        texts, spots, corners, sizes, strict=True
    ):
        text.set_position(((left - x) * scale, (bottom - y) * scale))
        text.set_verticalalignment("bottom")
        near_x, near_y = _within(x, left, left + width), _within(y, bottom, bottom + height)
        text.arrow_patch.set_visible(abs(x - near_x) + abs(y - near_y) > 2 * _NEAR)
    return texts


def free_corners(
    points: Sequence[Point], sizes: Sequence[Point], taken: Sequence[Box], area: Box
) -> list[Point]:
    """The lower left corner for a name of each size, close to its point, on nothing `taken` and on
    no other name. Where all of `area` is full, it is the last place that was tried."""
    taken = list(taken)
    found: dict[int, Point] = {}
    # From above, so that names of a cluster keep the order of their points.
    for index in sorted(range(len(points)), key=lambda i: -points[i][1]):
        box = (0.0, 0.0, 0.0, 0.0)
        for box in _candidates(points[index], sizes[index]):
            inside = area[0] <= box[0] and area[1] <= box[1]
            inside = inside and box[2] <= area[2] and box[3] <= area[3]
            if inside and not any(overlap(box, other) for other in taken):
                break
        taken.append(box)
        found[index] = box[:2]
    return [found[index] for index in range(len(points))]


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share any of their insides."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _candidates(point: Point, size: Point) -> Iterator[Box]:
    (x, y), (width, height) = point, size
    shift = {1: 0.0, 0: -0.5, -1: -1.0}
    for number in range(_ROUNDS):
        apart = _NEAR + number * _STEP
        for right, up in _SIDES:
            left = x + apart * right + width * shift[right]
            bottom = y + apart * up + height * shift[up]
            yield left, bottom, left + width, bottom + height


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
