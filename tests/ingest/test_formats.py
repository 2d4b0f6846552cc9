from __future__ import annotations

import pytest

from gistill.ingest.formats import FILE_READERS, FOLDER_READERS, READERS, formats, reader_for


def test_a_row_a_reader() -> None:
    rows = formats()
    assert len(rows) == len(READERS) + len(FILE_READERS) + len(FOLDER_READERS)
    assert len({row.name for row in rows}) == len(rows)
    assert {".txt", ".md", ".vtt", ".srt", ".json", ".jsonl"} <= {
        s for r in rows for s in r.suffixes
    }
    assert all(row.about and row.name for row in rows)


@pytest.mark.parametrize(
    ("name", "text", "format_name"),
    [
        ("a.txt", "hello", "plain text and Markdown"),
        ("a", "WEBVTT\n\n00:01.000 --> 00:02.000\nhi", "WebVTT"),
        ("a.VTT", "00:01.000 --> 00:02.000\nhi", "WebVTT"),
        ("<stdin>", "1\n00:00:01,000 --> 00:00:02,000\nhi", "SubRip"),
        ("a.srt.gz", "hi", "SubRip"),
        ("<stdin>", '{"meeting_transcripts": []}', "QMSum"),
        ("<stdin>", '[{"text": "hi"}]', "posts"),
        ("<stdin>", '{"text": "hi"}\n{"text": "ho"}', "posts"),
        ("a.json", "hello", "posts"),
        ("a.txt", "[00:01:02] Anna: hi", "plain text and Markdown"),
        ("a.md", "[link](http://example.com)", "plain text and Markdown"),
        ("a.txt", "{vocalsound} hello", "plain text and Markdown"),
        ("a.txt", "WEBVTTX", "plain text and Markdown"),
    ],
)
def test_content_decides_and_the_suffix_helps(name: str, text: str, format_name: str) -> None:
    assert format_name == reader_for(name, text).NAME
