from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from gistill.errors import BadInput
from gistill.ingest import load, mbox
from gistill.ingest.blob import Blob
from gistill.ingest.tools import Tools
from sources import check

ASKED = "When do we open the lighthouse to visitors, in May or in June?"


def box(path: Path, *mails: tuple[str, str, str, str]) -> Path:
    found = mailbox.mbox(path)
    for n, (who, text, id, parent) in enumerate(mails):
        message = EmailMessage()
        message["From"] = f"{who} <{who.lower()}@example.org>"
        message["Date"] = f"Mon, 06 May 2024 1{n}:00:00 +0000"
        message["Message-ID"] = f"<{id}>"
        message["Subject"] = "Re: Opening" if parent else "Opening"
        if parent:
            message["References"] = f"<root> <{parent}>"
        message.set_content(text)
        found.add(message)
    found.close()
    return path


def test_mails_are_in_threads(tmp_path: Path) -> None:
    path = box(
        tmp_path / "list",
        ("Ada", ASKED, "1", ""),
        ("Ben", f"In May.\n\nOn Mon, Ada wrote:\n> {ASKED}", "2", "1"),
        ("Ada", "From now on it is fixed.", "3", "2"),
        ("Ben", "In May.", "2", "1"),
    )
    found = load(path)
    check(found)
    assert [(s.speaker, s.text, s.reply_to) for s in found.segments] == [
        ("Ada", f"Subject: Opening\n{ASKED}", None),
        ("Ben", "In May.", "s000000"),
        ("Ada", "From now on it is fixed.", "s000001"),
    ]
    assert found.notes == (
        f"{path}: 1 copy of a mail skipped; 1 quoted reply or signature left out",
    )
    assert found.title == ""
    (quote,) = found.segments[0].also
    assert found.sources[0].text[slice(*quote.span)] == f"On Mon, Ada wrote:\n> {ASKED}"
    assert found.segments[1].also == ()


def test_without_a_mail_it_is_refused() -> None:
    with pytest.raises(BadInput, match=r"a\.mbox holds no mail"):
        mbox.read(Blob.of("a.mbox", b"hello\n"), Tools())


def test_what_begins_like_it_is_recognized() -> None:
    assert mbox.accepts("x", b"From MAILER-DAEMON Mon May  6 10:00:00 2024\r\nFrom: a@b\r\n")
    assert not mbox.accepts("a.txt", b"From here to there\nwe walk.\n")
