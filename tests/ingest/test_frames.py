from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from films import SIZE, film, silence, slide
from gistill.errors import BadInput
from gistill.ingest import frames
from gistill.ingest.frames import Reel, Scenes

A = slide("The roof", "It leaks above the books")
B = slide("Heating", "Insulate the north wall", "Not before autumn")
C = slide("Fair in May")


def seen(path: Path) -> tuple[list[tuple[float, Image.Image]], Reel]:
    reel = Reel()
    with av.open(str(path)) as file:
        stream = frames.track(file)
        assert stream is not None
        return list(frames.looks(file, stream, reel)), reel


def shown(image: Image.Image) -> Image.Image:
    """The slide that `image` is nearest to."""
    pixels = np.asarray(image.convert("L").resize(SIZE), np.int16)
    return min(
        (A, B, C), key=lambda one: np.abs(pixels - np.asarray(one.convert("L"), np.int16)).mean()
    )


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "mpeg4"), ("mp4", "libx264"), ("mkv", "libx264")]
)
def test_only_key_frames_are_decoded(tmp_path: Path, suffix: str, codec: str) -> None:
    path = film(tmp_path / f"a.{suffix}", [(A, 8), (B, 8), (C, 8)], codec=codec, group=40)
    found, reel = seen(path)
    assert reel.packets == 240
    assert reel.decoded == len(found) <= 10
    assert not reel.damaged
    for seconds, image in found:
        assert shown(image) is (A, B, C)[int(seconds // 8)]
    assert [seconds for seconds, _ in found[:3]] == pytest.approx([0, 4, 8], abs=0.3)


def test_where_key_frames_are_far_apart_others_are_looked_at(tmp_path: Path) -> None:
    path = film(tmp_path / "a.webm", [(A, 16), (B, 16)], codec="libvpx-vp9", fps=4, group=500)
    found, reel = seen(path)
    times = [seconds for seconds, _ in found]
    assert times[0] == 0
    assert max(b - a for a, b in pairwise(times)) <= 13
    assert {int(seconds // 16) for seconds in times} == {0, 1}
    assert all(shown(image) is (A, B)[int(seconds // 16)] for seconds, image in found)
    assert reel.decoded <= reel.packets + 1


def test_key_frames_that_crowd_are_passed_over(tmp_path: Path) -> None:
    found, reel = seen(film(tmp_path / "a.mp4", [(A, 10)], group=1))
    assert reel.packets == 100
    assert reel.decoded == len(found) == 5


def test_a_damaged_film_shows_what_is_left(tmp_path: Path) -> None:
    content = bytearray(film(tmp_path / "a.mp4", [(A, 8), (B, 8)], group=20).read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin + 8 : begin + 4000] = bytes(3992)
    (tmp_path / "b.mp4").write_bytes(content)
    found, _ = seen(tmp_path / "b.mp4")
    assert any(shown(image) is B for _, image in found)


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    with av.open(str(film(tmp_path / "a.wav", sound=silence(1)))) as file:
        assert frames.track(file) is None


@pytest.mark.parametrize(
    ("seconds", "image"), [(0, A), (3.9, A), (8.1, B), (15.8, B), (16.3, C), (99, C), (-1, A)]
)
def test_a_still(tmp_path: Path, seconds: float, image: Image.Image) -> None:
    path = film(tmp_path / "a.mp4", [(A, 8), (B, 8), (C, 8)], codec="libx264")
    with av.open(str(path)) as file:
        assert shown(frames.still(file, "a.mp4", seconds)) is image


def test_no_still_of_a_sound(tmp_path: Path) -> None:
    with (
        av.open(str(film(tmp_path / "a.m4a", sound=silence(2)))) as file,
        pytest.raises(BadInput, match="shows nothing at 00:01"),
    ):
        frames.still(file, "a.m4a", 1.0)


def face(number: int) -> Image.Image:
    """Slide A with a picture of somebody who moves, in the corner."""
    image = A.copy()
    pixels = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
    image.paste(Image.fromarray(pixels).resize((160, 120)), (SIZE[0] - 160, SIZE[1] - 120))
    return image


def test_a_slide_that_stays_is_read_once() -> None:
    scenes = Scenes()
    read = []
    for n, image in enumerate([A, A, A, B, B, A]):
        if scenes.new(n * 5.0, image):
            read.append(n)
            scenes.came_of_it(True)
    assert read == [0, 3, 5]


def test_a_face_that_moves_is_soon_left_alone_but_for_a_look_now_and_then() -> None:
    scenes = Scenes()
    read = []
    for n in range(40):
        if scenes.new(n * 5.0, face(n)):
            read.append(n)
            scenes.came_of_it(n == 0)
    assert read[:4] == [0, 1, 2, 3]
    assert len(read) <= 4 + 40 * 5 / 60
    assert scenes.new(40 * 5.0, B)  # another slide is seen at once
    assert not scenes.new(41 * 5.0, B)


def test_what_a_cursor_touches_is_nothing_new() -> None:
    scenes = Scenes()
    assert scenes.new(0, A)
    assert scenes.cut
    pointed = A.copy()
    pointed.paste("black", (500, 300, 508, 312))
    assert not scenes.new(100, pointed)
    assert scenes.new(101, slide("The roof", "It leaks above the books", "and one line more"))
    assert not scenes.cut
