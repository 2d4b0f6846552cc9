"""A mailbox in one file: mbox (RFC 4155), as mail programs export folders."""

from __future__ import annotations

import mailbox
import re
from email import message_from_bytes

from gistill.errors import BadInput
from gistill.ingest.blob import Blob
from gistill.ingest.mail import Letters
from gistill.ingest.needs import Needs
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools

NAME = "mailbox"
ABOUT = "mbox: mails in threads, without what they quote, with their attachments"
SUFFIXES: tuple[str, ...] = (".mbox", ".mbx")
NEEDS = Needs()

_MAILS = 200_000
_FROM = re.compile(rb"From [^\n]{1,200}\n(?:>From[^\n]*\n)*[A-Za-z][A-Za-z0-9-]*:")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


def accepts(name: str, head: bytes) -> bool:
    """By its suffix, or by a line that begins with From and a field of a mail below it."""
    return name.lower().endswith(SUFFIXES) or bool(_FROM.match(head.replace(b"\r\n", b"\n")))


def read(blob: Blob, tools: Tools) -> Extract:
    """The mails in the order of the file. Raises: BadInput if there is none, or too many."""
    letters = Letters(blob.name)
    with blob.on_disk() as path:
        box = mailbox.mbox(path, create=False)
        try:
            count = len(box)
            if not count:
                raise BadInput(f"{blob.name} holds no mail: expected lines that begin with From")
            if count > _MAILS:
                raise BadInput(f"{blob.name} holds more than {_MAILS:,} mails; split it")
            for done, key in enumerate(box.iterkeys()):
                letters.add(message_from_bytes(_ESCAPED.sub(rb"\1", box.get_bytes(key))))
                if done % 500 == 0:
                    tools.say(f"reading {blob.name}", done / count)
        finally:
            box.close()
    reading = letters.reading()
    return Extract(blob, letters.text, reading._replace(title="" if count > 1 else reading.title))
