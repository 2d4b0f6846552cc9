from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from films import film, samples, silence, slide
from gistill.errors import BadInput, MissingExtra
from gistill.ingest import frames, recording, sound
from gistill.ingest.blob import Blob
from gistill.ingest.files import blob
from gistill.ingest.sound import RATE


@pytest.mark.parametrize("content", [b"", b"RIFF\0\0\0\0WAVE", b"ID3\x04" + bytes(500), b"\0" * 99])
def test_what_ffmpeg_cannot_open_is_said_in_a_line(content: bytes) -> None:
    with (
        pytest.raises(BadInput, match=r"a\.wav cannot be opened as a recording \(") as error,
        recording.opened(Blob.of("a.wav", content)),
    ):
        pass
    assert "\n" not in str(error.value)


def test_a_recording_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.m4a", sound=samples()).read_bytes()
    with (
        pytest.raises(BadInput, match="damaged, cut off"),
        recording.opened(Blob.of("a.m4a", whole[: len(whole) // 2])),
    ):
        pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("whole")
    sound, shown = samples()[: 3 * RATE], [(slide("A"), 2), (slide("B", "more"), 2)]
    made = [film(folder / f"a.{suffix}", sound=sound) for suffix in ("mp3", "m4a", "ogg", "flac")]
    made += [film(folder / f"a.{suffix}", shown, sound) for suffix in ("mp4", "mkv", "avi")]
    return [path.read_bytes() for path in made]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_of_any_kind_is_at_most_a_line(whole: list[bytes], data: st.DataObject) -> None:
    """Decodes all that is left: what FFmpeg says of it must not get through as it is."""
    content = bytearray(data.draw(st.sampled_from(whole)))
    near = st.one_of(st.integers(0, 600), st.integers(0, len(content)))
    for at in data.draw(st.lists(near, max_size=8)):
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    damaged = Blob.of("a", bytes(content[: data.draw(near) or None]))
    with contextlib.suppress(BadInput):
        with recording.opened(damaged) as file:
            recording.begun(file)
            if not sound.fault(file):
                assert all(len(piece) for piece in sound.pieces(file, sound.Flaws()))
        with recording.opened(damaged) as file:
            stream = frames.track(file)
            if stream is not None and stream.codec_context is not None:
                assert all(image.size for _, image in frames.looks(file, stream, frames.Reel()))


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:9,\nother.wav\n", "ffconcat version 1.0\nfile other.wav\n"]
)
def test_a_list_of_other_files_is_no_recording(tmp_path: Path, text: str) -> None:
    film(tmp_path / "other.wav", sound=silence(1))
    (tmp_path / "list.mp3").write_text(text)
    with (
        pytest.raises(BadInput, match="cannot be opened"),
        recording.opened(blob(tmp_path / "list.mp3")),
    ):
        pass


def test_a_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "pipe:0.wav", sound=silence(1))
    with recording.opened(blob(Path("pipe:0.wav"))) as file:
        assert recording.seconds(file) == pytest.approx(1, abs=0.1)


def test_a_member_of_an_archive_is_opened_as_well(tmp_path: Path) -> None:
    content = film(tmp_path / "a.flac", sound=silence(2)).read_bytes()
    with recording.opened(Blob.of("b.zip/a.flac", content)) as file:
        assert recording.seconds(file) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("name", "about", "when"),
    [
        (
            "a.mp4",
            {"creation_time": "2026-05-01T09:30:00Z"},
            dt.datetime(2026, 5, 1, 9, 30, tzinfo=dt.UTC),
        ),
        ("a.mp4", {"creation_time": "1904-01-01T00:00:00Z"}, None),
        ("a.mp4", {}, None),
        ("a.mkv", {"creation_time": "no time"}, None),
        ("a.flac", {"date": "2026"}, None),  # of a record: when it came out
        (
            "a.flac",
            {"date": "2026-05-01", "creation_time": "09:30:00"},
            dt.datetime(2026, 5, 1, 9, 30),
        ),
    ],
)
def test_when_it_began(
    tmp_path: Path, name: str, about: dict[str, str], when: dt.datetime | None
) -> None:
    path = film(tmp_path / name, sound=silence(1), **about)
    with recording.opened(blob(path)) as file:
        assert recording.begun(file) == when


def test_how_long_it_is(tmp_path: Path) -> None:
    with recording.opened(blob(film(tmp_path / "a.mp4", [(slide("A"), 3)]))) as file:
        assert recording.seconds(file) == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59.9, "00:59"), (61, "01:01"), (3723.4, "1:02:03")]
)
def test_the_clock(seconds: float, shown: str) -> None:
    assert recording.clock(seconds) == shown


def test_without_its_packages_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recording.NEEDS.missing == ()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert recording.NEEDS.missing == ("av", "faster_whisper")
    with (
        pytest.raises(MissingExtra, match=r"gistill\[audio\]"),
        recording.opened(Blob.of("a.wav", b"")),
    ):
        pass
