from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import samples
from gistill.artifacts import files
from gistill.artifacts.report import recordings
from gistill.types import Locator, Thread


def _recorded(name: str) -> Thread:
    talk = samples.thread()
    segments = [replace(s, at=replace(s.at, source=name)) for s in talk.segments]
    return replace(talk, segments=tuple(segments))


def test_recordings_are_linked_from_where_the_page_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/the talk #1.mp3").write_bytes(b"ID3")
    thread = _recorded("in/the talk #1.mp3")
    urls = recordings.links(thread, Path("out/here"))
    assert urls == {"in/the talk #1.mp3": "../../in/the%20talk%20%231.mp3"}
    files.write(samples.done(), thread, Path("out/here"))
    page = Path("out/here/report.html").read_text("utf-8")
    assert 'href="../../in/the%20talk%20%231.mp3#t=840.0"' in page
    assert page.count('class="play"') == page.count('class="number"')
    assert "media-src 'self' file:;" in page


def test_there_is_no_link_to_what_is_not_there(tmp_path: Path) -> None:
    assert recordings.links(_recorded("gone.mp3"), tmp_path) == {}
    assert recordings.links(_recorded("z.zip/talk.mp3"), tmp_path) == {}
    assert recordings.links(samples.thread(), tmp_path) == {}  # captions: there is no sound
    assert recordings.links(_recorded("gone.mp3"), None) == {}


def test_only_what_has_a_time_can_be_played() -> None:
    (first, *_) = _recorded("a.mp3").segments
    assert "#t=840.0" in recordings.button(first, {"a.mp3": "a.mp3"})
    assert recordings.button(first, {}) == ""
    assert recordings.button(replace(first, at=Locator("a.mp3", (0, 1))), {"a.mp3": "x"}) == ""
