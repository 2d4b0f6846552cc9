"""Pictures: their text with boxes, what they show if a model is given, else basic facts."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gistill.errors import BadInput
from gistill.ingest import ocr, vision
from gistill.ingest.blob import Blob
from gistill.ingest.layout import blocks
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools
from gistill.types import Locator

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

NAME = "images"
ABOUT = "text by OCR, with boxes; captions by the model of --caption; HEIC needs pi-heif"
SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".heif")
NEEDS = ocr.NEEDS

PIXELS = 120_000_000  # more than any camera takes; beyond, it is made to fill memory
_TINY = 48  # pixels: nothing smaller says anything
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_HEIF = ("pi_heif", "pillow_heif")
_TAKEN, _ZONE, _EXIF = 36867, 36881, 34665  # tags of EXIF: when, in which zone, and where they are
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError)


def accepts(name: str, head: bytes) -> bool:
    """By its mark, whatever its name."""
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return True
    return _heic(head)


def read(blob: Blob, tools: Tools) -> Extract:
    """Its caption, then its text in reading order; `when` is what the camera noted.

    Raises: BadInput if it is damaged or too large; MissingExtra.
    """
    pieces = Pieces()
    with _opened(blob) as image:
        when = _taken(image)
        form, size = image.format, image.size
        upright = flat(image)
    if min(size) >= _TINY:
        _recognize(blob, upright, when, tools, pieces)
    if not pieces.entries:
        taken = f", taken {when:%Y-%m-%d %H:%M}" if when else ""
        facts = f"A picture without text: {form}, {size[0]} × {size[1]} pixels{taken}."
        pieces.add(facts, kind="caption", when=when)
    return pieces.extract(blob)


def picture(blob: Blob, at: Locator) -> Picture | None:
    """The image, upright. Raises: BadInput, MissingExtra."""
    with _opened(blob) as image:
        return flat(image)


def flat(image: Picture) -> Picture:
    """The first frame, as the camera was held, on white where it is transparent."""
    from PIL import Image, ImageOps, ImageStat

    image = ImageOps.exif_transpose(image)
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    visible = image.getchannel("A").point(lambda alpha: 255 if alpha > 127 else 0)
    if not visible.getbbox():
        return Image.new("RGB", image.size, "white")
    # White on nothing is made to be seen on something dark.
    light = ImageStat.Stat(image.convert("L"), visible).mean[0] > 200
    ground = Image.new("RGB", image.size, "black" if light else "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _recognize(
    blob: Blob, image: Picture, when: dt.datetime | None, tools: Tools, pieces: Pieces
) -> None:
    """Writes down the caption and the text, and in notes what was not looked for."""
    sha256 = blob.sha256()
    if tools.caption is None:
        pieces.notes.append("not described, only read: no model for captions was given (--caption)")
    else:
        tools.say(f"describing {blob.name}", 0.0)
        pieces.add(vision.describe(image, tools, sha256), kind="caption", when=when)
    if not tools.ocr:
        pieces.notes.append("its text was not read: OCR is switched off")
        return
    tools.say(f"reading {blob.name}", 0.5)
    for block in blocks(ocr.read(image, tools, sha256)):
        pieces.add(block.text, kind="image_text", box=block.box, when=when)


@contextmanager
def _opened(blob: Blob) -> Iterator[Picture]:
    """The image, its size checked before anything is decoded. Raises: BadInput, MissingExtra."""
    Needs("images", ("PIL",)).check("reading images")
    import PIL.Image

    if _heic(blob.head(16)):
        _register_heif(blob.name)
    with blob.opener() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd EXIF, and of sizes: the limit here is our own
        try:
            with PIL.Image.open(file) as image:
                width, height = image.size
                if width * height > PIXELS:
                    raise BadInput(
                        f"{blob.name} has {width:,} × {height:,} pixels, more than "
                        f"{PIXELS // 1_000_000} million; make it smaller"
                    )
                image.load()
                yield image
        except PIL.Image.DecompressionBombError:
            raise BadInput(
                f"{blob.name} has more than {PIXELS // 1_000_000} million pixels; make it smaller"
            ) from None
        except _BROKEN as error:
            # Pillow's words for what it does not know at all name only its own file object.
            said = "" if isinstance(error, PIL.UnidentifiedImageError) else f" ({error})"
            raise BadInput(
                f"{blob.name} is damaged or not whole{said[:80]}; fetch it again"
            ) from None


def _heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC


def _register_heif(name: str) -> None:
    """Has Pillow open HEIC, by what is installed for it. Raises: BadInput."""
    for module in _HEIF:
        if importlib.util.find_spec(module):
            importlib.import_module(module).register_heif_opener()
            return
    raise BadInput(f"{name} is HEIC; run: pip install pi-heif, or save it as JPEG")


def _taken(image: Picture) -> dt.datetime | None:
    """When the camera says that it took the picture, in its zone if it says that."""
    try:
        details = image.getexif().get_ifd(_EXIF)
    except _BROKEN:
        return None
    stamp, zone = details.get(_TAKEN), details.get(_ZONE)
    if not isinstance(stamp, str):
        return None
    for text in (f"{stamp}{zone}", stamp):
        for form in ("%Y:%m:%d %H:%M:%S%z", "%Y:%m:%d %H:%M:%S"):
            try:
                return dt.datetime.strptime(text.strip("\0 "), form)
            except ValueError:
                continue
    return None
