"""The pictures of a film that are worth reading, without decoding the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gistill.errors import BadInput
from gistill.ingest import recording

if TYPE_CHECKING:
    import numpy as np
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray
    from PIL.Image import Image

    Gray = NDArray[np.int16]
    Mask = NDArray[np.bool_]

# Key frames stand alone; encoders put them every few seconds and where the picture changes.
_SHORTEST = 2.0  # seconds from one look to the next
_LONGEST = 12.0  # seconds without a key frame, after which frames between are decoded as well
# A picture is compared with another in gray, block by block.
_WIDE, _HIGH, _SIDE = 160, 90, 10  # pixels: the small picture, and a block of it
_CHANGED = 6.0  # mean difference of a block's pixels, of 255, that noise does not reach
_BLOCKS = 3  # that must change: a cursor touches fewer
_CUT = 0.5  # share of blocks changed, above which it is another scene
_FRUITLESS = 3  # times that a block changed for nothing, until it is no longer asked
_ANYWAY = 60.0  # seconds after which any change is worth a look


@dataclass(slots=True)
class Reel:
    """What was done to a film: packets of it, frames decoded, damaged packets, why it stopped."""

    packets: int = 0
    decoded: int = 0
    damaged: int = 0
    stopped: str = ""


def track(file: InputContainer) -> VideoStream | None:
    """The first moving picture; the cover of a record is none."""
    from av.stream import Disposition

    streams = file.streams.video
    return next((s for s in streams if not s.disposition & Disposition.attached_pic), None)


def looks(file: InputContainer, stream: VideoStream, reel: Reel) -> Iterator[tuple[float, Image]]:
    """Key frames and, where they are far apart, frames between them, with their seconds."""
    for seconds, frame in _frames(file, stream, reel):
        yield seconds, _upright(frame)


def still(file: InputContainer, name: str, seconds: float) -> Image:
    """What the film shows at `seconds`. Raises: BadInput if it shows nothing then."""
    import av

    stream, start = track(file), _start(file)
    shown = None
    try:
        file.seek(int((start + max(0.0, seconds)) * 1_000_000))
        for frame in file.decode(stream) if stream and stream.codec_context else ():
            if shown is not None and (frame.time or 0.0) - start > seconds + 0.001:
                break
            shown = frame
    except av.FFmpegError as error:
        if shown is None:
            raise BadInput(f"{name} is damaged ({recording.why(error)})") from None
    if shown is None:
        raise BadInput(f"{name} shows nothing at {recording.clock(seconds)}")
    return _upright(shown)


class Scenes:
    """Tells pictures that may show new text from those in which only a face moves.

    It learns from what comes of them: blocks that changed several times without bringing new text
    are not asked any more, but for a look now and then.
    """

    def __init__(self) -> None:
        import numpy as np

        self._last: Gray | None = None  # the last picture that was read
        self._fruitless = np.zeros((_HIGH // _SIDE, _WIDE // _SIDE), np.int16)
        self._changed: Mask = np.ones_like(self._fruitless, np.bool_)
        self._read = 0.0
        self.cut = True  # whether most of the picture is another than in the last one read

    def new(self, seconds: float, image: Image) -> bool:
        """Whether `image` is to be read; `came_of_it` is called next if so."""
        import numpy as np

        gray = np.asarray(image.convert("L").resize((_WIDE, _HIGH)), np.int16)
        if self._last is not None:
            blocks = np.abs(gray - self._last).reshape(_HIGH // _SIDE, _SIDE, _WIDE // _SIDE, _SIDE)
            changed: Mask = blocks.mean(axis=(1, 3)) > _CHANGED
            asked = changed & (self._fruitless < _FRUITLESS)
            waited = seconds - self._read >= _ANYWAY
            if (changed if waited else asked).sum() < _BLOCKS:
                return False
            self._changed, self.cut = changed, changed.mean() > _CUT
        self._last, self._read = gray, seconds
        return True

    def came_of_it(self, text: bool) -> None:
        """Whether the picture brought new text."""
        self._fruitless[self._changed] = 0 if text else self._fruitless[self._changed] + 1


def _frames(
    file: InputContainer, stream: VideoStream, reel: Reel
) -> Iterator[tuple[float, VideoFrame]]:
    decoder, start = _Decoder(stream, reel), _start(file)
    group: list[Packet[VideoStream]] = []  # since the last key frame, not decoded so far
    key = looked = -_LONGEST  # seconds: the last key frame, and the last look
    through = False  # whether this group is decoded from end to end
    for packet in _packets(file, stream, reel):
        now = _time(packet, key + start) - start
        if packet.is_keyframe:
            if through:
                decoder.flush()
            group, key, through = [packet], now, False
            if now - looked >= _SHORTEST and (frame := decoder.alone(packet)):
                looked = now
                yield max(0.0, now), frame
        elif through or now - key > _LONGEST:
            # A key frame is long past: from it on, all that others build upon is decoded.
            todo, group, through = [*group, packet], [], True
            for frame in decoder.on(todo):
                if frame.time is not None and frame.time - start - looked >= _LONGEST / 2:
                    looked = frame.time - start
                    yield looked, frame
        elif group:
            group.append(packet)


class _Decoder:
    """Decodes a key frame alone, or a run of packets, counting frames in `reel`."""

    def __init__(self, stream: VideoStream, reel: Reel) -> None:
        self._codec = stream.codec_context
        self._codec.thread_type = "SLICE"  # frames in flight would be decoded for nothing
        self._reel = reel

    def alone(self, packet: Packet[VideoStream]) -> VideoFrame | None:
        self._codec.skip_frame = "DEFAULT"
        frames = [*self._decoded(packet), *self._decoded(None)]
        self._codec.flush_buffers()
        return frames[0] if frames else None

    def on(self, packets: list[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        self._codec.skip_frame = "NONREF"
        for packet in packets:
            yield from self._decoded(packet)

    def flush(self) -> None:
        self._codec.flush_buffers()

    def _decoded(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        import av

        try:
            frames = self._codec.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self._reel.damaged += 1
            return []
        self._reel.decoded += len(frames)
        return frames


def _packets(
    file: InputContainer, stream: VideoStream, reel: Reel
) -> Iterator[Packet[VideoStream]]:
    import av

    packets = file.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError as error:
            reel.stopped = recording.why(error)
            return
        if packet.size:
            reel.packets += 1
            yield packet


def _time(packet: Packet[VideoStream], otherwise: float) -> float:
    """When `packet` is shown, in seconds of the recording's own clock."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    return otherwise if stamp is None else float(stamp * packet.time_base)


def _start(file: InputContainer) -> float:
    """Seconds of the recording's own clock at which it begins."""
    return (file.start_time or 0) / 1_000_000


def _upright(frame: VideoFrame) -> Image:
    """`frame` as it is meant to be seen: phones write how they were held."""
    image: Image = frame.to_image()  # type: ignore[no-untyped-call]
    turned = getattr(frame, "rotation", 0)
    return image.rotate(turned, expand=True) if turned else image
