from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from films import TEXT, errors, film, samples, silence, slide
from gistill.errors import BadInput
from gistill.ingest import ocr, resolve, video
from gistill.ingest.blob import Blob
from gistill.ingest.files import blob
from gistill.ingest.needs import Needs
from gistill.ingest.reading import Entry, Extract
from gistill.ingest.sound import RATE
from gistill.ingest.tools import Tools
from gistill.ingest.video import Slide
from gistill.types import Locator, Source

BUDGET = ("Library budget", "Reading room: 40,000", "Roof repair: 12,500")
FAIR = ("Book fair", "Opens on 3 May")


def read(path: Path, **tools: Any) -> Extract:
    found = video.read(blob(path), Tools(**tools))
    for entry in found.reading.entries:
        assert entry.text == found.text[slice(*entry.span)]
        assert entry.time is not None
    starts = [entry.time[0] for entry in found.reading.entries if entry.time]
    assert starts == sorted(starts)
    return found


def kinds(found: Extract, kind: str) -> list[Entry]:
    return [entry for entry in found.reading.entries if entry.kind == kind]


@pytest.mark.parametrize(
    ("name", "head", "taken"),
    [
        ("a.MP4", b"", True),
        ("a", b"\0\0\0\x20ftypisom", True),
        ("a", b"\0\0\0\x14ftypqt  ", True),
        ("a", b"\x1a\x45\xdf\xa3", True),
        ("a", b"RIFF\0\0\0\0AVI LIST", True),
        ("a", b"\0\0\0\x20ftypM4A ", False),
        ("a", b"\0\0\0\x20ftypheic", False),
        ("a", b"RIFF\0\0\0\0WAVE", False),
        ("a.txt", b"see ftyp", False),
    ],
)
def test_what_it_takes(name: str, head: bytes, taken: bool) -> None:
    assert video.accepts(name, head) is taken


@pytest.mark.model
def test_speech_and_slides_on_one_timeline(tmp_path: Path, whisper: str) -> None:
    path = film(
        tmp_path / "a.mp4",
        [(slide(*BUDGET), 20), (slide(*FAIR), 16)],
        samples(),
        group=40,
        creation_time="2026-05-01T09:00:00Z",
    )
    found = read(path)
    assert found.reading.notes in ([], [f"1 of {len(TEXT.split())} words not heard clearly"])
    spoken = " ".join(entry.text for entry in kinds(found, "audio"))
    rate = errors(spoken, TEXT)
    print(f"word error rate {rate:.3f}")
    assert rate < 0.1
    first, second = kinds(found, "frame")
    for entry, lines in ((first, BUDGET), (second, FAIR)):
        rate = errors(entry.text, " ".join(lines))
        print(f"word error rate of a slide {rate:.3f}")
        assert rate < 0.2
    assert first.time == pytest.approx((0, 16), abs=4)
    assert second.time == pytest.approx((20, 32), abs=4)
    begun = dt.datetime(2026, 5, 1, 9, tzinfo=dt.UTC)
    assert second.time
    assert second.when == begun + dt.timedelta(seconds=second.time[0])
    source = Source("a.mp4", "", found.text)
    assert resolve(source, Locator("a.mp4", second.span)) == second.text


def test_a_film_without_sound(tmp_path: Path) -> None:
    growing = [BUDGET[:2], BUDGET, (*BUDGET, "Paint: 900")]
    path = film(tmp_path / "a.mp4", [(slide(*lines), 6) for lines in growing], group=20)
    found = read(path)
    assert found.reading.notes == ["it holds no sound"]
    (entry,) = found.reading.entries  # one slide that grew
    assert entry.kind == "frame"
    assert "900" in entry.text
    assert entry.time == pytest.approx((0, 16), abs=2)


def test_a_film_without_pictures_or_words(tmp_path: Path) -> None:
    blank = slide()
    path = film(tmp_path / "a.mp4", [(blank, 4)])
    found = read(path)
    assert (found.text, found.reading.notes) == ("", ["it holds no sound"])


@pytest.mark.model
def test_a_film_that_is_only_sound(tmp_path: Path, whisper: str) -> None:
    sound = np.concatenate([silence(1), samples()[: 3 * RATE]])
    found = read(film(tmp_path / "a.mp4", sound=sound))
    assert "Good morning" in found.text
    assert "it has no pictures" in found.reading.notes


def test_codecs_that_nobody_knows_are_notes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(slide(*FAIR), 4)], silence(4), codec="libx264")
    content = path.read_bytes()
    odd = content.replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC")
    odd = odd.replace(b"mp4a", b"zzza").replace(b"esds", b"zzzs")
    path.write_bytes(odd)
    found = read(path)
    assert found.text == ""
    sound, pictures = found.reading.notes
    assert "sound in a codec that FFmpeg does not know" in sound
    assert "pictures are in a codec that FFmpeg does not know" in pictures


def test_without_ocr_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", [(slide(*FAIR), 4)])
    assert "OCR is switched off" in read(path, ocr=False).reading.notes[-1]
    monkeypatch.setattr(ocr, "NEEDS", Needs("images", ("no_such_module",)))
    assert "gistill[images]" in read(path).reading.notes[-1]


def test_a_killed_run_reads_no_picture_twice(tmp_path: Path) -> None:
    class Memory(dict[str, Any]):
        def put(self, key: str, stage: str, value: object) -> None:
            assert key not in self
            self[key] = value
            stages.append(stage)

    stages: list[str] = []
    path = film(tmp_path / "a.mp4", [(slide(*BUDGET), 6), (slide(*FAIR), 6)], group=20)
    memory = Memory()
    found = read(path, memory=memory)
    assert stages == ["ocr", "ocr"]
    assert read(path, memory=memory)[1:] == found[1:]
    assert stages == ["ocr", "ocr"]


def test_junk_is_said_in_a_line() -> None:
    with pytest.raises(BadInput, match=r"a\.mp4 cannot be opened as a recording") as error:
        video.read(Blob.of("a.mp4", b"\0\0\0\x20ftypisom" + bytes(200)), Tools())
    assert "\n" not in str(error.value)


def test_a_picture_of_a_cited_moment(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(slide(*BUDGET), 6), (slide(*FAIR), 6)])
    for seconds, lines in ((0.0, BUDGET), (8.0, FAIR)):
        shown = video.picture(blob(path), Locator("a.mp4", (0, 1), time=(seconds, seconds)))
        assert shown is not None
        meant = np.asarray(slide(*lines), np.int16)
        assert np.abs(np.asarray(shown, np.int16) - meant).mean() < 4
    assert video.picture(blob(path), Locator("a.mp4", (0, 1))) is None
    sound = film(tmp_path / "a.m4a", sound=silence(1))
    assert video.picture(blob(sound), Locator("a.m4a", (0, 1), time=(0, 1))) is None


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("Book fair Opens on 3 May", "Book fair Opens on 3 May", True),
        ("Book fair Opens", "Book fair Opens on 3 May", True),
        ("Book fair Opens on 3 May", "Opens on 3 May", True),
        ("Book fair Opens on 3 May", "Book fair Costs 900 a day", False),
        ("Book fair", "Heating", False),
    ],
)
def test_a_slide_goes_on(before: str, after: str, same: bool) -> None:
    assert Slide(before, 0, 1).goes_on(after) is same
