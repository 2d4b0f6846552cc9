"""What becomes of a mix of files, folders and archives; the readers are told apart elsewhere."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exports
from exports import folder, zipped
from gistill.errors import BadInput
from gistill.ingest import Tools, load
from gistill.types import Thread
from sources import check

LONG = "The lighthouse opens on the sixteenth of May, whatever the weather and the ferry say."


def read(*paths: Path, **more: Any) -> Thread:
    found = load(list(paths), **more)
    check(found)
    return found


def texts(thread: Thread) -> list[str]:
    return [segment.text for segment in thread.segments]


def places(thread: Thread, root: Path) -> list[str]:
    return [s.at.source.removeprefix(f"{root}/") for s in thread.segments]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    found = read(
        folder(tmp_path, {"b.txt": "two", "a/z.txt": "one", "c.txt.gz": gzip.compress(b"3")})
    )
    assert places(found, tmp_path) == ["a/z.txt", "b.txt", "c.txt.gz"]
    assert texts(found) == ["one", "two", "3"]


def test_what_has_dates_comes_first_in_time_order(tmp_path: Path) -> None:
    posts = [{"text": f"{day}", "timestamp": f"2024-05-0{day}T10:00:00Z"} for day in (1, 2, 3)]
    files = {"a.txt": "undated", "b.json": posts[::2], "c.json": posts[1:2]}
    assert texts(read(folder(tmp_path, files))) == ["1", "2", "3", "undated"]


def test_an_archive_in_an_archive_and_one_named_wrong(tmp_path: Path) -> None:
    inner = zipped({"x.txt": "inside"})
    path = tmp_path / "a.bin"
    path.write_bytes(zipped({"in.zip": inner, "y.txt": "outside"}))
    found = read(path)
    assert places(found, tmp_path) == ["a.bin/in.zip/x.txt", "a.bin/y.txt"]


def test_nesting_beyond_the_limit_is_a_gap(tmp_path: Path) -> None:
    data = zipped({"x.txt": "deep"})
    for _ in range(4):
        data = zipped({"in.zip": data, "y.txt": "y"})
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found = read(path)
    (lost,) = found.unread
    assert "lies in 3 archives already" in lost.why


def test_what_may_not_be_unpacked_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"../up.txt": "up", "ok.txt": "fine"}))
    found = read(path)
    assert texts(found) == ["fine"]
    assert [lost.why for lost in found.unread] == [f"{path}/../up.txt leads out of the archive"]
    path.write_bytes(zipped({"../up.txt": "up"}))
    with pytest.raises(BadInput, match="leads out of the archive"):
        load(path)


def test_standard_input_may_be_an_archive() -> None:
    found = load("-", stdin=io.BytesIO(zipped({"x.txt": "inside"})))
    assert found.segments[0].at.source == "<stdin>/x.txt"


def test_one_bad_file_among_several_is_a_gap_and_alone_an_error(tmp_path: Path) -> None:
    root = folder(
        tmp_path, {"a.txt": "fine", "b.json": '[{"text": "x"', "c.xyz": bytes(range(256))}
    )
    found = read(root)
    assert texts(found) == ["fine"]
    assert [lost.name for lost in found.unread] == [f"{root}/b.json", f"{root}/c.xyz"]
    assert all(lost.name in lost.why and "\n" not in lost.why for lost in found.unread)
    assert read(root / "a.txt", root / "b.json").unread[0].why.endswith("it seems to be cut off")
    with pytest.raises(BadInput, match="not valid JSON"):
        load(root / "b.json")
    with pytest.raises(BadInput, match=r"none of 2 files could be read; the first: .*b\.json"):
        load([root / "b.json", root / "c.xyz"])


def test_a_path_that_is_not_there_stops_at_once(tmp_path: Path) -> None:
    folder(tmp_path, {"a.txt": "fine"})
    with pytest.raises(BadInput, match=r"there is no file .*gone"):
        load([tmp_path / "a.txt", tmp_path / "gone"])


def test_files_without_text_are_no_gap(tmp_path: Path) -> None:
    found = read(folder(tmp_path, {"a.txt": "fine", "b.txt": "", "c.json": "[]"}))
    assert found.unread == ()
    assert [note.rpartition("/")[2] for note in found.notes] == [
        "b.txt is empty", "c.json holds no text that could be summarized",
    ]  # fmt: skip


@pytest.mark.parametrize("files", [{}, {".hidden": "x"}])
def test_an_empty_folder_is_refused(tmp_path: Path, files: exports.Files) -> None:
    with pytest.raises(BadInput, match=f"no file to read in {tmp_path}.*; hidden ones"):
        load(folder(tmp_path, files))


def test_thread_toml_names_orders_and_dates(tmp_path: Path) -> None:
    about = 'title = "Opening"\nparticipants = ["Moira"]\ntime_zone = "Europe/Berlin"\n'
    post = {"text": "hi", "author": "Ada", "timestamp": "2024-05-01T10:00:00"}
    files = {"a.txt": "one", "b.txt": "two", "c.json": [post], "thread.toml": about}
    found = read(folder(tmp_path / "1", files))
    assert (found.title, found.participants) == ("Opening", ("Moira", "Ada"))
    assert found.segments[0].when.utcoffset() == dt.timedelta(hours=2)  # type: ignore[union-attr]
    assert texts(found) == ["hi", "one", "two"]
    files["thread.toml"] = 'order = ["b*", "c.json"]'
    assert texts(read(folder(tmp_path / "1", files))) == ["two", "hi", "one"]
    files["thread.toml"] = 'order = "name"'
    assert texts(read(folder(tmp_path / "1", files))) == ["one", "two", "hi"]
    with pytest.raises(BadInput, match=r"thread\.toml: unknown key"):
        load(folder(tmp_path / "1", {"thread.toml": "x = 1"}))


CHAT = """\
01/05/2024, 10:00 - Ada: list.txt (file attached)
01/05/2024, 10:01 - Ben: gone.pdf (file attached)
01/05/2024, 10:02 - Ada: chat.txt (file attached)
"""


def test_attached_files_follow_their_message_and_missing_ones_are_a_gap(tmp_path: Path) -> None:
    files = {"chat.txt": CHAT, "list.txt": "two prisms", "z.txt": "later"}
    for path in (folder(tmp_path / "x", files), tmp_path / "x" / "chat.txt"):
        found = read(path)
        first, attached, *rest = found.segments
        assert (attached.text, attached.speaker) == ("two prisms", "Ada")
        assert (attached.reply_to, attached.when) == (first.id, first.when)
        assert [s.text[:8] for s in rest] == ["gone.pdf", "chat.txt", "later"][: len(rest)]
        (lost,) = found.unread
        assert lost.why.endswith("chat.txt: 1 attached file is not there (gone.pdf)")


def test_nothing_outside_of_the_folder_is_attached(tmp_path: Path) -> None:
    chat = CHAT.replace("list.txt", "../secret.txt").replace("gone.pdf", "/etc/hostname")
    export: Any = json.loads(json.dumps(exports.DISCORD))
    export["messages"][2]["attachments"][0]["url"] = "../../secret.txt"
    folder(tmp_path, {"secret.txt": "secret", "a/b/chat.txt": chat, "a/b/d.json": export})
    for path in (tmp_path / "a" / "b", tmp_path / "a" / "b" / "d.json"):
        found = read(path)
        assert not any("secret" in text and len(text) < 9 for text in texts(found))
        assert found.unread


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, ".", "", "\ud800", "a/../../../etc/passwd"])
def test_attached_names_that_no_file_could_have(tmp_path: Path, path: str) -> None:
    export: Any = json.loads(json.dumps(exports.TELEGRAM))
    export["messages"][3]["photo"] = path
    found = read(folder(tmp_path, {"result.json": export}) / "result.json")
    assert len(found.segments) == 6
    assert len(found.unread) == bool(path)
    for lost in found.unread:
        lost.why.encode()


def test_files_that_attach_each_other_end(tmp_path: Path) -> None:
    one = "01/05/2024, 10:00 - Ada: b.txt (file attached)\n01/05/2024, 10:00 - Ada: one\n"
    two = "01/05/2024, 10:00 - Ben: a.txt (file attached)\n01/05/2024, 10:00 - Ben: two\n"
    found = read(folder(tmp_path, {"a.txt": one, "b.txt": two}))
    assert sorted(texts(found)) == ["a.txt (file attached)", "b.txt (file attached)", "one", "two"]


def test_the_same_file_twice_is_one_with_two_places(tmp_path: Path) -> None:
    folder(tmp_path, {"a.txt": "Anna: hi\nBen: yo\nAnna: ok\n", "b.zip": b""})
    text = (tmp_path / "a.txt").read_bytes()
    (tmp_path / "b.zip").write_bytes(zipped({"copy.txt": text}))
    found = read(tmp_path / "a.txt", tmp_path / "b.zip")
    assert texts(found) == ["hi", "yo", "ok"]
    assert [s.also[0].source for s in found.segments] == [f"{tmp_path}/b.zip/copy.txt"] * 3
    assert found.notes[-1].endswith("it was read once")
    assert len(found.sources) == 2


def test_long_passages_that_stand_in_two_files_are_one(tmp_path: Path) -> None:
    loud = LONG.upper().replace(" ", "\n")
    found = read(folder(tmp_path, {"a.md": f"Before.\n\n{LONG}", "b.md": f"{loud}\n\nAfter."}))
    assert texts(found) == ["Before.", LONG, "After."]
    (also,) = found.segments[1].also
    assert (also.source, also.span) == (f"{tmp_path}/b.md", (0, len(LONG)))
    assert "1 passage that stood in another source before" in found.notes[-1]


def test_the_same_words_of_another_person_are_theirs(tmp_path: Path) -> None:
    files = {"a.txt": f"Anna: {LONG}\nBen: ok\n", "b.txt": f"Ben: {LONG}\nAnna: ok\n"}
    assert len(read(folder(tmp_path, files)).segments) == 4


def test_answers_to_a_passage_read_before_find_it(tmp_path: Path) -> None:
    a = [{"id": "1", "text": LONG}]
    b = [{"id": "9", "text": LONG}, {"id": "10", "text": "Good", "reply_to": "9"}]
    found = read(folder(tmp_path, {"a.json": a, "b.json": b}))
    assert texts(found) == [LONG, "Good"]
    assert found.segments[1].reply_to == "s000000"


def test_progress_is_told(tmp_path: Path) -> None:
    said: list[tuple[str, float]] = []
    folder(tmp_path, {"a.txt": "x", "b.txt": "y"})
    read(tmp_path, tools=Tools(say=lambda what, share: said.append((what, share))))
    assert said == [(f"reading {tmp_path}/a.txt", 0.0), (f"reading {tmp_path}/b.txt", 0.5)]


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [at]
    if isinstance(value, dict | list):
        for key, one in inner:
            found += _paths(one, (*at, key)) if isinstance(one, dict | list) else [(*at, key)]
    return found


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([[], {}, [None], {"list": [3]}, "\ud800", "<@U1|", "1e400", -1, [[]], [{}]]),
)  # fmt: skip


@pytest.mark.parametrize("name", ["DISCORD", "TELEGRAM", "MATRIX", "SLACK", "MATTERMOST"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_exports_with_odd_values_anywhere_are_read_or_refused(name: str, data: Any) -> None:
    value = getattr(exports, name)
    if name == "MATTERMOST":
        value = [json.loads(line) for line in value.splitlines()]
    value = json.loads(json.dumps(value))
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from([path for path in _paths(value) if path]))
        held = value
        for step in way:
            held = held[step]
        held[last] = json.loads(json.dumps(data.draw(ODD)))  # a list of its own
    if name == "SLACK":
        content = zipped({path: json.dumps(v) for path, v in value.items()})
    elif name == "MATTERMOST":
        content = "\n".join(map(json.dumps, value)).encode()
    else:
        content = json.dumps(value).encode()
    try:
        found = load("-", stdin=io.BytesIO(content))
    except BadInput as error:
        said = str(error)
    else:
        return check(found)
    assert "\n" not in said


def test_what_is_said_of_many_files_is_said_once(tmp_path: Path) -> None:
    for name in "abcde":
        posts = [{"text": f"post {name}"}, {"text": ""}]
        (tmp_path / f"{name}.json").write_text(json.dumps(posts))
    folder = load(tmp_path)
    (note,) = [note for note in folder.notes if "without text skipped" in note]
    names = ", ".join(f"{tmp_path}/{name}.json" for name in "abc")
    assert note == f"{names} and 2 more files: 1 post without text skipped"
