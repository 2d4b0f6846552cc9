"""Mail messages (RFC 5322, MIME): what each says, to whom it answers, what is attached."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from email import utils
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from typing import NamedTuple

from gistill.ingest import encoding, html, quotes
from gistill.ingest.blob import Blob
from gistill.ingest.reading import Attached, Entry, Quote, Reading, counted, trimmed

LIMIT = 1 << 30  # bytes of one mail, attachments included
_PIECE = 1000  # characters beyond which the paragraphs of a mail are entries of their own
_LOGO = 8 << 10  # bytes: an image inside a mail that is smaller is decoration
_HELD = 512 << 20  # bytes of attachments that are kept until they are read
# Signatures and invitations for programs.
_MACHINE = re.compile(
    r"application/(?:x-)?(?:pkcs7-signature|pgp-signature|pgp-keys|ms-tnef)|text/(?:x-vcard|vcard)"
    r"|text/calendar|message/delivery-status"
)
_ENCRYPTED = re.compile(r"application/(?:x-)?(?:pkcs7-mime|pgp-encrypted)|multipart/encrypted")
_QUOTE_IN_HTML = re.compile(
    r"<(?:div|blockquote|span)\b[^>]*(?:gmail_quote|moz-cite-prefix|yahoo_quoted|divRplyFwdMsg"
    r"|appendonsend|type=[\"']?cite)[^>]*>",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"(?:(?:re|aw|sv|antw|fwd?|wg|tr|vs)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_ID = re.compile(r"<([^<>\s]+)>")


class _Body(NamedTuple):
    """A mail's text, and where what its sender did not write begins if it is from HTML."""

    text: str
    quoted: int | None = None


