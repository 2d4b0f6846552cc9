import re

from hypothesis import given
from hypothesis import strategies as st

from gistill.artifacts.report import figures
from gistill.types import Coverage, Unread


def test_coverage_bar_is_to_scale():
    covered = Coverage(150, 200, (Unread("a", 30, ()), Unread("b", 20, ())))
    html = figures.coverage(covered)
    assert re.findall(r'class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', html) == [
        ("read", "0.0", "450.0"),
        ("unread", "450.0", "90.0"),
        ("unread", "540.0", "60.0"),
    ]
    assert 'aria-label="75% of the input was read"' in html


@given(st.lists(st.integers(0, 10**9), max_size=8), st.integers(0, 10**9))
def test_coverage_bar_never_leaves_its_frame(parts: list[int], read: int):
    covered = Coverage(read, read + sum(parts), tuple(Unread("", n, ()) for n in parts))
    bars = re.findall(r'x="([\d.-]+)" y="0" width="([\d.-]+)"', figures.coverage(covered))
    assert all(float(x) >= 0 and float(w) >= 0 and float(x) + float(w) <= 600.2 for x, w in bars)


def test_histogram_bars_follow_the_counts():
    html = figures.positions((2, 0, 1, 0))
    assert re.findall(r'<rect[^>]*height="([\d.]+)"', html) == ["72.0", "0.0", "36.0", "0.0"]
    assert re.findall(r">(\d+)</text>", html) == ["2", "1"]
    assert "first part to last: 2, 0, 1, 0" in html


def test_histogram_of_nothing():
    assert figures.positions(()) == ""
    assert 'height="0.0"' in figures.positions((0, 0))
