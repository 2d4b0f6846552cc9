from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from films import SPEECH, TEXT, errors, film, noise, samples, silence, slide
from gistill.errors import BadInput
from gistill.ingest import audio
from gistill.ingest.audio import marked, utterances
from gistill.ingest.blob import Blob
from gistill.ingest.files import blob
from gistill.ingest.hearing import Word
from gistill.ingest.reading import Extract
from gistill.ingest.sound import RATE
from gistill.ingest.tools import Tools

FIRST = " ".join(TEXT.split(".")[:4])  # the sentences of the first eleven seconds


class Memory(dict[str, Any]):
    """A memory that stops the run when it has kept `patience` windows."""

    def __init__(self, patience: int = 1000) -> None:
        super().__init__()
        self.patience = patience
        self.put_now = 0

    def put(self, key: str, stage: str, value: object) -> None:
        self[key] = json.loads(json.dumps(value))
        self.put_now += 1
        if self.put_now == self.patience:
            raise KeyboardInterrupt


def read(path: Path, **tools: Any) -> Extract:
    found = audio.read(blob(path), Tools(**tools))
    for entry in found.reading.entries:
        assert entry.text == found.text[slice(*entry.span)]
        assert entry.kind == "audio"
        assert entry.speaker is None
        assert entry.time is not None
        assert 0 <= entry.time[0] <= entry.time[1]
    return found


def words(*spoken: tuple[str, float, float]) -> list[Word]:
    return [Word(f" {text}", start, end, 0.9) for text, start, end in spoken]


def runs(found: list[list[Word]]) -> list[str]:
    return ["".join(word.text for word in run).strip() for run in found]


@pytest.mark.parametrize(
    ("name", "head", "taken"),
    [
        ("a.wav", b"", True),
        ("a.OGG", b"", True),
        ("a", b"RIFF\x24\x00\x00\x00WAVEfmt ", True),
        ("a", b"fLaC\0", True),
        ("a", b"OggS\0", True),
        ("a", b"ID3\x04\0", True),
        ("a", b"\xff\xfb\x90\x44", True),
        ("a", b"\0\0\0\x20ftypM4A \0", True),
        ("a", b"\0\0\0\x20ftypisom", False),  # a film
        ("a.txt", b"\xff\xfeh\0i\0", False),  # text in UTF-16
        ("a.webp", b"RIFF\x24\x00\x00\x00WEBP", False),
        ("a.txt", b"ID3 is a tag", False),
    ],
)
def test_what_it_takes(name: str, head: bytes, taken: bool) -> None:
    assert audio.accepts(name, head) is taken


def test_an_utterance_is_sentences_without_a_pause() -> None:
    found = utterances(
        words(
            ("Yes.", 0, 1), ("It", 1.1, 1.3), ("is.", 1.3, 2),  # go on
            ("And", 2.7, 3), ("so", 4.2, 4.4), ("on", 4.4, 5),  # after a pause; a pause within
            ("late", 7, 8),  # after a long pause
        )
    )  # fmt: skip
    assert runs(found) == ["Yes. It is.", "And so on", "late"]


def test_a_long_utterance_ends_with_a_sentence_or_at_its_longest_pause() -> None:
    sentences = words(*((f"{n}.", n, n + 0.95) for n in range(30)))
    assert [len(run) for run in utterances(sentences)] == [13, 13, 4]
    unstopped = words(
        *((f"{n}", n + (n >= 20) * 0.5, n + 0.9 + (n >= 20) * 0.5) for n in range(60))
    )
    assert [len(run) for run in utterances(unstopped)] == [20, 40]


@given(
    st.lists(st.tuples(st.sampled_from(["so", "Yes.", "What?"]), st.floats(0, 9), st.floats(0, 60)))
)
def test_utterances_lose_nothing(spoken: list[tuple[str, float, float]]) -> None:
    now = 0.0
    given = []
    for text, pause, length in spoken:
        given.append(Word(f" {text}", now + pause, now + pause + length, 0.5))
        now += pause + length
    found = utterances(given)
    assert [word for run in found for word in run] == given
    assert all(found)


@pytest.mark.parametrize(
    ("spoken", "text"),
    [
        ([("The", 0.9), ("hot", 0.2), ("wheel,", 0.3), ("too.", 0.8)], "The [hot wheel?], too."),
        ([("I", 0.1), ("am", 0.9)], "I am"),  # too short to be worth it
        ([("Really?", 0.1)], "[Really?]?"),
        ([("all", 0.1), ("of", 0.1), ("it", 0.1)], "[all of it?]"),
        ([("…", 0.1)], "…"),
        ([], ""),
    ],
)  # fmt: skip
def test_what_was_not_heard_clearly_is_marked(spoken: list[tuple[str, float]], text: str) -> None:
    assert marked([Word(f" {word}", 0, 1, sure) for word, sure in spoken]) == text


