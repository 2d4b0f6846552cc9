from __future__ import annotations

import pytest

from gistill.ingest import audio
from gistill.ingest.blob import Blob
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools
from sources import mail, thread


def post(hour: int, text: str, **more: object) -> dict[str, object]:
    return {"timestamp": f"2024-05-01T{hour:02}:00:00Z", "text": text, **more}


def test_files_with_dates_are_merged_by_them() -> None:
    found = thread(
        ("a.json", [post(9, "a9"), post(11, "a11")]),
        ("b.json", [post(9, "b9"), post(10, "b10"), {"text": "after b10"}]),
    )
    assert [s.text for s in found.segments] == ["a9", "b9", "b10", "after b10", "a11"]
    assert found.notes == ()


def test_a_file_without_dates_stays_whole_and_in_place() -> None:
    found = thread(
        ("a.json", [post(11, "a11")]),
        ("notes.txt", "first note\n\nsecond note"),
        ("b.json", [post(9, "b9")]),
    )
    assert [s.text for s in found.segments] == ["a11", "first note", "second note", "b9"]


def test_posts_out_of_order_are_put_in_order_and_it_is_said() -> None:
    found = thread(("a.json", [post(11, "late"), post(9, "early")]))
    assert [s.text for s in found.segments] == ["early", "late"]
    assert found.notes == ("a.json: 1 step back in time put in order",)


def test_dates_without_a_zone_count_as_utc() -> None:
    found = thread(
        (
            "a.json",
            [
                {"timestamp": "2024-05-01T10:00:00", "text": "naive"},
                {"timestamp": "2024-05-01T11:00:00+02:00", "text": "before"},
            ],
        )
    )
    assert [s.text for s in found.segments] == ["before", "naive"]


def test_replies_become_segment_ids_across_files() -> None:
    found = thread(
        ("a.json", [post(9, "root", id="x"), post(11, "own", id="y", reply_to="x")]),
        ("b.json", [post(10, "other", id="x"), post(12, "across", reply_to="y")]),
    )
    by_text = {s.text: s for s in found.segments}
    assert by_text["own"].reply_to == by_text["root"].id
    assert by_text["across"].reply_to == by_text["own"].id


def test_replies_to_what_is_not_there_are_counted() -> None:
    found = thread(("a.json", [post(9, "a", reply_to=99), post(10, "b", reply_to=98)]))
    assert found.notes == ("2 replies to posts that are not here",)


def test_ids_stay_when_a_thread_grows() -> None:
    lines = [f"[00:00:{i:02}] {'Anna' if i % 2 else 'Ben'}: word {i}" for i in range(30)]
    short = thread(("a.txt", "\n".join(lines[:20])))
    grown = thread(("a.txt", "\n".join(lines)))
    assert grown.segments[:20] == short.segments


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are heard to say what stands in them: "S1 Hello" is the first voice's."""

    def read(blob: Blob, tools: Tools) -> Extract:
        pieces = Pieces()
        for line in blob.data(1000).decode().splitlines():
            speaker, text = line.split(maxsplit=1)
            pieces.add(text, kind="audio", speaker=speaker, time=(0.0, 1.0))
        return pieces.extract(blob)

    monkeypatch.setattr(audio, "read", read)


@pytest.mark.usefixtures("heard")
def test_voices_of_several_recordings_are_not_taken_for_one() -> None:
    found = thread(("a.wav", b"S1 Hello.\nS2 Hi."))
    assert [s.speaker for s in found.segments] == ["S1", "S2"]
    found = thread(("a.wav", b"S1 Hello.\nS2 Hi."), ("b.wav", b"S1 Bye."))
    assert [s.speaker for s in found.segments] == ["S1 (a.wav)", "S2 (a.wav)", "S1 (b.wav)"]


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(
    ("said", "speakers"),
    [(b"S1 Hello.", ["Ada Lovelace"]), (b"S1 Hello.\nS2 Hi.", ["S1", "S2"])],
)
def test_the_only_voice_in_a_message_is_its_posters(said: bytes, speakers: list[str]) -> None:
    message = mail()
    message.add_attachment(said, maintype="audio", subtype="wav", filename="voice.wav")
    found = thread(("a.eml", bytes(message)))
    assert [s.speaker for s in found.segments if s.kind == "audio"] == speakers
    # A message's only voice is no reason to name those of a recording otherwise.
    both = thread(("a.eml", bytes(message)), ("talk.wav", b"S1 Well."))
    own = "S1" if len(speakers) == 1 else "S1 (talk.wav)"
    assert both.segments[-1].speaker == own
