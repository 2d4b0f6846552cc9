from __future__ import annotations

import pytest

from gistill.ingest import eml

HEAD = b"Received: by x\n\twith SMTP\nFrom: Ada <a@b.example>\nMessage-ID: <1@b>\nX-Odd: 1\n"


def test_a_head_with_the_fields_of_mails_is_enough() -> None:
    assert eml.accepts("a.txt", HEAD + b"\nhello\n")
    assert eml.accepts("a.txt", HEAD + b"Subject: cut off in the mid")
    assert eml.accepts("a.EML", b"")


@pytest.mark.parametrize("text", ["Note: this\nAnna: hi\n", "From: here\nTo: there\n\nWe go.\n"])
def test_other_text_is_no_mail(text: str) -> None:
    assert not eml.accepts("a.txt", text.encode())
