from __future__ import annotations

import pytest

from gistill.ingest.locate import resolve, resolver
from gistill.types import Locator, Source

TEXT = Source("a.txt", "", "one two")
JSON = Source("a.json", "", '{"a/b": ["x", "hello"], "n": 1}')


def test_spans_of_text_and_of_json_strings() -> None:
    assert resolve(TEXT, Locator("a.txt", (4, 7))) == "two"
    assert resolve(JSON, Locator("a.json", (1, 3), "/a~1b/1")) == "el"


def test_one_parse_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from gistill.ingest import jsontext

    parsed = []
    parse = jsontext.parse
    monkeypatch.setattr(jsontext, "parse", lambda *args: parsed.append(args) or parse(*args))
    text_at = resolver(JSON)
    assert [text_at(Locator("a.json", (0, n), "/a~1b/1")) for n in range(3)] == ["", "h", "he"]
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("source", "at"),
    [
        (TEXT, Locator("b.txt", (0, 1))),
        (TEXT, Locator("a.txt", (0, 9))),
        (TEXT, Locator("a.txt", (3, 2))),
        (JSON, Locator("a.json", (0, 1), "/n")),
        (JSON, Locator("a.json", (0, 1), "/gone")),
    ],
)
def test_a_locator_of_something_else(source: Source, at: Locator) -> None:
    with pytest.raises(LookupError):
        resolve(source, at)
