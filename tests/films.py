"""Recordings and films for tests, made by PyAV: of slides, and of the speech that is kept here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gistill.ingest.sound import RATE, Flaws, pieces

SPEECH = Path(__file__).parent / "recordings" / "library.ogg"
TEXT = SPEECH.with_suffix(".txt").read_text(encoding="utf-8")
SECONDS = 34.1
SIZE = (640, 360)


def samples(path: Path = SPEECH) -> Any:
    """The speech as mono at 16 kHz, from -1 to 1."""
    with av.open(str(path)) as file:
        return np.concatenate(list(pieces(file, Flaws())))


def silence(seconds: float) -> Any:
    return np.zeros(int(seconds * RATE), np.float32)


def noise(seconds: float, loudness: float = 0.1) -> Any:
    rng = np.random.default_rng(1)
    return rng.normal(0, loudness, int(seconds * RATE)).clip(-1, 1).astype(np.float32)


def slide(*lines: str) -> Image.Image:
    """A slide: a heading and what is below it."""
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        font = ImageFont.load_default(22 if number else 32)
        draw.text((40, 40 + 60 * number), line, font=font, fill="black")
    return image


def film(
    path: Path,
    shown: Sequence[tuple[Image.Image, float]] = (),
    sound: Any = None,
    *,
    codec: str = "mpeg4",
    fps: int = 10,
    group: int | None = None,
    **about: str,
) -> Path:
    """Writes pictures, each shown for so many seconds, and sound; `group` is the frames from one
    key frame to the next, and `about` the metadata."""
    with av.open(str(path), "w") as file:
        file.metadata.update(about)
        streams = []
        if shown:
            streams.append(_video(file, codec, fps, group))
        if sound is not None:
            streams.append(file.add_stream(_codec(path), rate=RATE, layout="mono"))
        if shown:
            pictures = (image for image, seconds in shown for _ in range(int(seconds * fps)))
            for image in pictures:
                frame = av.VideoFrame.from_image(image)
                file.mux(streams[0].encode(frame))
        if sound is not None:
            for frame in _frames(sound, streams[-1]):
                file.mux(streams[-1].encode(frame))
        for stream in streams:
            file.mux(stream.encode(None))
    return path


def _video(file: Any, codec: str, fps: int, group: int | None) -> Any:
    stream = file.add_stream(codec, rate=fps)
    stream.width, stream.height = SIZE
    stream.pix_fmt = "yuv420p"
    if group:
        stream.codec_context.gop_size = group
        stream.codec_context.max_b_frames = 0
    return stream


def _codec(path: Path) -> str:
    codecs = {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".ogg": "libopus", ".flac": "flac"}
    return {**codecs, ".webm": "libopus"}.get(path.suffix, "aac")


def _frames(sound: Any, stream: Any) -> Iterable[Any]:
    whole = (sound * 32767).astype(np.int16).reshape(1, -1)
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, frame_size=960)
    for start in range(0, whole.shape[1], RATE):
        frame = av.AudioFrame.from_ndarray(whole[:, start : start + RATE], "s16", "mono")
        frame.rate, frame.pts = RATE, start
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def errors(said: str, meant: str) -> float:
    """The word error rate: the least words to change, drop or add, as a share of those meant."""
    mine, theirs = _words(meant), _words(said)
    row = list(range(len(theirs) + 1))
    for i, word in enumerate(mine, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(theirs, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != other))
    return row[-1] / len(mine)


def _words(text: str) -> list[str]:
    text = text.lower().replace("$40,000", "forty thousand dollars").replace("3rd", "third")
    return re.findall(r"[a-z0-9]+", text.replace("'", ""))