class Letters:
    """Mails written down one after the other, each below a line for its head."""

    def __init__(self, name: str) -> None:
        self.subject = ""
        self._name = name
        self._parts: list[str] = []
        self._end = 0
        self._entries: list[Entry] = []
        self._attached: list[Attached] = []
        self._quotes: list[Quote] = []
        self._counts: Counter[str] = Counter()
        self._subjects: set[str] = set()
        self._ids: set[str] = set()
        self._names: Counter[str] = Counter()
        self._held = 0

    def add(self, message: Message) -> None:
        """Writes the mail that `message` is, however broken."""
        id = next(iter(_ID.findall(_header(message, "Message-ID"))), None)
        if id and id in self._ids:
            self._counts["copies"] += 1
            return
        self._ids.add(id or "")
        parts = list(_leaves(message))
        body, files = self._sorted(parts)
        who = _person(_raw(message, "From"))
        when, subject = _date(message), " ".join(_header(message, "Subject").split())
        self.subject = self.subject or subject
        fresh = _ANSWER.sub("", subject).casefold()
        head = f"Subject: {subject}\n" if fresh and fresh not in self._subjects else ""
        self._subjects.add(fresh)
        first = len(self._entries)
        told = self._told(body, head)
        if not told and files:
            named = _Body(f"attached {', '.join(name for name, _ in files)}")
            told = self._told(named, head)
        replies = _ID.findall(_header(message, "In-Reply-To")) or _ID.findall(
            _header(message, "References")
        )
        reply_to = replies[-1] if replies else None
        for n, (text, span) in enumerate(told):
            key, parent = (id or f"mail {first}", reply_to) if n == 0 else (None, None)
            entry = Entry(text, span, who, "message", when=when, key=key, reply_to=parent)
            self._entries.append(entry)
        self._counts["empty"] += not told
        if told:
            self._attach(files, first)

    def reading(self) -> Reading:
        counts = self._counts
        notes = counted(
            (counts["copies"], "copy of a mail", "skipped"),
            (counts["quoted"], "quoted reply or signature", "left out"),
            (counts["encrypted"], "mail", "encrypted and not readable"),
            (counts["charset"], "mail", "in another encoding than it says"),
            (counts["machine"], "signature or invitation for programs", "skipped"),
            (counts["logos"], "small image", "inside a mail skipped"),
            (counts["large"], "attachment", "beyond 512 MiB in all left out"),
            (counts["empty"], "mail", "without text skipped"),
        )
        return Reading(self._entries, notes, self.subject, self._attached, self._quotes)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def _told(self, body: _Body, head: str) -> list[tuple[str, tuple[int, int]]]:
        """Writes `head` and all of the body; the texts and spans of what the sender wrote."""
        text = body.text.strip("\n")
        if not text.strip():
            return []
        own = text if body.quoted is None else text[: body.quoted]
        stretches = quotes.own(own if own.strip() else text)
        self._counts["quoted"] += sum(b - a for a, b in stretches) < len(text.rstrip()) - 2
        if self._parts:
            self._parts.append("\n\n")
            self._end += 2
        self._parts += [head, text]
        begin = self._end + len(head)
        self._end = begin + len(text)
        self._quote(text, begin, stretches)
        spans = [trimmed(text, a, b) for stretch in stretches for a, b in _pieces(text, *stretch)]
        told = [(text[a:b], (begin + a, begin + b)) for a, b in spans if a < b]
        if told and told[0][1][0] == begin:  # nothing between the subject and the first words
            told[0] = (head + told[0][0], (begin - len(head), told[0][1][1]))
        return told

    def _quote(self, text: str, begin: int, own: list[tuple[int, int]]) -> None:
        """Notes what lies between the sender's own stretches of `text`, which is at `begin`."""
        bounds = [0, *(place for stretch in own for place in stretch), len(text)]
        for a, b in zip(bounds[::2], bounds[1::2], strict=True):
            a, b = trimmed(text, a, b)
            if a < b:
                entry = len(self._entries)  # the first of this mail
                self._quotes.append(Quote(text[a:b], (begin + a, begin + b), entry))

    def _sorted(self, parts: list[Message]) -> tuple[_Body, list[tuple[str, bytes]]]:
        """The body, and the files that are attached."""
        plain: list[str] = []
        pages: list[str] = []
        files = []
        for part in parts:
            kind, name = part.get_content_type(), _filename(part)
            if _ENCRYPTED.fullmatch(kind):
                self._counts["encrypted"] += 1
            elif _MACHINE.fullmatch(kind):
                self._counts["machine"] += 1
            elif kind in ("text/plain", "text/html") and not _is_file(part, name):
                (plain if kind == "text/plain" else pages).append(self._text(part))
            elif kind == "message/rfc822":
                files.append((name or "forwarded.eml", _forwarded(part)))
            else:
                data = _payload(part)
                if kind.startswith("image/") and part.get("Content-ID") and len(data) < _LOGO:
                    self._counts["logos"] += 1
                elif data:
                    files.append((name or f"file.{kind.partition('/')[2]}", data))
        if any(text.strip() for text in plain) or not pages:
            return _Body("\n\n".join(plain)), files
        return _page("\n".join(pages)), files

    def _text(self, part: Message) -> str:
        data = _payload(part)
        charset = _charset(part)
        try:
            text = data.decode(charset or "utf-8")
        except (LookupError, UnicodeError, ValueError):
            self._counts["charset"] += bool(charset)
            try:
                text = encoding.decode(data).text
            except encoding.NotText:
                text = data.decode("utf-8", "replace")
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
        return encoding.LONE.sub("\ufffd", text)

    def _attach(self, files: list[tuple[str, bytes]], entry: int) -> None:
        for name, data in files:
            self._held += len(data)
            if self._held > _HELD:
                self._counts["large"] += 1
                continue
            self._names[name] += 1
            again = f"{self._names[name]}/" if self._names[name] > 1 else ""
            blob = Blob.of(f"{self._name}/{again}{name}", data)
            self._attached.append(Attached(blob, entry))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch of a mail, cut at blank lines where it is long."""
    begin = start
    for match in re.finditer(r"\n[ \t]*\n", text[start:end]):
        at = start + match.end()
        if at - begin >= _PIECE:
            yield begin, at
            begin = at
    yield begin, end


def _leaves(part: Message) -> Iterator[Message]:
    """The parts that hold something, of alternatives the plainest that says anything."""
    kind = part.get_content_type()
    if kind == "message/rfc822" or not part.is_multipart():
        yield part
        return
    if _ENCRYPTED.fullmatch(kind):
        yield part
        return
    payload = part.get_payload()
    inner = (
        [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    )
    if kind == "multipart/alternative":
        plain = (p for p in inner if p.get_content_type() == "text/plain" and _payload(p).strip())
        chosen = next(plain, None)
        rest = [p for p in inner if p.get_content_type() not in ("text/plain", "text/html")]
        if chosen is not None:
            inner = [chosen, *rest]
    for one in inner:
        yield from _leaves(one)


def _page(markup: str) -> _Body:
    """The text of a mail that is a web page; programs mark where what they quote begins."""
    quote = _QUOTE_IN_HTML.search(markup)
    own = "\n\n".join(html.parse(markup[: quote.start()] if quote else markup).blocks)
    if not quote:
        return _Body(own)
    rest = "\n\n".join(html.parse(markup[quote.start() :]).blocks)
    own = own.strip("\n")
    return _Body(f"{own}\n\n{rest}" if own else rest, len(own))


def _header(message: Message, name: str) -> str:
    """The first header of this name in plain words, however broken it is; empty if none is."""
    return _words(_raw(message, name))


def _raw(message: Message, name: str) -> str:
    """The first header of this name in one line, its words as they were sent."""
    raw = next((str(v) for k, v in message.raw_items() if k.lower() == name.lower()), "")
    raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r"\r?\n(?=[ \t])", "", raw)


def _words(raw: str) -> str:
    """`raw` with encoded words (RFC 2047) decoded as far as that can be done."""
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        pieces = [(raw, None)]
    said = []
    for piece, charset in pieces:
        if isinstance(piece, str):
            said.append(piece)
            continue
        try:
            said.append(piece.decode(charset or "ascii"))
        except (LookupError, UnicodeError, ValueError):
            said.append(piece.decode("utf-8", "replace"))
    return encoding.LONE.sub("\ufffd", "".join(said).replace("\0", ""))


def _person(value: str) -> str | None:
    """The name in "Ada Lovelace <ada@example.org>", else the address.

    Words are decoded last: there may be a comma in them.
    """
    try:
        name, address = utils.parseaddr(value)
    except (ValueError, IndexError, TypeError):
        name, address = "", value
    return " ".join(_words(name or address or value).strip("'\" ").split()) or None


def _date(message: Message) -> dt.datetime | None:
    try:
        return utils.parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _filename(part: Message) -> str:
    """Fit to stand in a path."""
    try:
        name = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):
        name = ""
    text = _words(name)
    return " ".join(re.sub(r"[/\\\x00-\x1f]+", " ", text).split())[:200]


def _is_file(part: Message, name: str) -> bool:
    return part.get_content_disposition() == "attachment" or bool(name)


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError, TypeError):
        return None


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (LookupError, ValueError, AssertionError):
        data = None
    return data if isinstance(data, bytes) else b""


def _forwarded(part: Message) -> bytes:
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    if not isinstance(inner, Message):
        return _payload(part)
    try:
        return inner.as_bytes()
    except (LookupError, ValueError, TypeError, AttributeError):
        return str(inner.get_payload()).encode("utf-8", "replace")
