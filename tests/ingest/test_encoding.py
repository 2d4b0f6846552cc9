from __future__ import annotations

import codecs
import random

import pytest

from gistill.ingest.encoding import NotText, decode

SPOKEN = {
    "en": "Anna: it's a fine plan, let's go\nBen: agreed, on Monday then\n",
    "fr": "Anna: le café est fermé, déjà vu à Noël\nBen: ça marche, à bientôt\n",
    "ru": "Анна: Привет, как дела?\nБорис: Всё хорошо, спасибо. Увидимся завтра на встрече.\n",
    "el": "Άννα: Καλημέρα, τι κάνεις; Η συνάντηση είναι αύριο.\n",
    "ar": "أحمد: مرحبا كيف حالك\nسارة: اليوم الاجتماع غدا\n",
    "zh": "安娜：你好，今天我们开会讨论产品计划。\n本：大家有什么意见吗？\n",
    "ko": "안나: 안녕하세요, 오늘 회의를 시작하겠습니다.\n",
    "emoji": "Anna: 👍🏽 done 🎉\nBen: 👩‍👩‍👧 ok\n",
}


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_utf8_are_certain(language: str, encoding: str) -> None:
    assert decode(SPOKEN[language].encode(encoding)) == (SPOKEN[language], "")


@pytest.mark.parametrize("language", sorted(SPOKEN.keys() - {"emoji"}))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognized_and_said(language: str, encoding: str) -> None:
    decoded = decode(SPOKEN[language].encode(encoding))
    assert decoded.text == SPOKEN[language]
    assert encoding.upper() in decoded.note


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("fr", "latin-1"),
        ("fr", "cp1252"),
        ("ru", "cp1251"),
        ("ru", "koi8_r"),
        ("el", "cp1253"),
        ("zh", "gb18030"),
        ("ko", "cp949"),
        ("fr", "mac_roman"),
    ],
)
def test_legacy_encodings_are_guessed_and_said(language: str, encoding: str) -> None:
    decoded = decode(SPOKEN[language].encode(encoding))
    assert decoded.text == SPOKEN[language]
    assert "best guess" in decoded.note


def test_a_short_western_text_is_not_taken_for_an_exotic_one() -> None:
    assert decode("Anna: see you at the café.".encode("latin-1")).text.endswith("café.")
    assert decode("It’s “fine” – we’re done".encode("cp1252")).text == "It’s “fine” – we’re done"


def test_a_few_broken_bytes_do_not_turn_utf8_into_latin1() -> None:
    decoded = decode("déjà vu, très bien, à Noël".encode() + b" \xff end")
    assert decoded.text == "déjà vu, très bien, à Noël \ufffd end"
    assert "1 damaged" in decoded.note


def test_half_a_character_at_the_end_is_repaired() -> None:
    assert decode(codecs.BOM_UTF16_LE + "abc".encode("utf-16-le")[:-1]).text == "ab\ufffd"


def test_nul_bytes_in_a_text_are_kept() -> None:
    text = "Anna: the plan is\0 fine, let's go\nBen: agreed\0, Monday\n"
    assert decode(text.encode()) == (text, "")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "PNG image"),
        (b"%PDF-1.7\n%text follows", "PDF document"),
        (b"PK\x03\x04" + b"text" * 40, "ZIP archive"),
        (b"ID3\x04" + bytes(40), "MP3 audio"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "WAV audio"),
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"x" * 257 + b"ustar\x00", "tar archive"),
        (random.Random(1).randbytes(4000), "^$"),
        (bytes(1000), "^$"),
        (bytes(range(256)) * 8, "^$"),
    ],
)
def test_binary_files_are_named(data: bytes, kind: str) -> None:
    with pytest.raises(NotText, match=kind):
        decode(data)


def test_text_that_begins_like_a_format_is_text() -> None:
    for text in ("ID3 tags are next", "BZh is not my name", "GIF8 or later", "RIFF raff"):
        assert decode(text.encode()).text == text
