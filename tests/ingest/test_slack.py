from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import exports
from gistill.errors import BadInput
from gistill.ingest import load
from gistill.types import Segment, Thread
from sources import check


def read(tmp_path: Path, files: exports.Files) -> Thread:
    """The export as a zip; read as a folder it must be the same but for the names."""
    path = tmp_path / "export.zip"
    path.write_bytes(exports.zipped(files))
    packed = load(path)
    check(packed)
    unpacked = load(exports.folder(tmp_path / "export", files))
    assert [s.text for s in unpacked.segments] == [s.text for s in packed.segments]
    return packed


def said(thread: Thread) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in thread.segments]


def by_text(thread: Thread) -> dict[str, Segment]:
    return {segment.text: segment for segment in thread.segments}


def test_an_export_is_one_thread_in_time_order(tmp_path: Path) -> None:
    found = read(tmp_path, exports.SLACK)
    assert said(found) == [
        ("Ada Lovelace", "We ship on #general & tell @Ben Orr 🎉"),
        ("Ben Orr", "just between us"),
        ("Ben Orr", "See the plan (https://example.org/plan) or https://example.org"),
        ("U9", "I am new here"),
        ("Ada Lovelace", "shared notes.txt, gone.pdf"),
        ("Ada Lovelace", "The printer is on the second floor."),
        ("Builds", "Build 7\nfailed"),
        ("Ben Orr", "right"),
        ("Ada Lovelace", "late answer"),
    ]
    assert found.segments[0].when == dt.datetime(2024, 5, 1, 10, 0, 0, 100, dt.UTC)
    assert {s.kind for s in found.segments if s.text != "The printer is on the second floor."} == {
        "message"
    }


def test_threads_are_kept_across_days_and_files_answer_their_message(tmp_path: Path) -> None:
    segments = by_text(read(tmp_path, exports.SLACK))
    root = segments["We ship on #general & tell @Ben Orr 🎉"]
    assert segments["late answer"].reply_to == root.id
    assert root.reply_to is None
    file, parent = (
        segments["The printer is on the second floor."],
        segments["shared notes.txt, gone.pdf"],
    )
    assert (file.reply_to, file.when) == (parent.id, parent.when)
    assert file.at.source.endswith("export.zip/general/attachments/F0123456-notes.txt")


def test_what_was_left_out_is_said_and_no_gap(tmp_path: Path) -> None:
    found = read(tmp_path, exports.SLACK)
    assert found.notes == (
        f"{tmp_path}/export.zip: 1 system message skipped; 1 deleted message left out; "
        "2 messages as last edited; 1 reaction left out; 1 file linked and not in the export; "
        "1 user unknown to users.json shown by id",
    )


def test_conversations_of_two_are_named_by_both(tmp_path: Path) -> None:
    names = [source.name for source in read(tmp_path, exports.SLACK).sources]
    assert f"{tmp_path}/export.zip/Ada Lovelace, Ben Orr" in names


def test_a_folder_around_the_export_and_one_channel_alone(tmp_path: Path) -> None:
    inside = {f"My Workspace/{name}": content for name, content in exports.SLACK.items()}
    for name in "abc":
        (tmp_path / name).mkdir()
    assert said(read(tmp_path / "a", inside)) == said(read(tmp_path / "b", exports.SLACK))
    days = {name: c for name, c in exports.SLACK.items() if name.startswith("general/2024")}
    alone = read(tmp_path / "c", days)
    assert ("U1", "late answer") in said(alone)


@pytest.mark.parametrize(
    ("content", "why"),
    [("[{", "not valid JSON"), ("{}", "no day of a Slack channel"), ("[3, null]", "")],
)
def test_a_broken_day_is_one_line(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(exports.zipped({**exports.SLACK, "general/2024-05-03.json": content}))
    if why:
        with pytest.raises(BadInput, match=why) as caught:
            load(path)
        assert "\n" not in str(caught.value)
    else:
        assert len(load(path).segments) == 9
