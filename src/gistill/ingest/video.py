"""Films: what was said, and the text of what was shown while it was said."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gistill.errors import MissingExtra
from gistill.ingest import audio, frames, ocr, recording, sound, vision
from gistill.ingest.audio import Said
from gistill.ingest.blob import Blob
from gistill.ingest.frames import Reel, Scenes
from gistill.ingest.images import PIXELS
from gistill.ingest.layout import blocks
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.tools import Tools
from gistill.types import Locator

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.Image import Image

NAME = "video"
ABOUT = "speech as in audio; text on slides and screens by OCR, with the time it was shown"
SUFFIXES: tuple[str, ...] = (".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi")
NEEDS = recording.NEEDS

_BRANDS = rb"isom|iso\d|avc1|mp4\d|M4V |qt  |3gp|3g2|dash|MSNV|f4v "
_MAGIC = re.compile(rb"\x1a\x45\xdf\xa3|....ftyp(?:" + _BRANDS + rb")|RIFF....AVI ", re.DOTALL)
_WORD = re.compile(r"\w+")
_LEAST = 4  # letters and digits of a text worth a segment
_SAME = 0.8  # share of the words of one text in another, above which they are one slide


@dataclass(slots=True)
class Slide:
    """A text on the screen: seconds of the first and the last look that saw it."""

    text: str
    start: float
    end: float

    def goes_on(self, text: str) -> bool:
        """Whether `text` is this slide again, perhaps with more on it, or partly hidden."""
        mine, new = _words(self.text), _words(text)
        return len(mine & new) >= _SAME * min(len(mine), len(new))


def accepts(name: str, head: bytes) -> bool:
    """By its first bytes, or its suffix where they are lost."""
    return bool(_MAGIC.match(head)) or name.lower().endswith(SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """Utterances, and slides at the time they came up, as one list in order of time.

    Raises: BadInput for what cannot be opened, and for a speech model that is not there;
    EngineFailed; MissingExtra.
    """
    pieces = Pieces()
    with recording.opened(blob) as file:
        begun, title = recording.begun(file), file.metadata.get("title", "")
        said: list[Said] = []
        if fault := sound.fault(file):
            pieces.notes.append(f"it {fault}")
        else:
            speech = audio.listen(file, blob, tools)
            said = list(speech.utterances())
            pieces.notes += speech.notes
    with recording.opened(blob) as file:
        slides, notes = watch(file, blob, tools)
        pieces.notes += notes
    spoken = [("audio", one.text, one.time, one.speaker) for one in said]
    shown = [("frame", one.text, (one.start, one.end), None) for one in slides]
    for kind, text, time, speaker in sorted([*spoken, *shown], key=lambda one: one[2][0]):
        when = begun + dt.timedelta(seconds=time[0]) if begun else None
        pieces.add(text, kind=kind, speaker=speaker, time=time, when=when)
    return pieces.extract(blob, title)


def picture(blob: Blob, at: Locator) -> Image | None:
    """What the film showed at the time of `at`; None if it has no pictures or no time is given.

    Raises: BadInput, MissingExtra.
    """
    if at.time is None:
        return None
    with recording.opened(blob) as file:
        if frames.track(file) is None:
            return None
        return frames.still(file, blob.name, at.time[0])


def watch(file: InputContainer, blob: Blob, tools: Tools) -> tuple[list[Slide], list[str]]:
    """The slides of a film in order, and notes. A slide that stays is one, however long."""
    stream = frames.track(file)
    if stream is None:
        return [], ["it has no pictures"]
    if stream.codec_context is None:
        return [], ["its pictures are in a codec that FFmpeg does not know"]
    if stream.codec_context.width * stream.codec_context.height > PIXELS:
        return [], ["its pictures are too large to be decoded"]
    if not (tools.ocr or tools.caption):
        return [], ["its pictures were not read: OCR is switched off"]
    try:
        return _watched(file, stream, blob, tools)
    except MissingExtra as error:
        return [], [f"its pictures were not read: {error}"]


def _watched(
    file: InputContainer, stream: VideoStream, blob: Blob, tools: Tools
) -> tuple[list[Slide], list[str]]:
    reel, scenes, sha256 = Reel(), Scenes(), blob.sha256()
    length = recording.seconds(file)
    slides: list[Slide] = []
    showing: Slide | None = None
    for seconds, image in frames.looks(file, stream, reel):
        tools.say(f"watching {blob.name}", min(seconds / length, 1.0) if length else 0.0)
        if not scenes.new(seconds, image):
            if showing:
                showing.end = seconds
            continue
        text = _read(image, tools, sha256, round(seconds, 3), cut=scenes.cut)
        again = bool(showing and text and showing.goes_on(text))
        scenes.came_of_it(bool(text) and not (again and showing and len(text) <= len(showing.text)))
        if showing and again:
            showing.text = max(showing.text, text, key=len)
            showing.end = seconds
        else:
            showing = Slide(text, seconds, seconds) if text else None
            slides += [showing] if showing else []
    tools.say(f"watching {blob.name}", 1.0)
    return slides, _notes(reel)


def _read(image: Image, tools: Tools, *address: object, cut: bool) -> str:
    """The text in a picture, or what it shows if there is none and the scene is another."""
    text = ""
    if tools.ocr:
        text = "\n".join(block.text for block in blocks(ocr.read(image, tools, *address)))
        text = text if sum(c.isalnum() for c in text) >= _LEAST else ""
    if tools.caption and cut:
        text = f"{vision.describe(image, tools, *address)}\n{text}".strip()
    return text


def _notes(reel: Reel) -> list[str]:
    notes = []
    if not reel.decoded:
        notes.append("none of its pictures could be seen")
    if reel.damaged:
        notes.append(f"{plural(reel.damaged, 'damaged picture')} left out")
    if reel.stopped:
        notes.append(f"its pictures break off ({reel.stopped})")
    return notes


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
