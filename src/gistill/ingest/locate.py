"""From a locator back to the text it names."""

from __future__ import annotations

from collections.abc import Callable

from gistill.ingest import jsontext
from gistill.types import Locator, Source


def resolve(source: Source, at: Locator) -> str:
    """The exact text that `at` names in `source`.

    Raises: LookupError if `source` is not the one `at` was made for.
    """
    return resolver(source)(at)


def resolver(source: Source) -> Callable[[Locator], str]:
    """`resolve` for many locators of one source, which is parsed at most once."""
    document: jsontext.Document | None = None

    def text_at(at: Locator) -> str:
        nonlocal document
        text = source.text
        if at.pointer is not None:
            document = document or jsontext.parse(source.name, source.text)
            found = jsontext.lookup(document.value, at.pointer)
            if not isinstance(found, str):
                raise LookupError(f"the pointer {at.pointer!r} names no text in {source.name}")
            text = jsontext.string(found)
        start, end = at.span
        if at.source != source.name or not 0 <= start <= end <= len(text):
            raise LookupError(f"{at} does not fit {source.name}")
        return text[start:end]

    return text_at
