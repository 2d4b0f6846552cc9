#!/usr/bin/env python3
"""What recordings and films cost, beside plain calls of the libraries that read them.

Each reading is a child process of its own, so that its CPU seconds and peak memory are its own.
The speech is that of the tests, said over and over with pauses; the film shows slides beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all where none is named")
    parser.add_argument("--minutes", type=float, default=5, help="of the recording")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        import av
        import PIL.Image

        import films  # all that a child imports, before its time is taken

        assert all((av, PIL.Image, films))
        name, path = args.child
        begin = time.process_time(), time.perf_counter()
        value = CHILDREN[name](Path(path))
        spent = {
            "cpu": time.process_time() - begin[0],
            "wall": time.perf_counter() - begin[1],
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps({**spent, "value": value}))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in args.part or PARTS:
            print(PARTS[name](Path(folder), args.minutes), flush=True)


def child(name: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", name, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def hear(path: Path) -> str:
    """As gistill hears."""
    from gistill.ingest import audio
    from gistill.ingest.files import blob
    from gistill.ingest.tools import Tools

    return audio.read(blob(path), Tools()).text


def plain(path: Path) -> str:
    """As faster-whisper hears with the same model, threads and word times."""
    from faster_whisper import WhisperModel

    from gistill import models
    from gistill.engines import machine

    folder = str(models.path("whisper-tiny.en"))
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=machine.cores())
    segments, _ = model.transcribe(str(path), vad_filter=True, word_timestamps=True)
    return "".join(segment.text for segment in segments)


def look(path: Path) -> dict[str, int]:
    """The pictures that gistill looks at, without reading them."""
    import av

    from gistill.ingest import frames

    reel, looks = frames.Reel(), 0
    with av.open(str(path)) as file:
        stream = frames.track(file)
        assert stream is not None
        for _ in frames.looks(file, stream, reel):
            looks += 1
    return {"packets": reel.packets, "decoded": reel.decoded, "looks": looks}


def decode(path: Path) -> int:
    """All pictures, as a loop over PyAV's frames decodes them."""
    import av

    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def speech(path: Path, minutes: float) -> tuple[Path, str]:
    """A recording, and what is said in it."""
    import numpy as np

    from films import SECONDS, TEXT, film, samples, silence

    times = max(1, round(minutes * 60 / (SECONDS + 3)))
    film(path, sound=np.concatenate([samples(), silence(3)] * times))
    return path, TEXT * times


def audio(folder: Path, minutes: float) -> str:
    from films import errors

    path, said = speech(folder / "speech.mp3", minutes)
    ours, theirs = child("hear", path), child("plain", path)
    seconds = minutes * 60
    return (
        f"audio: {minutes:g} minutes, CPU seconds per second of speech: "
        f"{ours['cpu'] / seconds:.3f} by gistill, {theirs['cpu'] / seconds:.3f} by faster-whisper "
        f"alone ({ours['cpu'] / theirs['cpu'] - 1:+.0%}); word error rate "
        f"{errors(ours['value'].replace('[', '').replace('?]', ''), said):.1%} and "
        f"{errors(theirs['value'], said):.1%}; "
        f"peak memory {ours['megabytes']:.0f} and {theirs['megabytes']:.0f} MB"
    )


def memory(folder: Path, minutes: float) -> str:
    peaks = []
    for times in (1, 4):
        path, _ = speech(folder / f"speech-{times}.mp3", minutes * times)
        peaks.append(child("hear", path)["megabytes"])
    return (
        f"memory: peak {peaks[0]:.0f} MB for {minutes:g} minutes of speech, "
        f"{peaks[1]:.0f} MB for {4 * minutes:g}"
    )


def video(folder: Path, minutes: float) -> str:
    from films import film, slide

    slides = [slide(f"Part {n}", f"It costs {n * 37}", "and " * (n % 7)) for n in range(40)]
    said = []
    for codec, suffix, about in (
        ("libx264", "mp4", "H.264, 25 pictures a second"),
        ("libvpx-vp9", "webm", "VP9, 5 pictures a second and a key frame every 25 s"),
    ):
        fps = 25 if codec == "libx264" else 5
        shown = [(one, 60 * minutes / len(slides)) for one in slides]
        path = film(folder / f"film.{suffix}", shown, codec=codec, fps=fps)
        ours, all_ = child("look", path), child("decode", path)
        value = ours["value"]
        said.append(
            f"video: {about}: {value['looks']} looks at {minutes:g} minutes, for which "
            f"{value['decoded']:,} of {value['packets']:,} frames were decoded; with the images "
            f"made of them, {ours['cpu'] / all_['cpu']:.0%} of the CPU time of decoding all"
        )
    return "\n".join(said)


CHILDREN: dict[str, Any] = {"hear": hear, "plain": plain, "look": look, "decode": decode}
PARTS: dict[str, Any] = {"audio": audio, "memory": memory, "video": video}

if __name__ == "__main__":
    main()
