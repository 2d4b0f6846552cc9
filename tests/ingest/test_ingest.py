"""`load` as a whole: the bad inputs of the issue, and what must hold for any input."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.errors import BadInput
from gistill.ingest import assemble, load
from sources import check, raw, thread

ROOT = Path(__file__).parents[2]


def test_one_path_or_many_or_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Anna: hi\nBen: yo\n")
    assert load(path) == load(str(path)) == load([path])
    both = load([path, "-"], stdin=io.BytesIO(b"Ben: one\nAnna: two\n"))
    check(both)
    assert both.participants == ("Anna", "Ben")
    assert [source.name for source in both.sources] == [str(path), "<stdin>"]


def test_gzip_of_anything_and_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt.gz"
    path.write_bytes(gzip.compress(b"00:01.000 --> 00:02.000\nhi\n"))
    assert load(path).segments[0].at.time == (1, 2)
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(BadInput, match="is empty"):
        load(path)


def test_the_same_file_twice_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    assert "read once" in load([path, path]).notes[0]


def test_nothing_named() -> None:
    with pytest.raises(BadInput, match="nothing to read"):
        load([])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"", "a.txt is empty"),
        ("a.txt", b"\xef\xbb\xbf \r\n\t\0", "a.txt is empty"),
        ("a.txt", b"---\n***", "a.txt holds no text"),
        ("a.json", b"[]", "a.json holds no text"),
        ("a.out", b"\x7fELF\2\1\1\0", r"binary file \(program\); gistill reads: WebVTT, "),
        ("a.bin", bytes(range(256)) * 4, "looks like a binary file; gistill reads"),
        ("a.vtt", b"WEBVTT\n\nNOTE nothing\n", "a.vtt holds no cue"),
        ("a.json", b'[{"text": "x"', "a.json is not valid JSON: line 1, column 14: .*cut off"),
        ("a.json", b'{"x": 1}', "shape gistill does not know"),
    ],
)
def test_bad_input_is_one_line(name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        assemble([raw(name, data)])
    assert "\n" not in str(caught.value)


def test_a_line_of_2_mb_without_a_space() -> None:
    assert [len(s.text) for s in thread(("a.txt", "x" * 2_000_000)).segments] == [2_000_000]


@pytest.mark.parametrize(
    "line",
    [
        "a:" * 500_000,
        "[" * 1_000_000,
        "- " * 500_000 + "x",
        "a" + " " * 1_000_000 + "b",
        "<v " * 300_000,
    ],
)
def test_lines_made_to_slow_a_reader_down(line: str) -> None:
    for name in ("a.txt", "a.vtt", "a.srt"):
        head = "" if name == "a.txt" else "00:01.000 --> 00:02.000\n"
        assert thread((name, head + line)).segments


def test_ten_thousand_speakers() -> None:
    found = thread(("a.txt", "\n".join(f"Speaker {i}: word {i}" for i in range(10_000))))
    assert len(found.participants) == 10_000


def test_guesses_and_repairs_are_in_the_notes() -> None:
    found = thread(("a.txt", "Anna: déjà vu à Noël\nBen: ça marche, à bientôt\n".encode("latin-1")))
    assert found.notes == ("a.txt: read as cp1252, the best guess at its encoding",)
    assert found.participants == ("Anna", "Ben")


def test_nul_bytes_stay_in_the_source_and_locators_hold() -> None:
    found = thread(("a.txt", b"Anna: the plan\0 stands\nBen: good\0, Monday then\n"))
    assert found.segments[0].text == "the plan\0 stands"


def test_the_title_is_that_of_a_single_file() -> None:
    one = ("a.md", "# Plan\n\ntext")
    assert thread(one).title == "Plan"
    assert thread(one, ("b.txt", "text")).title == ""


NAMES = st.sampled_from(["a.txt", "a.vtt", "a.srt", "a.json", "a.jsonl", "a.md", "<stdin>"])
# Pieces of every format, so that chance builds more than prose.
PIECES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                "\n",
                "\n\n",
                "\r\n",
                "Anna: ",
                "Ben: ",
                "[00:01] ",
                "<v Anna>",
                "</v>",
                "WEBVTT",
                "NOTE ",
                "00:01.000 --> 00:02.000\n",
                "1\n00:00:01,000 --> 00:00:02,000\n",
                "# ",
                "- ",
                "---\n",
                "```\n",
                "<anna> ",
                "12/05/23, 14:33 - ",
                "2024-05-01 10:00 ",
                "Anna  0:03\n",
                "：",
                "\0",
            ]
        ),
    ),
    max_size=25,
).map("".join)


def read_or_refuse(name: str, data: bytes) -> None:
    try:
        found = assemble([raw(name, data)])
    except BadInput as error:
        refused = str(error)
    else:
        return check(found)
    assert "\n" not in refused


@given(NAMES, PIECES)
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    read_or_refuse(name, text.encode())


@given(NAMES, st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    read_or_refuse(name, data)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "author",
                    "timestamp",
                    "id",
                    "reply_to",
                    "messages",
                    "content",
                    "speaker",
                    "meeting_transcripts",
                    "user",
                    "ts",
                    "thread_ts",
                    "start",
                    "end",
                    "~/",
                ]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=25,
)


@given(st.sampled_from(["a.json", "a.jsonl", "<stdin>"]), st.lists(VALUES, min_size=1, max_size=3))
def test_any_json_is_read_or_refused(name: str, values: list[object]) -> None:
    read_or_refuse(name, "\n".join(json.dumps(value) for value in values).encode())


@pytest.mark.parametrize(
    ("path", "segments", "people"),
    [
        ("data/long_thread.txt", 424, 7),
        ("examples/meeting.vtt", 405, 5),
        ("examples/channel.json", 78, 9),
    ],
)
def test_the_examples_need_no_repairs(path: str, segments: int, people: int) -> None:
    found = load(ROOT / path)
    check(found)
    assert (len(found.segments), len(found.participants), found.notes) == (segments, people, ())


def test_every_word_of_a_conversation_is_somewhere() -> None:
    text = "Preamble here\n\nAnna: a1 a2\na3\n\na4\nBen: b1\n\n# head\n\nAnna: c1\nBen: d1 d2\n"
    words = " ".join(s.text for s in thread(("a.txt", text)).segments).replace("#", "").split()
    assert words == "Preamble here a1 a2 a3 a4 b1 head c1 d1 d2".split()


def test_importing_costs_nothing_heavy() -> None:
    code = "import sys, gistill.ingest; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"charset_normalizer", "numpy", "nupunkt", "rich"} & set(run.stdout.split())
