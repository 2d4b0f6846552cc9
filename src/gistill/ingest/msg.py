"""A mail as Outlook saves it (MS-OXMSG): properties in the container of old Office files (MS-CFB).

It is put together again as the mail that it was, and from there on read like any other.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
from base64 import b64encode
from collections import defaultdict
from email import message_from_bytes, message_from_string, utils
from email.message import Message
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import package
from gistill.ingest.blob import Blob
from gistill.ingest.mail import LIMIT, Letters
from gistill.ingest.needs import Needs
from gistill.ingest.reading import Extract, counted
from gistill.ingest.tools import Tools

NAME = "Outlook mail"
ABOUT = "a mail saved by Outlook: as mail, with the mails attached to it"
SUFFIXES: tuple[str, ...] = (".msg",)
NEEDS = Needs("docs", ("olefile",))

# Ids of properties (MS-OXPROPS).
_HEADERS, _SUBJECT, _ID, _ANSWERED, _REFERENCES = 0x007D, 0x0037, 0x1035, 0x1042, 0x1039
_NAMES, _ADDRESSES = (0x0C1A, 0x0042), (0x5D01, 0x0C1F)  # of the sender
_DATES = (0x0039, 0x0E06)  # sent, delivered
_BODY, _HTML, _RTF, _CODEPAGES = 0x1000, 0x1013, 0x1009, (0x3FDE, 0x3FFD)
_DATA, _FILENAMES, _MIME, _CONTENT_ID = 0x3701, (0x3707, 0x3704, 0x3001), 0x370E, 0x3712
# Types of properties.
_UNICODE, _BYTES, _BINARY, _OBJECT, _TIME = 0x001F, 0x001E, 0x0102, 0x000D, 0x0040
_TABLE = "__properties_version1.0"
# Bytes before the first property: of a mail, of one inside a mail, of an attachment.
_OUTER, _INNER, _ATTACHED = 32, 24, 8
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_LATEST = 1 << 61  # tenths of a microsecond since then: the year 8907
_PAGES = {20127: "ascii", 20866: "koi8-r", 21866: "koi8-u", 50220: "iso-2022-jp"} | {
    **{28590 + n: f"iso8859-{n}" for n in range(1, 17)},
    **{51932: "euc-jp", 51949: "euc-kr", 54936: "gb18030", 65001: "utf-8"},
}
# What olefile raises for damage, its own errors are of the first sort.
_BROKEN = (OSError, struct.error, LookupError, ValueError, TypeError, OverflowError)

Place = tuple[str, ...]


def accepts(name: str, head: bytes) -> bool:
    """By its suffix and the mark of its container."""
    return name.lower().endswith(SUFFIXES) and head.startswith(package.OLE)


def read(blob: Blob, tools: Tools) -> Extract:
    """The mail. Raises: BadInput if it is damaged, too large or no mail; MissingExtra."""
    NEEDS.check("reading Outlook mail")
    import olefile

    data = blob.data(LIMIT)
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            saved = _Saved(container, len(data))
            mail = saved.mail((), _OUTER)
    except RecursionError:
        raise BadInput(f"{blob.name} is nested too deeply to be a mail") from None
    except _BROKEN as error:
        raise package.damaged(blob, error) from None
    letters = Letters(blob.name)
    letters.add(mail)
    reading = letters.reading()
    notes = counted(
        (saved.rich, "mail", "whose text is Rich Text only, which is not read"),
        (saved.absent, "linked file or embedded object", "left out"),
    )
    return Extract(blob, letters.text, reading._replace(notes=[*reading.notes, *notes]))


class _Saved:
    """The mail in a container. rich, absent: counts of what could not be taken from it."""

    def __init__(self, container: Any, size: int) -> None:
        self.rich = self.absent = 0
        self._container = container
        self._left = 2 * size  # bytes: streams that overlap would fill memory
        self._storages: defaultdict[Place, list[Place]] = defaultdict(list)
        for path in container.listdir(streams=False, storages=True):
            self._storages[tuple(path[:-1])].append(tuple(path))

    def mail(self, place: Place, start: int) -> Message:
        """The mail at `place`, whose properties start at byte `start` of their table.

        Raises: OSError and others if it is damaged.
        """
        found = _Properties(self, place, start)
        message = Message()
        for name, value in found.headers().items():
            message[name] = value
        message["Content-Type"] = "multipart/mixed"
        attached = [p for p in self._storages[place] if p[-1].startswith("__attach_")]
        bodies = found.bodies()
        self.rich += not bodies and found.data(_RTF, _BINARY) is not None
        message.set_payload([*bodies, *filter(None, map(self._attachment, attached))])
        return message

    def stream(self, place: Place, name: str) -> bytes | None:
        """None if there is none of that name. Raises: OSError and others if it is damaged."""
        path = [*place, name]
        if not self._container.exists(path):
            return None
        data: bytes = self._container.openstream(path).read()
        self._left -= len(data)
        if self._left < 0:
            raise OSError("its parts overlap")
        return data

    def _attachment(self, place: Place) -> Message | None:
        inner = (*place, _stream(_DATA, _OBJECT))
        if self._container.exists([*inner, _TABLE]):
            part = Message()
            part["Content-Type"] = "message/rfc822"
            part.set_payload([self.mail(inner, _INNER)])
            return part
        found = _Properties(self, place, _ATTACHED)
        data = found.data(_DATA, _BINARY)
        if data is None:
            self.absent += 1
            return None
        kind = found.first(_MIME) or "application/octet-stream"
        if kind.startswith("multipart/"):  # a signed mail: all of it is in one attachment
            return message_from_bytes(data)
        part = _part(kind, data)
        part.add_header("Content-Disposition", "attachment", filename=found.first(*_FILENAMES))
        if id := found.first(_CONTENT_ID):
            part["Content-ID"] = id
        return part


class _Properties:
    """The properties of a mail or an attachment by their ids."""

    def __init__(self, saved: _Saved, place: Place, start: int) -> None:
        self._saved, self._place = saved, place
        table = saved.stream(place, _TABLE)
        if table is None:
            raise OSError("it lacks the properties of a mail")
        # Of those that fit into eight bytes the values stand in the table itself.
        rows = struct.iter_unpack("<HH4xQ", table[start : start + (len(table) - start) // 16 * 16])
        self._values = {id: (type, value) for type, id, value in rows}
        pages = (self._values[id][1] & 0xFFFF_FFFF for id in _CODEPAGES if id in self._values)
        page = next(pages, 1252)
        self._charset = _PAGES.get(page, f"cp{page}")

    def data(self, id: int, type: int) -> bytes | None:
        """The value of a property that stands in a stream of its own."""
        return self._saved.stream(self._place, _stream(id, type))

    def first(self, *ids: int) -> str:
        """The first of these texts that says anything, in one line."""
        for id in ids:
            data, charset = self._text(id)
            try:
                text = data.decode(charset, "replace")
            except LookupError:
                text = data.decode("utf-8", "replace")
            if line := " ".join(text.replace("\0", "").split()):
                return line
        return ""

    def headers(self) -> dict[str, str]:
        """Those that say who wrote when about what, and to whom it answers."""
        data, charset = self._text(_HEADERS)
        sent = message_from_string(data.decode(charset, "replace"))
        name, address = self.first(*_NAMES), self.first(*_ADDRESSES)
        found = {
            "Message-ID": sent["Message-ID"] or self.first(_ID),
            "In-Reply-To": sent["In-Reply-To"] or self.first(_ANSWERED),
            "References": sent["References"] or self.first(_REFERENCES),
            "From": sent["From"] or (f'"{utils.quote(name)}" <{address}>' if name else address),
            "Date": sent["Date"] or self._date(),
            "Subject": self.first(_SUBJECT),
        }
        return {key: " ".join(str(value).split()) for key, value in found.items() if value}

    def bodies(self) -> list[Message]:
        """The text, plain and as a web page, as far as they are there."""
        found = ((kind, *self._text(id)) for kind, id in (("plain", _BODY), ("html", _HTML)))
        return [
            _part(f"text/{kind}; charset={charset}", data) for kind, data, charset in found if data
        ]

    def _text(self, id: int) -> tuple[bytes, str]:
        """A text and its charset; empty if there is none."""
        for type, charset in (
            (_UNICODE, "utf-16-le"),
            (_BYTES, self._charset),
            (_BINARY, self._charset),
        ):
            if data := self.data(id, type):
                return data, charset
        return b"", "utf-8"

    def _date(self) -> str:
        for id in _DATES:
            type, value = self._values.get(id, (0, 0))
            if type == _TIME and 0 < value < _LATEST:
                return utils.format_datetime(_EPOCH + dt.timedelta(microseconds=value // 10))
        return ""


def _stream(id: int, type: int) -> str:
    return f"__substg1.0_{id:04X}{type:04X}"


def _part(kind: str, data: bytes) -> Message:
    part = Message()
    part["Content-Type"] = kind
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(b64encode(data).decode("ascii"))
    return part
