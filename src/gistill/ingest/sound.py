"""The sound of a recording, in minutes that end where nobody speaks.

Decoding, voice activity and cutting go along one stream, so that memory does not grow with the
length of the recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from gistill.ingest import recording

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000  # samples a second, one channel, as Whisper and Silero VAD take them
# A window ends in the longest silence between these: two of Whisper's half minutes and no third.
_SHORTEST, _LONGEST = 50, 64  # seconds
_GAP = 0.1  # seconds that the clock of a recording may jump before silence is put in
_LONGEST_GAP = 3600.0  # seconds; a larger jump is a broken clock
_PIECE = 5 * RATE  # samples that are decoded at a time
# Silero VAD: silences shorter than this are pauses within speech; speech keeps so much around it.
_SILENCE, _PADDING = 500, 200  # milliseconds


@dataclass(slots=True)
class Flaws:
    """What went wrong while a recording was decoded: damaged packets, and why it stopped."""

    packets: int = 0
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """About a minute: `samples` begin at sample `start` of the recording; `speech` are the
    stretches of them in which somebody speaks, as (start, end)."""

    start: int
    samples: Samples
    speech: tuple[tuple[int, int], ...]
    last: bool

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


class Tape:
    """Windows of a recording, in order; what comes before the one asked for is gone."""

    def __init__(self, pieces: Iterator[Samples]) -> None:
        self._pieces = pieces
        self._buffer: list[Samples] = []
        self._start = 0  # of the buffer
        self._held = 0
        self._ended = False

    def window(self, start: int) -> Window:
        """The window that begins at sample `start`; empty and the last after the end."""
        import numpy as np

        self._drop(start - self._start)
        self._fill(_LONGEST * RATE)
        whole = np.concatenate(self._buffer) if self._buffer else np.zeros(0, np.float32)
        self._buffer = [whole]
        samples = whole[: _LONGEST * RATE]
        speech = _speech(samples)
        last = self._ended and len(whole) <= len(samples)
        cut = len(samples) if last else _cut(samples, speech)
        within = tuple((a, min(b, cut)) for a, b in speech if a < cut)
        return Window(start, samples[:cut], within, last)

    def _fill(self, size: int) -> None:
        while self._held <= size and not self._ended:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
            else:
                self._buffer.append(piece)
                self._held += len(piece)

    def _drop(self, count: int) -> None:
        while count > 0:
            self._fill(0)
            if not self._buffer:
                return
            first = self._buffer.pop(0)
            gone = min(count, len(first))
            if gone < len(first):
                self._buffer.insert(0, first[gone:])
            self._start += gone
            self._held -= gone
            count -= gone


def fault(file: InputContainer) -> str:
    """Why there is nothing to listen to in `file`, if so; the subject is missing."""
    if not file.streams.audio:
        return "holds no sound"
    if file.streams.audio[0].codec_context is None:
        return "has its sound in a codec that FFmpeg does not know; convert it"
    return ""


def pieces(file: InputContainer, flaws: Flaws) -> Iterator[Samples]:
    """The first sound track as mono at `RATE`, from -1 to 1, a few seconds at a time.

    Samples stand where the clock of the recording puts them: silence fills what is missing.
    Damaged packets are left out and counted in `flaws`.
    """
    import av
    import numpy as np

    stream = file.streams.audio[0]
    length = recording.seconds(file)
    resampler = _resampler()
    held: list[Samples] = []
    size = total = 0
    for frame in _frames(file, stream, flaws):
        for silence in _silence(frame, file, total / RATE, length):
            yield np.concatenate([*held, silence])
            total += len(silence)
            held, size = [], 0
        if frame:
            frame.pts = None
        try:
            made = resampler.resample(frame)
        except (ValueError, av.FFmpegError):  # rate or channels changed on the way
            resampler = _resampler()
            made = resampler.resample(frame)
        for one in made:
            held.append(one.to_ndarray().reshape(-1).astype(np.float32) / np.float32(32768))
            size += len(held[-1])
            total += len(held[-1])
        if size >= _PIECE:
            yield np.concatenate(held)
            held, size = [], 0
    if held:
        yield np.concatenate(held)


def _silence(
    frame: AudioFrame | None, file: InputContainer, now: float, length: float | None
) -> Iterator[Samples]:
    """What is missing between `now` and `frame`, in pieces; nothing if its clock is broken, which
    it is beyond the `length` of the recording."""
    import numpy as np

    if frame is None or frame.pts is None or frame.time_base is None:
        return
    # The clock of a recording need not begin at 0.
    time = float(frame.pts * frame.time_base) - (file.start_time or 0) / 1_000_000
    gap = time - now
    if _GAP < gap < _LONGEST_GAP and (length is None or time <= length + 1):
        missing = int(gap * RATE)
        for start in range(0, missing, _PIECE):
            yield np.zeros(min(_PIECE, missing - start), np.float32)


def _frames(file: InputContainer, stream: AudioStream, flaws: Flaws) -> Iterator[AudioFrame | None]:
    """The frames of `stream`, and None at the end, for what the resampler still holds."""
    import av

    packets = file.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            flaws.stopped = recording.why(error)
            packet = None
        if packet is None:
            yield None
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            flaws.packets += 1


def _resampler() -> av.AudioResampler:
    import av

    return av.AudioResampler(format="s16", layout="mono", rate=RATE)


def _speech(samples: Samples) -> list[tuple[int, int]]:
    """Where somebody speaks, by Silero VAD."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not len(samples):
        return []
    options = VadOptions(min_silence_duration_ms=_SILENCE, speech_pad_ms=_PADDING)
    return [(one["start"], one["end"]) for one in get_speech_timestamps(samples, options)]


def _cut(samples: Samples, speech: list[tuple[int, int]]) -> int:
    """Where to end a window: in the middle of the longest silence, else at the quietest place."""
    import numpy as np

    low, high = _SHORTEST * RATE, len(samples)
    bounds = [(0, 0), *speech, (high, high)]
    silences = [(max(a[1], low), b[0]) for a, b in pairwise(bounds) if b[0] > max(a[1], low)]
    if silences:
        start, end = max(silences, key=lambda one: one[1] - one[0])
        return (start + end) // 2
    step = RATE // 10
    tail = samples[low : low + (high - low) // step * step].reshape(-1, step)
    return low + int(np.square(tail).mean(axis=1).argmin()) * step + step // 2
