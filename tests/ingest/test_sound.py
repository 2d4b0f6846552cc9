from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from films import SECONDS, SPEECH, film, noise, samples, silence, slide
from gistill.ingest.sound import RATE, Flaws, Tape, Window, fault, pieces


@pytest.fixture(scope="module")
def speech() -> Any:
    return samples()


def windows(tape: Tape, start: int = 0) -> Iterator[Window]:
    while True:
        window = tape.window(start)
        yield window
        start = window.end
        if window.last:
            return


def read(path: Path) -> tuple[Any, Flaws]:
    flaws = Flaws()
    with av.open(str(path)) as file:
        found = list(pieces(file, flaws))
    return np.concatenate(found) if found else silence(0), flaws


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a", ".ogg", ".flac", ".webm", ".mkv"])
def test_every_format_gives_the_same_sound(tmp_path: Path, speech: Any, suffix: str) -> None:
    found, flaws = read(film(tmp_path / f"a{suffix}", sound=speech[: 5 * RATE]))
    assert len(found) == pytest.approx(5 * RATE, abs=0.1 * RATE)
    assert np.sqrt(np.square(found).mean()) == pytest.approx(
        np.sqrt(np.square(speech[: 5 * RATE]).mean()), rel=0.1
    )
    assert flaws == Flaws()


def test_the_first_of_several_channels_is_not_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        both = np.zeros((1, 2 * 44_100), np.int16)
        both[0, 1::2] = 8000  # only the right one
        frame = av.AudioFrame.from_ndarray(both, "s16", "stereo")
        frame.rate = 44_100
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    found, _ = read(path)
    assert len(found) == pytest.approx(RATE, abs=50)
    assert np.abs(found).mean() > 0.1


def test_damaged_packets_leave_silence_and_all_else_in_its_place(
    tmp_path: Path, speech: Any
) -> None:
    sound = np.concatenate([speech[: 10 * RATE], silence(1), noise(2, 0.3)])
    content = bytearray(film(tmp_path / "a.m4a", sound=sound).read_bytes())
    rng = np.random.default_rng(3)
    begin = content.index(b"mdat") + 4 + 20_000
    content[begin : begin + 30_000] = rng.bytes(30_000)
    (tmp_path / "b.m4a").write_bytes(content)
    found, flaws = read(tmp_path / "b.m4a")
    assert flaws.packets > 5
    assert len(found) == pytest.approx(len(sound), abs=0.2 * RATE)
    assert np.abs(found[-RATE:]).mean() > 0.1  # the noise at the end


def test_a_gap_in_time_is_silence(tmp_path: Path, speech: Any) -> None:
    """As where a phone call was paused: the clock goes on."""
    whole = film(tmp_path / "a.mkv", sound=speech[: 6 * RATE])
    path = tmp_path / "b.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is None:
                continue
            if packet.pts * packet.time_base > 3:
                packet.pts += int(4 / packet.time_base)
                packet.dts = packet.pts
            packet.stream = stream
            file.mux(packet)
    found, _ = read(path)
    assert len(found) == pytest.approx(10 * RATE, abs=0.2 * RATE)
    assert np.abs(found[int(3.5 * RATE) : int(6.5 * RATE)]).max() < 0.01


def test_a_film_says_what_is_wrong_with_its_sound(tmp_path: Path, speech: Any) -> None:
    film(tmp_path / "mute.mp4", [(slide("A"), 1)])
    film(tmp_path / "good.mp4", sound=speech[:RATE])
    content = (tmp_path / "good.mp4").read_bytes()
    (tmp_path / "odd.mp4").write_bytes(content.replace(b"mp4a", b"zzza").replace(b"esds", b"zzzs"))
    for name, said in (("mute", "no sound"), ("odd", "codec"), ("good", "")):
        with av.open(str(tmp_path / f"{name}.mp4")) as file:
            assert said in fault(file)
            assert bool(fault(file)) is (name != "good")


def test_windows_end_where_nobody_speaks(speech: Any) -> None:
    whole = np.concatenate([speech, silence(3)] * 5)
    found = list(windows(Tape(iter([whole]))))
    assert len(found) == 4
    assert [window.last for window in found] == [False, False, False, True]
    np.testing.assert_array_equal(np.concatenate([window.samples for window in found]), whole)
    for window in found[:-1]:
        assert 50 <= len(window.samples) / RATE <= 64
        tail = window.samples[-RATE // 50 :]
        assert np.abs(tail).max() < 0.02
    for window in found:
        assert all(0 <= a < b <= len(window.samples) for a, b in window.speech)
        assert all(a[1] <= b[0] for a, b in pairwise(window.speech))


@settings(max_examples=3)
@given(st.lists(st.integers(1, 40 * RATE), max_size=12), st.integers(0, 3))
def test_windows_do_not_depend_on_the_pieces_or_on_where_one_begins(
    cuts: list[int], first: int
) -> None:
    whole = np.concatenate([noise(20, 0.05), silence(40), noise(60, 0.2)])
    expected = list(windows(Tape(iter([whole]))))
    starts = sorted({0, *(cut % len(whole) for cut in cuts)})
    parts = [whole[a:b] for a, b in pairwise([*starts, len(whole)])]
    first = min(first, len(expected) - 1)
    found = list(windows(Tape(iter(parts)), expected[first].start))
    assert [(w.start, w.end, w.speech, w.last) for w in found] == [
        (w.start, w.end, w.speech, w.last) for w in expected[first:]
    ]
    for one, other in zip(found, expected[first:], strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def test_without_a_pause_it_ends_at_the_quietest_place() -> None:
    loud = np.concatenate([noise(56, 0.4), noise(0.3, 0.01), noise(20, 0.4)])
    tape = Tape(iter([loud]))
    tape_window = tape.window(0)
    assert not tape_window.last
    assert 50 <= len(tape_window.samples) / RATE <= 64


@pytest.mark.parametrize("seconds", [0, 0.001, 1])
def test_the_shortest(seconds: float) -> None:
    (window,) = windows(Tape(iter([silence(seconds)] if seconds else [])))
    assert window.last
    assert window.end == int(seconds * RATE)
    assert window.speech == ()


def test_only_people_count_as_speech(speech: Any) -> None:
    hum = np.sin(np.arange(20 * RATE) * 2 * np.pi * 50 / RATE).astype(np.float32) * 0.3
    for sound in (silence(20), noise(20), hum):
        assert Tape(iter([sound])).window(0).speech == ()
    window = Tape(iter([speech])).window(0)
    assert sum(b - a for a, b in window.speech) > 0.8 * len(speech)


def test_the_fixture_is_what_it_says(speech: Any) -> None:
    assert SPEECH.stat().st_size < 100_000
    assert len(speech) / RATE == pytest.approx(SECONDS, abs=0.1)
