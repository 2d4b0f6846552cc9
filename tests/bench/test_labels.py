"""Names beside the points of a plot."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from gistill.bench.labels import Box, Point, free_corners, name_points, overlap

AREA = (0.0, 0.0, 900.0, 600.0)
SPOTS = st.tuples(st.floats(5, 895), st.floats(5, 595))
SIZES = st.tuples(st.floats(10, 90), st.floats(8, 12))


def boxes(corners: list[Point], sizes: list[Point]) -> list[Box]:
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sizes, strict=True)]


@given(st.lists(st.tuples(SPOTS, SIZES), max_size=12))
def test_no_name_covers_a_point_or_a_name(found: list[tuple[Point, Point]]) -> None:
    points, sizes = [point for point, _ in found], [size for _, size in found]
    marks = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    named = boxes(free_corners(points, sizes, marks, AREA), sizes)
    for one, other in combinations(named, 2):
        assert not overlap(one, other)
    for box in named:
        assert not any(overlap(box, mark) for mark in marks)
        assert AREA[0] <= box[0] <= box[2] <= AREA[2]
        assert AREA[1] <= box[1] <= box[3] <= AREA[3]


def test_a_lone_name_stands_beside_its_point() -> None:
    assert free_corners([(100, 100)], [(50, 10)], [], AREA) == [(108, 95)]
    assert free_corners([(880, 100)], [(50, 10)], [], AREA) == [(822, 95)]


def test_where_all_is_full_every_name_still_has_a_place() -> None:
    assert len(free_corners([(5, 5)] * 3, [(50, 10)] * 3, [AREA], AREA)) == 3


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ((0, 0, 2, 2), (1, 1, 3, 3), True),
        ((0, 0, 2, 2), (2, 0, 4, 2), False),
        ((0, 0, 9, 9), (3, 3, 4, 4), True),
        ((0, 0, 2, 2), (0, 5, 2, 6), False),
    ],
)
def test_boxes_overlap(one: Box, other: Box, said: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is said


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_crowd_is_drawn_legibly(scale: str) -> None:
    points = [(0.04 + 0.002 * i, 20 + 0.3 * i) for i in range(9)]
    names = [f"system-{i}" for i in range(9)]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.scatter(*zip(*points, strict=True))
    axes.set(xscale=scale, xlim=(0.01, 10), ylim=(10, 45))
    texts = name_points(axes, names, points, [(y - 1, y + 1) for _, y in points])
    figure.draw_without_rendering()
    seen = [Text.get_window_extent(text) for text in texts]  # an annotation's holds its line
    for text, extent, name in zip(texts, seen, names, strict=True):
        assert text.get_text() == name
        assert not any(extent.contains(*axes.transData.transform(point)) for point in points)
    for one, other in combinations([extent.extents for extent in seen], 2):
        assert not overlap(tuple(one), tuple(other))
    # Those that had to go far are joined to their points.
    assert any(text.arrow_patch.get_visible() for text in texts)
