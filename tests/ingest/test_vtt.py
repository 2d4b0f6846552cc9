from __future__ import annotations

from gistill.ingest import vtt
from sources import reading, turns

TEAMS = """WEBVTT - Weekly sync
Kind: captions

NOTE made by hand
over two lines

STYLE
::cue { color: red }

REGION
id:one

3f2a/12-0
00:00:01.000 --> 00:00:04.000 align:start position:10%
<v Anna Smith>Hello <c.loud>there</c>,
all.</v>

00:00:03.500 --> 00:00:06.000
<v Ben>Hi!</v>
<v.quiet Anna Smith>Oops

00:07.000 --> 00:08.000
R&amp;D says so
"""


def test_voices_blocks_and_title() -> None:
    found = reading(vtt, TEAMS)
    assert turns(found) == [
        ("Anna Smith", "Hello <c.loud>there</c>,\nall."),
        ("Ben", "Hi!"),
        ("Anna Smith", "Oops"),
        (None, "R&amp;D says so"),
    ]
    assert found.entries[0].time == (1, 4)
    assert found.entries[3].time == (7, 8)
    assert found.title == "Weekly sync"
    assert found.notes == ["1 overlapping cue kept"]


def test_windows_line_ends() -> None:
    assert turns(reading(vtt, TEAMS.replace("\n", "\r\n")))[1:3] == [
        ("Ben", "Hi!"),
        ("Anna Smith", "Oops"),
    ]


def test_names_before_a_colon_as_zoom_writes_them() -> None:
    cues = "".join(
        f"{i}\n00:00:0{i}.000 --> 00:00:0{i}.900\n{name}: word {i}\n\n"
        for i, name in enumerate(["Anna Smith", "Ben", "Anna Smith", "Ben"], 1)
    )
    found = reading(vtt, f"WEBVTT\n\n{cues}")
    assert turns(found)[:2] == [("Anna Smith", "word 1"), ("Ben", "word 2")]


def test_colons_in_captions_of_a_talk_are_not_names() -> None:
    cues = "".join(f"00:0{i}.000 --> 00:0{i}.900\nand line {i} says\n\n" for i in range(9))
    found = reading(vtt, f"WEBVTT\n\n{cues}00:09.000 --> 00:09.900\nThe rule: never.\n")
    assert found.entries[-1] == found.entries[-1]._replace(text="The rule: never.", speaker=None)


def test_a_lost_signature_and_title_free_signature() -> None:
    body = "00:01.000 --> 00:02.000\nhi\n"
    assert turns(reading(vtt, body)) == [(None, "hi")]
    assert reading(vtt, "WEBVTT\n\n" + body).title == ""


def test_entities_in_names() -> None:
    assert turns(reading(vtt, "WEBVTT\n\n00:01.000 --> 00:02.000\n<v A &amp; B>hi")) == [
        ("A & B", "hi")
    ]
