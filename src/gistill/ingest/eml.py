"""A mail in a file of its own."""

from __future__ import annotations

import re
from email import message_from_bytes

from gistill.ingest.blob import Blob
from gistill.ingest.mail import LIMIT, Letters
from gistill.ingest.needs import Needs
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools

NAME = "mail"
ABOUT = "a mail: its text without what it quotes, its attachments, whom it answers"
SUFFIXES: tuple[str, ...] = (".eml",)
NEEDS = Needs()

_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_TELLING = re.compile(
    rb"^(?:From|Date|Message-ID|Received|Return-Path|MIME-Version|Delivered-To|Subject):",
    re.IGNORECASE | re.MULTILINE,
)


def accepts(name: str, head: bytes) -> bool:
    """By its suffix, or by a head with several of the fields that mails have."""
    if name.lower().endswith(SUFFIXES):
        return True
    fields = 0
    at = 0
    while field := _FIELD.match(head, at):
        fields += bool(_TELLING.match(field[0]))
        at = field.end()
    whole = head[at : at + 2] in (b"\n", b"\r\n", b"\n\n") or head[at : at + 1] == b"\n"
    return fields >= 3 and (whole or at > len(head) // 2) and b"message-id:" in head[:at].lower()


def read(blob: Blob, tools: Tools) -> Extract:
    """The mail. Raises: BadInput if it is too large."""
    letters = Letters(blob.name)
    letters.add(message_from_bytes(blob.data(LIMIT)))
    return Extract(blob, letters.text, letters.reading())