def test_no_sound_is_said_in_a_line(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [(slide("A"), 1)])
    with pytest.raises(BadInput, match=r"a\.mp4 holds no sound"):
        audio.read(blob(tmp_path / "a.mp4"), Tools())
    for content in (b"", b"OggS" + bytes(200)):
        with pytest.raises(BadInput, match="cannot be opened"):
            audio.read(Blob.of("a.ogg", content), Tools())


@pytest.mark.model
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a", ".flac"])
def test_what_was_said_is_read(tmp_path: Path, whisper: str, suffix: str) -> None:
    path = film(tmp_path / f"a{suffix}", sound=samples()[: 11 * RATE])
    found = read(path)
    rate = errors(found.text, FIRST)
    print(f"{suffix}: word error rate {rate:.3f}")
    assert rate < 0.12
    assert found.reading.entries[0].time == pytest.approx((0, 10.9), abs=0.5)


@pytest.mark.model
def test_a_whole_recording(whisper: str) -> None:
    said: list[tuple[str, float]] = []
    found = read(SPEECH, say=lambda what, share: said.append((what, share)))
    rate = errors(found.text, TEXT)
    print(f"word error rate {rate:.3f}")
    assert rate < 0.08
    times = [entry.time for entry in found.reading.entries]
    assert len(times) >= 3
    assert times == sorted(times)
    assert all("library.ogg" in what for what, _ in said)
    assert said[-1][1] == 1.0


@pytest.mark.model
@pytest.mark.parametrize("sound", [silence(20), noise(20), noise(20, 0.001), silence(1)])
def test_where_nobody_speaks_nothing_is_heard(tmp_path: Path, whisper: str, sound: Any) -> None:
    found = read(film(tmp_path / "a.wav", sound=sound))
    assert found.text == ""
    assert found.reading.notes == ["nobody was heard speaking in it"]


@pytest.mark.model
def test_a_second_of_speech(tmp_path: Path, whisper: str) -> None:
    found = read(film(tmp_path / "a.wav", sound=samples()[:RATE]))
    assert found.text.startswith("Good morning")


@pytest.mark.model
def test_a_recording_that_breaks_off_says_so(tmp_path: Path, whisper: str) -> None:
    content = film(tmp_path / "a.mkv", sound=samples()).read_bytes()
    (tmp_path / "b.mkv").write_bytes(content[: len(content) // 3])
    found = read(tmp_path / "b.mkv")
    assert "library" in found.text
    assert any("its sound breaks off at 00:1" in note for note in found.reading.notes)


@pytest.mark.model
def test_its_utterances_have_dates_where_it_has_one(tmp_path: Path, whisper: str) -> None:
    sound = np.concatenate([silence(4), samples()[: 4 * RATE]])
    path = film(
        tmp_path / "a.m4a", sound=sound, creation_time="2026-05-01T09:00:00Z", title="Board"
    )
    found = read(path)
    assert found.reading.title == "Board"
    (entry,) = found.reading.entries
    assert entry.time is not None
    assert entry.time[0] == pytest.approx(4, abs=0.5)
    begun = dt.datetime(2026, 5, 1, 9, tzinfo=dt.UTC)
    assert entry.when == begun + dt.timedelta(seconds=entry.time[0])


@pytest.mark.model
def test_a_killed_run_hears_no_minute_twice(tmp_path: Path, whisper: str) -> None:
    sound = np.concatenate([samples()[: 8 * RATE], silence(50)] * 3)
    path = film(tmp_path / "a.wav", sound=sound)
    killed = Memory(patience=1)
    with pytest.raises(KeyboardInterrupt):
        read(path, memory=killed)
    assert len(killed) == 1
    resumed = Memory()
    resumed.update(killed)
    found = read(path, memory=resumed)
    assert resumed.put_now == len(resumed) - 1 >= 2
    again = Memory()
    again.update(resumed)
    assert read(path, memory=again)[1:] == found[1:]
    assert again.put_now == 0
    assert read(path)[1:] == found[1:]
    assert found.text.count("library") == 3


@pytest.mark.model
def test_of_several_tracks_the_first_is_heard_and_the_rest_is_said(
    tmp_path: Path, whisper: str
) -> None:
    import av

    one = film(tmp_path / "a.m4a", sound=samples()[: 3 * RATE])
    path = tmp_path / "b.mkv"
    with av.open(str(one)) as source, av.open(str(path), "w") as file:
        streams = [file.add_stream_from_template(source.streams.audio[0]) for _ in range(2)]
        for packet in source.demux(audio=0):
            if packet.pts is None:
                continue
            again = av.Packet(bytes(packet))
            again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
            for one_packet, stream in ((packet, streams[0]), (again, streams[1])):
                one_packet.stream = stream
                file.mux(one_packet)
    assert "1 more sound track not listened to" in read(path).reading.notes
