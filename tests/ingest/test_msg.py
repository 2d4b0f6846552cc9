"""Mails as Outlook saves them, written by a library that is not the one that reads them."""

from __future__ import annotations

import contextlib
import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aspose.email_foss.msg import MapiMessage, MsgStorage
from hypothesis import given
from hypothesis import strategies as st

import sources
from gistill.errors import BadInput
from gistill.ingest import load, msg
from gistill.ingest.blob import Blob
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools
from sources import check, extract, turns

QUOTED = "Fine.\n\nOn Mon, Ben wrote:\n> Shall we?\n\n-- \nAda\n"


def mail(text: str = "We open in May.", **headers: str) -> EmailMessage:
    return sources.mail(text, **{"From": '"Løvelace, Ada" <ada@example.org>', **headers})


def saved(message: EmailMessage, *, received: bool = True, unicode: bool = True) -> bytes:
    """`message` in a file of Outlook; one that was sent from there has no headers of transport."""
    outlook = MapiMessage.from_email_message(message, unicode_strings=unicode)
    if received:
        outlook.set_property(0x007D, 0x001F, bytes(message).decode().partition("\n\n")[0])
    else:
        outlook.properties.remove(0x007D)
    found: bytes = outlook.to_bytes()
    return found


def read(message: EmailMessage, **kwargs: Any) -> Extract:
    return extract(msg, "a.msg", saved(message, **kwargs))


@pytest.mark.parametrize("received", [True, False])
def test_it_is_a_mail(received: bool) -> None:
    found = read(mail(QUOTED), received=received)
    (entry,) = found.reading.entries
    assert (entry.speaker, entry.text) == ("Løvelace, Ada", "Subject: Opening\nFine.")
    assert entry.when == dt.datetime(2024, 5, 6, 8, tzinfo=dt.UTC)
    assert entry.key == "1@example.org"
    assert "> Shall we?" in found.text
    assert found.reading.notes == ["1 quoted reply or signature left out"]
    assert found.reading.title == "Opening"


def test_whom_it_answers_is_in_the_headers_or_in_properties() -> None:
    message = mail(In_Reply_To="<0@example.org>")
    assert read(message).reading.entries[0].reply_to == "0@example.org"
    outlook = MapiMessage.from_email_message(mail())
    outlook.set_property(0x1042, 0x001F, "<0@example.org>")
    found = extract(msg, "a.msg", outlook.to_bytes())
    assert found.reading.entries[0].reply_to == "0@example.org"


@pytest.mark.parametrize(("page", "charset"), [(1252, "cp1252"), (28592, "iso8859-2")])
def test_eight_bit_text_is_in_the_code_page_it_names(page: int, charset: str) -> None:
    outlook = MapiMessage.create("x", "x", unicode_strings=False)
    for id, text in ((0x1000, "Über die Brücke."), (0x0037, "Öffnung"), (0x0C1A, "Zoë")):
        for type in (0x001E, 0x001F):
            outlook.properties.remove(id, type)
        outlook.set_property(id, 0x001E, text.encode(charset))
    outlook.set_property(0x3FDE, 0x0003, page)
    found = extract(msg, "a.msg", outlook.to_bytes()).reading
    assert turns(found) == [("Zoë", "Subject: Öffnung\nÜber die Brücke.")]


def test_a_page_alone_is_read_as_text() -> None:
    message = mail()
    message.set_content("<p>We <b>open</b> in <i>März</i>.</p>", subtype="html")
    found = read(message, received=False).reading
    assert [entry.text for entry in found.entries] == ["Subject: Opening\nWe open in März."]


def test_attachments_are_read_with_it(tmp_path: Path) -> None:
    message = mail("See the notes.")
    message.add_attachment("Prisms cost £3,850.", filename="Notizen für Zoë.txt")
    message.add_attachment(b"x" * 99, maintype="image", subtype="png", cid="<logo>")
    inner = mail("The horn is loud.", Message_ID="<2@x>", Subject="Hörn", From="Ben <b@x>")
    inner.add_attachment("Twice a day.", filename="times.txt")
    message.add_attachment(inner)
    path = tmp_path / "a.msg"
    path.write_bytes(saved(message))
    found = load(path)
    check(found)
    assert [(s.speaker, s.text) for s in found.segments] == [
        ("Løvelace, Ada", "Subject: Opening\nSee the notes."),
        ("Løvelace, Ada", "Prisms cost £3,850."),
        ("Ben", "Subject: Hörn\nThe horn is loud."),
        ("Ben", "Twice a day."),
    ]
    assert [source.name.removeprefix(f"{path}/") for source in found.sources[1:]] == [
        "Notizen für Zoë.txt", "forwarded.eml", "forwarded.eml/times.txt",
    ]  # fmt: skip
    assert found.notes == (f"{path}: 1 small image inside a mail skipped",)


def test_a_signed_mail_lies_in_its_attachment() -> None:
    entity = mail("We open in May.")
    entity.add_attachment(b"x", maintype="application", subtype="pkcs7-signature")
    outlook = MapiMessage.create("Opening")
    outlook.add_attachment("smime.p7m", bytes(entity), mime_type="multipart/signed")
    found = extract(msg, "a.msg", outlook.to_bytes()).reading
    assert [entry.text for entry in found.entries] == ["Subject: Opening\nWe open in May."]


def test_what_is_not_in_it_or_not_read_is_said() -> None:
    outlook = MapiMessage.create("Opening")
    outlook.set_property(0x1009, 0x0102, b"LZFu")
    outlook.add_attachment("notes.txt", b"In May.")
    drawing = outlook.add_attachment("drawing", b"")
    drawing.attach_method, drawing.custom_storage = 6, MsgStorage(name="__substg1.0_3701000D")
    notes = extract(msg, "a.msg", outlook.to_bytes()).reading.notes
    assert notes == [
        "1 mail whose text is Rich Text only, which is not read",
        "1 linked file or embedded object left out",
    ]


def test_other_files_of_that_container_are_no_mail() -> None:
    data = saved(mail())
    assert msg.accepts("A.MSG", data[:512])
    assert not msg.accepts("a.doc", data[:512])
    assert not msg.accepts("a.msg", b"From: ada\n")
    with pytest.raises(BadInput, match="damaged or not whole"):
        msg.read(Blob.of("a.msg", data[: len(data) // 2]), Tools())


WHOLE = saved(mail(QUOTED))


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=20))
def test_damage_is_told(changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for place, byte in changes:
        data[place] = byte
    with contextlib.suppress(BadInput):
        msg.read(Blob.of("a.msg", bytes(data)), Tools())
