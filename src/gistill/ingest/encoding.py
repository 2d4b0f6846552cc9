"""Bytes to text: byte order marks, UTF-8, UTF-16 without a mark, then a guess that is noted."""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import NamedTuple

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (rb"\x89PNG\r\n", "PNG image"),
    (rb"\xff\xd8\xff", "JPEG image"),
    (rb"GIF8[79]a", "GIF image"),
    (rb"RIFF....WEBP", "WebP image"),
    (rb"%PDF-", "PDF document"),
    (rb"PK\x03\x04", "ZIP archive or Office document"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office document"),
    (rb"\{\\rtf", "RTF document"),
    (rb"\x7fELF", "program"),
    (rb"ID3[\x02-\x04]", "MP3 audio"),
    (rb"fLaC\0", "FLAC audio"),
    (rb"OggS\0", "Ogg audio"),
    (rb"RIFF....WAVE", "WAV audio"),
    (rb"\0\0\0.ftyp", "MP4 or M4A recording"),
    (rb"\x1aE\xdf\xa3", "Matroska or WebM video"),
    (rb"SQLite format 3\0", "SQLite database"),
    (rb"7z\xbc\xaf'\x1c", "7-Zip archive"),
    (rb"\xfd7zXZ\0", "xz archive"),
    (rb"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (rb"BZh\d1AY&SY", "bzip2 archive"),
    (rb"\x1f\x8b", "gzip archive inside gzip"),
    (rb".{257}ustar[\0 ]", "tar archive"),
)
# Half a surrogate pair, which no encoding can write; JSON and mail can hold one all the same.
LONE = re.compile("[\ud800-\udfff]")
_CONTROLS = sorted({*map(chr, range(32)), "\x7f"} - {*"\t\n\v\f\r\x1b"})
_JUNK = 0.05  # share of control characters above which a file is no text
_SAMPLE = 1 << 16
# What any script's texts hold, and what turns into rarities when its two bytes are swapped.
_COMMON = re.compile("[\t\n\r -~\u3001\u3002\uff0c\uff1a]")
_LIKELY = re.compile(
    "[\t\n\r -~\xa0-\u074f\u0900-\u0eff\u1e00-\u206f"
    "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uffef]"
)
# Candidates for a guess: what people still have on disk. UTF-16 and UTF-8 are settled before.
_LEGACY = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("latin_1", "iso8859_2", "iso8859_5", "iso8859_7", "koi8_r", "mac_roman", "cp437", "cp874"),
    *("cp932", "euc_jp", "cp949", "gb18030", "big5"),
)


class NotText(ValueError):
    """The bytes are no text; the message names what they look like, or is empty."""


class Decoded(NamedTuple):
    """Text without a byte order mark, and a note if it took a guess or a repair to read it."""

    text: str
    note: str = ""


def decode(data: bytes) -> Decoded:
    """The text of `data`.

    Raises: NotText if it is a known binary format or is full of control characters. Bytes that
    fit no encoding become U+FFFD and are counted in the note.
    """
    kind = next((kind for magic, kind in _MAGIC if re.match(magic, data, re.DOTALL)), None)
    if kind:
        raise NotText(kind)
    decoded = _decode(data)
    if _junk(decoded.text):
        raise NotText
    return decoded


def _junk(text: str) -> bool:
    """Whether control characters are more than an accident in `text`."""
    controls = sum(map(text.count, _CONTROLS))
    return controls > max(2, _JUNK * len(text))


def _decode(data: bytes) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _repaired(data[len(mark) :], encoding)
    text: str | None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    # UTF-16 of many scripts is valid UTF-8 too, full of control characters.
    if b"\0" in data and (text is None or _junk(text)) and (wide := _wide(data)):
        return _repaired(data, wide, f"read as {wide.upper()}, which it does not say it is")
    if text is not None:
        return Decoded(text)
    if _mostly_utf8(data):
        return _repaired(data, "utf-8")
    guess = _guess(data)
    return _repaired(data, guess, f"read as {guess}, the best guess at its encoding")


def _repaired(data: bytes, encoding: str, note: str = "") -> Decoded:
    try:
        return Decoded(data.decode(encoding), note)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        lost = text.count("\ufffd")
        note = note or f"read as {encoding.upper()}"
        return Decoded(text, f"{note}; {lost:,} damaged character(s) shown as \ufffd")


def _wide(data: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: the one that gives more of the common characters.

    None if that does not read as text either.
    """
    sample = data[: min(_SAMPLE, len(data) // 2 * 2)]
    readings = {e: sample.decode(e, "replace") for e in ("utf-16-le", "utf-16-be")}
    encoding, text = max(readings.items(), key=lambda item: len(_COMMON.findall(item[1])))
    common, likely = len(_COMMON.findall(text)), len(_LIKELY.findall(text))
    return encoding if common > 0.03 * len(text) and likely > 0.9 * len(text) else None


def _mostly_utf8(data: bytes) -> bool:
    """Whether far more multi-byte sequences are whole than broken (one bad byte, not Latin-1)."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(text) - broken - len(text.encode("ascii", "ignore"))
    return whole > 2 * broken


def _guess(data: bytes) -> str:
    """The legacy encoding that fits best, by charset-normalizer on the passages that matter."""
    from charset_normalizer import from_bytes

    # What surrounds the bytes that are not ASCII: the rest says nothing about the encoding.
    found = islice(re.finditer(rb"[\x80-\xff][^\n]{0,80}", data), 200)
    sample = b"\n".join(data[max(0, m.start() - 40) : m.end()] for m in found)
    matches = from_bytes(sample, cp_isolation=list(_LEGACY), enable_fallback=False)
    best = matches.best()
    if best is None:
        raise NotText
    # Short Western texts fit half a dozen tables about as well; the commonest is the likeliest.
    for match in matches:
        near = match.chaos <= best.chaos + 0.2 and match.coherence >= best.coherence - 0.2
        if near and "cp1252" in match.could_be_from_charset:
            return "cp1252"
    return best.encoding
