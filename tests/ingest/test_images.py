from __future__ import annotations

import datetime as dt
import struct
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from documents import entries, extract, saved, texts, written
from gistill.errors import BadInput, MissingExtra
from gistill.ingest import images, ocr
from gistill.ingest.blob import Blob
from gistill.ingest.tools import Tools
from gistill.types import Locator

_SAID = "The lease ends on 30 June."
_NOT_DESCRIBED = "not described, only read: no model for captions was given (--caption)"
_QUIET = Tools(ocr=False)


def _camera(**zone: str) -> Image.Exif:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[36867] = "2024:05:17 14:03:22"
    if zone:
        details[36881] = zone["zone"]
    return exif


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_text_of_every_format(form: str) -> None:
    image = written(_SAID, size=(420, 90))
    found = extract(images, f"x.{form.lower()}", saved(image, form))
    (entry,) = entries(found)
    assert (entry.text, entry.kind) == (_SAID, "image_text")
    assert entry.box is not None
    assert entry.box[2] > 0.7
    assert found.reading.notes == [_NOT_DESCRIBED]


def test_heic_if_it_can_be_opened() -> None:
    pytest.importorskip("pi_heif")
    data = (Path(__file__).parents[1] / "data" / "lease.heic").read_bytes()
    assert texts(extract(images, "photo", data)) == [_SAID]


def test_only_the_first_frame_of_a_gif_is_read() -> None:
    frames = [written(text, size=(420, 90)) for text in (_SAID, "Something else.")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert texts(extract(images, "x.gif", data)) == [_SAID]


def test_ink_without_paper() -> None:
    for ink in ("black", "white"):
        mask = written(_SAID, size=(420, 90)).convert("L").point(lambda v: 255 - v)
        image = Image.new("RGBA", mask.size, ink)
        image.putalpha(mask)
        assert texts(extract(images, "x.png", saved(image, "PNG"))) == [_SAID]


def test_what_the_camera_noted() -> None:
    exif = _camera(zone="+02:00")
    exif[274] = 6  # the camera was held upright: to be turned
    data = saved(Image.new("RGB", (400, 300), "#336699"), "JPEG", exif=exif)
    (entry,) = entries(extract(images, "photo.jpg", data, _QUIET))
    zone = dt.timezone(dt.timedelta(hours=2))
    assert entry.when == dt.datetime(2024, 5, 17, 14, 3, 22, tzinfo=zone)
    assert entry.text == "A picture without text: JPEG, 400 × 300 pixels, taken 2024-05-17 14:03."
    assert entry.kind == "caption"
    bare = saved(Image.new("RGB", (400, 300), "#336699"), "JPEG", exif=_camera())
    (entry,) = entries(extract(images, "photo.jpg", bare, _QUIET))
    assert entry.when == dt.datetime(2024, 5, 17, 14, 3, 22)
    picture = images.picture(Blob.of("photo.jpg", data), Locator("photo.jpg", (0, 1)))
    assert picture is not None
    assert picture.size == (300, 400)


def test_ornaments_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "read", lambda *_: pytest.fail("it was read"))
    found = extract(images, "dot.png", saved(Image.new("RGB", (16, 16)), "PNG"))
    assert texts(found) == ["A picture without text: PNG, 16 × 16 pixels."]


def test_what_is_off_is_said() -> None:
    found = extract(images, "x.png", saved(written(_SAID), "PNG"), _QUIET)
    assert found.reading.notes == [_NOT_DESCRIBED, "its text was not read: OCR is switched off"]


def test_without_pillow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match=r"gistill\[images\]"):
        images.read(Blob.of("x.png", b"\x89PNG\r\n\x1a\n"), Tools())


def _bomb() -> bytes:
    """A PNG of a few bytes that says it has 50,000 by 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        size, check = (struct.pack(">I", n) for n in (len(data), zlib.crc32(kind + data)))
        return size + kind + data + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + rest


_PNG = saved(written(_SAID), "PNG")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_bomb(), "pixels"),
        (_PNG[: len(_PNG) // 2], "x.png is damaged or not whole"),
        (_PNG[:20], "x.png is damaged or not whole"),
        (_PNG[:60] + bytes(200) + _PNG[260:], "x.png is damaged or not whole"),
        (saved(written(_SAID), "JPEG")[:900], "x.png is damaged or not whole"),
        (b"GIF89a" + bytes(5), "x.png is damaged or not whole"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(20), "x.png is damaged or not whole"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "x.png is damaged or not whole"),
    ],
)
def test_bad_images_are_told_in_a_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        extract(images, "x.png", data)
    assert "\n" not in str(error.value)


def test_broken_exif_does_no_harm() -> None:
    data = bytearray(saved(Image.new("RGB", (100, 80), "#336699"), "JPEG", exif=_camera()))
    at = data.index(b"Exif\0\0") + 14
    data[at : at + 12] = b"\xff" * 12
    (entry,) = entries(extract(images, "x.jpg", bytes(data), _QUIET))
    assert entry.when is None
