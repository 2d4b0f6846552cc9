"""Mails of all sorts, each in a file of its own."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest import eml, load
from gistill.ingest.reading import Extract
from sources import check, extract, mail, turns


def read(message: EmailMessage | bytes) -> Extract:
    data = message if isinstance(message, bytes) else message.as_bytes()
    assert eml.accepts("x", data) or isinstance(message, bytes)
    return extract(eml, "a.eml", data)


def test_a_mail_is_an_entry_with_its_subject() -> None:
    found = read(mail(In_Reply_To="<0@example.org>")).reading
    (entry,) = found.entries
    assert (entry.speaker, entry.text) == ("Ada Lovelace", "Subject: Opening\nWe open in May.")
    zone = dt.timezone(dt.timedelta(hours=2))
    assert entry.when == dt.datetime(2024, 5, 6, 10, tzinfo=zone)
    assert (entry.key, entry.reply_to) == ("1@example.org", "0@example.org")
    assert found.title == "Opening"


def test_a_name_may_hold_a_comma_whether_encoded_or_not() -> None:
    for name in ('"Voss, Lena"', "=?utf-8?q?Voss=2C_Lena?="):
        head = f"From: {name} <l@b.example>\nMessage-ID: <1@b>\n\nhi\n"
        assert turns(read(head.encode()).reading) == [("Voss, Lena", "hi")]


def test_what_is_quoted_stays_in_the_source_and_is_no_entry() -> None:
    found = read(mail("Fine.\n\nOn Mon, Ben wrote:\n> Shall we?\n\n-- \nAda\n"))
    assert turns(found.reading) == [("Ada Lovelace", "Subject: Opening\nFine.")]
    assert "> Shall we?" in found.text
    assert found.reading.notes == ["1 quoted reply or signature left out"]


def test_long_mails_are_cut_at_blank_lines() -> None:
    paragraphs = [f"{n} " + "word " * 120 for n in range(6)]
    found = read(mail("\n\n".join(paragraphs))).reading
    assert len(found.entries) == 3
    assert [entry.key for entry in found.entries] == ["1@example.org", None, None]


def test_a_page_alone_is_read_as_text_without_what_it_quotes() -> None:
    message = mail()
    message.set_content(
        "<html><body><p>We <b>open</b> in May.</p><div class='gmail_quote'>On Mon, Ben wrote:"
        "<blockquote>Shall we?</blockquote></div></body></html>",
        subtype="html",
    )
    found = read(message)
    assert turns(found.reading) == [("Ada Lovelace", "Subject: Opening\nWe open in May.")]
    assert "Shall we?" in found.text


def test_of_alternatives_the_plain_one_is_read() -> None:
    message = mail("plain")
    message.add_alternative("<p>rich</p>", subtype="html")
    assert "rich" not in read(message).text


def test_broken_charsets_are_guessed() -> None:
    head = b"From: =?x-none?Q?Ad=E9?= <a@b.example>\nDate: yesterday\nMessage-ID: <1@b>\n"
    body = b"Content-Type: text/plain; charset=klingon\n\nd\xe9j\xe0 vu \xe0 No\xebl, \xe7a va\n"
    found = read(head + body).reading
    assert turns(found) == [("Ad\ufffd", "déjà vu à Noël, ça va")]
    assert found.entries[0].when is None
    assert found.notes == ["1 mail in another encoding than it says"]


def test_raw_eight_bit_headers() -> None:
    head = "From: Zoë <z@b.example>\nSubject: Café\nMessage-ID: <1@b>\n\nhi\n".encode()
    assert turns(read(head).reading) == [("Zoë", "Subject: Café\nhi")]


def test_attachments_are_read_with_the_mail(tmp_path: Path) -> None:
    message = mail("See the notes.")
    message.add_attachment("Prisms cost £3,850.", filename="notes.txt")
    message.add_attachment("And the rail?", filename="notes.txt")
    inner = mail("The horn is loud.", Message_ID="<2@x>", Subject="Horn", From="Ben <b@x>")
    message.add_attachment(inner)
    path = tmp_path / "a.eml"
    path.write_bytes(message.as_bytes())
    found = load(path)
    check(found)
    assert [(s.speaker, s.text) for s in found.segments] == [
        ("Ada Lovelace", "Subject: Opening\nSee the notes."),
        ("Ada Lovelace", "Prisms cost £3,850."),
        ("Ada Lovelace", "And the rail?"),
        ("Ben", "Subject: Horn\nThe horn is loud."),
    ]
    assert {s.reply_to for s in found.segments[1:]} == {"s000000"}
    assert [Path(s.name).name for s in found.sources] == [
        "a.eml", "notes.txt", "notes.txt", "forwarded.eml",
    ]  # fmt: skip


def test_a_mail_of_attachments_alone_names_them() -> None:
    message = mail("")
    message.add_attachment("x", filename="plan.txt")
    assert turns(read(message).reading)[0][1] == "Subject: Opening\nattached plan.txt"


def test_small_images_inside_and_signatures_for_programs_are_skipped() -> None:
    message = mail("hi")
    message.add_attachment(b"x" * 99, maintype="image", subtype="png", cid="<logo>")
    message.add_attachment(b"x", maintype="application", subtype="pgp-signature")
    found = read(message).reading
    assert found.attached == []
    assert found.notes == [
        "1 signature or invitation for programs skipped",
        "1 small image inside a mail skipped",
    ]


def test_an_encrypted_mail_is_said() -> None:
    message = mail("x")
    message.set_content(b"x" * 50, maintype="application", subtype="pkcs7-mime")
    assert "1 mail encrypted and not readable" in read(message).reading.notes


PIECES = st.sampled_from(
    [
        b"From: a@b\n", b"Subject: =?utf-8?B?w6k=?=\n", b"Subject: =?utf-8?Q?=ZZ?=\n",
        b"Content-Type: multipart/mixed; boundary=x\n", b"\n--x\n", b"--x--\n", b"\n", b"> q\n",
        b"Content-Type: text/html\n\n<p>hi</p><![x", b"Content-Type: message/rfc822\n\n",
        b"Content-Transfer-Encoding: base64\n", b"Content-Type: text/plain; charset=\"\n",
        b"Date: Mon, 99 Foo 2024\n", b"From: \"<\n", b"Message-ID: <1>\n", b"\xff\xfe\0", b"-- \n",
        b"Content-Disposition: attachment; filename*=x'y'%ff\n", b"<div class=gmail_quote>",
        b"Content-Transfer-Encoding: uuencode\n",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.binary(max_size=9)), max_size=30).map(b"".join))
def test_any_bytes_are_some_mail(data: bytes) -> None:
    read(data)
