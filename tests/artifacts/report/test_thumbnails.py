from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import samples
from documents import pdf, saved, written
from gistill.artifacts.citations import Citations
from gistill.artifacts.report import render, thumbnails
from gistill.types import Box, Kind, Locator, Source, Thread

_BOX = (0.1, 0.4, 0.3, 0.45)


def _thread(name: str, data: bytes, kind: Kind = "image_text", **where: object) -> Thread:
    """The usual thread, but all of it was seen in one file."""
    talk = samples.thread()
    at = Locator(name, (0, 1))
    segments = tuple(replace(s, kind=kind, at=replace(at, **where)) for s in talk.segments)
    return replace(
        talk, segments=segments, sources=(Source(name, hashlib.sha256(data).hexdigest(), ""),)
    )


def _images(html: dict[str, str]) -> list[Image.Image]:
    packed = [re.search(r"base64,([\w+/=]+)", one) for one in html.values()]
    return [Image.open(io.BytesIO(base64.b64decode(one[1]))) for one in packed if one]


def test_the_cited_part_is_outlined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pdf(["The lease ends in June."])
    Path("plan.pdf").write_bytes(data)
    thread = _thread("plan.pdf", data, "paragraph", page=1, box=_BOX)
    found = thumbnails.make(thread, Citations(samples.done(), thread))
    cited = Citations(samples.done(), thread).numbers
    assert set(found.figures) == set(cited)
    image = _images(found.figures)[0].convert("RGB")
    assert 400 <= image.width <= 560
    gold = [color for _, color in image.getcolors(1 << 20) or () if color[0] > color[2] + 90]
    assert gold
    assert 'alt="plan.pdf, page 1"' in found.figures["s000000"]
    page = render(samples.done(), thread)
    assert page.count("<figure>") == len(cited)
    assert "img-src data:;" in page


def test_a_whole_image_where_there_is_no_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = saved(written("x", size=(1200, 300)), "PNG")
    Path("x.png").write_bytes(data)
    thread = _thread("x.png", data, "caption")
    found = thumbnails.make(thread, Citations(samples.done(), thread))
    assert {image.size for image in _images(found.figures)} == {(560, 140)}


def test_what_is_gone_or_too_much_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = saved(written("x", size=(300, 300)), "PNG")
    thread = _thread("x.png", data)
    citations = Citations(samples.done(), thread)
    assert thumbnails.make(thread, citations) == (
        {},
        ["No picture: x.png is no longer there"],
    )
    assert "No picture: x.png is no longer there." in render(samples.done(), thread)
    Path("x.png").write_bytes(data)
    monkeypatch.setattr(thumbnails, "MOST", 2)
    found = thumbnails.make(thread, citations)
    assert list(found.figures) == list(citations.numbers)[:2]
    assert found.notes == [
        "Further pictures were left out, for they would make this page too large"
    ]


def test_speech_needs_no_picture() -> None:
    thread = samples.thread()
    assert thumbnails.make(thread, Citations(samples.done(), thread)) == ({}, [])


@pytest.mark.parametrize("box", [_BOX, (0.0, 0.0, 1.0, 1.0), (0.9, 0.9, 1.0, 1.0), (0, 0, 0, 0)])
def test_the_view_holds_the_box_and_stays_on_the_page(box: Box) -> None:
    left, top, right, bottom = thumbnails._view(box)
    assert 0 <= left <= box[0] <= box[2] <= right <= 1
    assert 0 <= top <= box[1] <= box[3] <= bottom <= 1
    assert right - left >= 0.5
