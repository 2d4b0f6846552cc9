"""The folder of a run, whatever was left in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gistill.bench import folder
from gistill.errors import BadInput

RECORD = {
    "format": folder.FORMAT,
    "system": "lead",
    "settings": {"words": 100},
    "split": "val",
    "domain": None,
    "data": {"sha256": "0"},
    "gistill": "0",
}
ROW: dict[str, Any] = {
    "meeting_id": "Bmr0",
    "domain": "Academic",
    "kind": "general",
    "index": 0,
    "query": "What?",
    "reference": "That.",
    "summary": "Siân said £40.",
    "cites": [],
    "support": 1,
    "cited": 0.5,
    "tokens_in": 0,
    "tokens_out": 0,
    "seconds": 0.1,
    "notes": [],
}


def kept(out: Path, *rows: dict[str, Any], **changes: Any) -> Path:
    """A folder with a record and these rows."""
    folder.write_record(out, RECORD | changes)
    folder.write_rows(out, rows)
    return out


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept(tmp_path, ROW)
    folder.append(tmp_path, ROW | {"index": 1})
    record, rows = folder.load(tmp_path)
    assert record == RECORD
    assert rows == [ROW, ROW | {"index": 1}]
    assert folder.key(rows[1]) == "Bmr0/general/1"


def test_a_question_counts_once(tmp_path: Path) -> None:
    kept(tmp_path, ROW, ROW | {"index": 1}, ROW | {"summary": "Again."})
    assert [row["summary"] for row in folder.load(tmp_path)[1]] == ["Again.", ROW["summary"]]


def test_a_line_cut_at_any_byte_is_left_out(tmp_path: Path) -> None:
    path = kept(tmp_path, ROW, ROW | {"index": 1}) / folder.PREDICTIONS
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert folder.read_rows(path) == [ROW]
    path.write_bytes(whole[:-1])  # all but the line end
    assert len(folder.read_rows(path)) == 2


@pytest.mark.parametrize(
    "line", [b'{"b"', b"[]", b"5", b"{}", b"null", b'{"meeting_id": 5}', b"\xff\xfe"]
)
def test_a_broken_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    path = kept(tmp_path, ROW) / folder.PREDICTIONS
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n" + whole)
    with pytest.raises(BadInput, match=r"predictions\.jsonl is broken in line 2; remove"):
        folder.read_rows(path)


@pytest.mark.parametrize("field", sorted(ROW))
def test_a_row_that_lacks_something_is_broken(tmp_path: Path, field: str) -> None:
    kept(tmp_path, {name: value for name, value in ROW.items() if name != field}, ROW)
    with pytest.raises(BadInput, match="broken in line 1"):
        folder.load(tmp_path)


def test_no_file_holds_no_rows_and_a_folder_cannot_be_read(tmp_path: Path) -> None:
    assert folder.read_rows(tmp_path / "none.jsonl") == []
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        folder.read_rows(tmp_path)


@pytest.mark.parametrize("text", ["", "x", "[]", "5", '{"format"'])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    (kept(tmp_path, ROW) / folder.RUN).write_text(text)
    with pytest.raises(BadInput, match="holds no run; make one with"):
        folder.load(tmp_path)
    with (
        pytest.raises(BadInput, match="is broken; name another --out"),
        folder.begun(tmp_path, RECORD),
    ):
        pass


def test_other_formats_and_parts_of_a_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        folder.load(tmp_path)
    with pytest.raises(BadInput, match="of format 0, not 1"):
        folder.load(kept(tmp_path, ROW, format=0))
    folder.write_record(tmp_path, {"format": 1, "system": "lead"})
    with pytest.raises(BadInput, match="lacks settings, split"):
        folder.load(tmp_path)
    with pytest.raises(BadInput, match="has answered nothing yet"):
        folder.load(kept(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "random"},
        {"settings": {"words": 5}},
        {"split": "test"},
        {"data": {"sha256": "1"}},
        {"gistill": "1"},
    ],
)
def test_another_run_is_not_mixed_in(tmp_path: Path, changes: dict[str, Any]) -> None:
    kept(tmp_path, ROW)
    with folder.begun(tmp_path, RECORD | {"machine": "another"}) as before:
        assert before == RECORD
    said = f"a run with another {next(iter(changes))}; name"
    with pytest.raises(BadInput, match=said), folder.begun(tmp_path, RECORD | changes):
        pass


def test_predictions_of_nobody_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / folder.PREDICTIONS).write_text("{}\n")
    with pytest.raises(BadInput, match=r"has no run\.json"), folder.begun(tmp_path, RECORD):
        pass
    assert (tmp_path / folder.PREDICTIONS).read_text() == "{}\n"


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        folder.begun(tmp_path, RECORD) as before,
        pytest.raises(BadInput, match="another process is at work in"),
        folder.begun(tmp_path, RECORD),
    ):
        pass
    assert before == {}
    with folder.begun(tmp_path, RECORD) as before:
        assert before == RECORD


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with (
            pytest.raises(BadInput, match=r"cannot write to .*; name another --out"),
            folder.begun(out, RECORD),
        ):
            pass
    (tmp_path / folder.PREDICTIONS).mkdir()
    with pytest.raises(BadInput, match="cannot write"):
        folder.append(tmp_path, ROW)
    with pytest.raises(BadInput, match="cannot write"):
        folder.write_rows(tmp_path, [ROW])


def test_the_record_is_json(tmp_path: Path) -> None:
    kept(tmp_path, ROW)
    assert json.loads((tmp_path / folder.RUN).read_text()) == RECORD
    assert {path.name for path in tmp_path.iterdir()} == {folder.RUN, folder.PREDICTIONS}
