from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.errors import BadInput
from gistill.ingest.jsontext import lookup, parse, sniff, string


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.json",
            '[{"text": "hi"},\n {"text" "ho"}]',
            r"line 2, column 10: expecting ':' delimiter",
        ),
        ("a.json", '[{"text": "hi"},\n {"text": "ho', r"line 2, .*unterminated string.*cut off"),
        ("a.json", '[{"text": "hi"},', r"line 1, .*expecting.*cut off"),
        ("a.json", "hello", r"line 1, column 1: expecting value"),
        ("a.jsonl", '{"text": "hi"}\n\n{"text": ]}', r"line 3, column 10: expecting value"),
        ("a.jsonl", '{"text": "hi"}\n{"text": "h', r"line 2, .*cut off"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[" + "1" * 5000 + "]", "line 1: .*digits"),
    ],
)
def test_errors_name_the_place_and_what_was_expected(name: str, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse(name, text)
    assert "\n" not in str(caught.value)


def test_lines_are_known_by_suffix_or_by_what_follows() -> None:
    assert parse("a.jsonl", '{"a": 1}\n') == ([{"a": 1}, None], True)
    assert parse("a.json", '{"a": 1}\n') == ({"a": 1}, False)
    assert parse("<stdin>", '{"a": 1}\n\n{"b": 2}') == ([{"a": 1}, None, {"b": 2}], True)
    assert parse("a.jsonl", '[\n{"a": 1}\n]') == ([{"a": 1}], False)
    assert parse("a.jsonl.gz", '"\u2028"\r\n2') == (["\u2028", 2], True)


def test_sniffing() -> None:
    assert sniff("a.json", "")
    assert sniff("<stdin>", ' [\n {"a": 1}]')
    assert not sniff("a.txt", "[00:01] {not} json")


@given(st.text(), st.text(alphabet="a/~01é", max_size=6))
def test_pointers_find_what_they_name(text: str, key: str) -> None:
    step = key.replace("~", "~0").replace("/", "~1")
    value = json.loads(json.dumps({"x": [0, {key: text}]}))
    assert lookup(value, f"/x/1/{step}") == text
    assert lookup(value, "") == value


@pytest.mark.parametrize("pointer", ["x", "/y", "/x/9", "/x/-", "/x/0/a"])
def test_pointers_to_nothing(pointer: str) -> None:
    with pytest.raises(LookupError):
        lookup({"x": [0]}, pointer)


def test_half_a_surrogate_pair_keeps_its_place() -> None:
    assert string(json.loads('"a\\ud800b"')) == "a\ufffdb"
    assert string(json.loads('"\\ud83d\\ude00"')) == "😀"
