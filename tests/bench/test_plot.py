"""The plot of quality over latency."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from gistill.bench.plot import quality_latency


def figure(run: str, seconds: float, f1: float, low: float, high: float) -> dict[str, Any]:
    rouge = {"rougeLsum": {"f1": f1, "low": low, "high": high}}
    return {"run": run, "seconds": {"mean": seconds}, "rouge": rouge}


FOUND = [figure("lead", 0.02, 14.1, 13.0, 15.3), figure("bundled", 9.5, 21.4, 20.2, 22.9)]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text")]


def places(svg: str, names: list[str]) -> list[tuple[float, float]]:
    """Where the names stand, x to the right and y downwards."""
    root = ElementTree.fromstring(svg)
    found = {}
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        found[text.text] = float(text.get("x", 0)), float(text.get("y", 0))
    return [found[name] for name in names]


def test_every_run_is_named_and_the_axes_say_what_they_are() -> None:
    said = texts(quality_latency(FOUND))
    assert {"lead", "bundled"} <= set(said)
    assert "mean seconds a question" in said
    assert "R-Lsum, 95 % interval" in said


def test_slower_is_to_the_right_and_better_is_higher() -> None:
    (x, y), (right, up) = places(quality_latency(FOUND), ["lead", "bundled"])
    assert x < right
    assert y > up


def test_the_same_figures_give_the_same_text() -> None:
    assert quality_latency(FOUND) == quality_latency(FOUND)
    assert quality_latency(FOUND) != quality_latency(FOUND[:1])


def test_a_run_that_took_no_time_has_its_place() -> None:
    assert "copy" in texts(quality_latency([figure("copy", 0.0, 10, 9, 11), *FOUND]))


@pytest.mark.parametrize("name", [r"a $\nosuch$ b", "<b> & c", "x_1^2"])
def test_a_name_is_text_whatever_is_in_it(name: str) -> None:
    assert name in texts(quality_latency([figure(name, 1, 10, 9, 11)]))


def test_a_bound_that_rounding_put_past_its_score_is_drawn() -> None:
    quality_latency([figure("one meeting", 1, 12.34, 12.35, 12.35)])
