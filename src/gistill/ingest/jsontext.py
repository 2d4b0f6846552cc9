"""JSON and JSON Lines: parsing with errors that name the place, and RFC 6901 pointers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gistill.errors import BadInput
from gistill.ingest.encoding import LONE

_BY_LINE = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_START = re.compile(r"\s*(?:\[\s*)?\{\s*[\"}]")


class Document(NamedTuple):
    """A parsed source. `by_line`: `value` is a list with an item a line, None for blank ones."""

    value: Any
    by_line: bool


def sniff(name: str, text: str) -> bool:
    """Whether `text` is JSON by the suffix of `name` or by how it begins."""
    suffix = name.lower().removesuffix(".gz")
    return suffix.endswith((".json", ".jsonl", ".ndjson")) or bool(_START.match(text))


def parse(name: str, text: str) -> Document:
    """The value of a JSON text, or of JSON Lines if the suffix or the text itself says so.

    Raises: BadInput naming the line, the column and what was expected there.
    """
    by_line = name.lower().endswith(_BY_LINE)
    try:
        return Document(_lines(text) if by_line else _value(text), by_line)
    except _Broken as error:
        problem = error
    # A file of lines without the suffix, or one value that has the suffix of lines.
    if problem.extra or by_line:
        try:
            return Document(_value(text) if by_line else _lines(text), not by_line)
        except _Broken as error:
            problem = problem if by_line else error
    raise BadInput(f"{name} is not valid JSON: {problem}") from None


def string(value: str) -> str:
    """A JSON string as gistill reads it: of the same length, and always encodable."""
    return value if value.isascii() else LONE.sub("\ufffd", value)


def lookup(value: Any, pointer: str) -> Any:
    """What `pointer` (RFC 6901) names in `value`. Raises LookupError if there is nothing."""
    if pointer and not pointer.startswith("/"):
        raise LookupError(f"a JSON pointer begins with /, this one is {pointer!r}")
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            if not step.isdecimal():
                raise LookupError(f"{step!r} is no index of a list, in the pointer {pointer!r}")
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value[step]
        else:
            raise LookupError(f"the pointer {pointer!r} leads beyond a plain value")
    return value


class _Broken(Exception):
    """Where and how a text stops being JSON; `extra` if a whole value was followed by more."""

    def __init__(self, text: str, extra: bool = False) -> None:
        super().__init__(text)
        self.extra = extra


def _value(text: str, line: int | None = None) -> Any:
    """`line` is the 1-based number of the line that `text` is, if it is one of JSON Lines."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}, column {error.colno}"
        problem = error.msg[0].lower() + error.msg[1:]
        if error.pos >= len(text.rstrip()) or "unterminated" in problem:
            problem += "; it seems to be cut off"
        raise _Broken(f"{place}: {problem}", error.msg == "Extra data") from None
    except RecursionError:
        raise _Broken(f"line {line or 1}: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise _Broken(f"line {line or 1}: {error}") from None


def _lines(text: str) -> list[Any]:
    return list(_records(text))


def _records(text: str) -> Iterator[Any]:
    # Only \n ends a line: U+2028 and the like may stand in JSON strings.
    for number, line in enumerate(text.split("\n"), start=1):
        yield _value(line, number) if line and not line.isspace() else None
