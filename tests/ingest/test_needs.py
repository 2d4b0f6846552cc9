from __future__ import annotations

import pytest

from gistill.errors import MissingExtra
from gistill.ingest.formats import FILE_READERS
from gistill.ingest.needs import Needs


def test_what_is_not_installed_is_named_with_its_extra() -> None:
    needs = Needs("docs", ("json", "no_such_module"))
    assert needs.missing == ("no_such_module",)
    with pytest.raises(MissingExtra, match=r"reading PDF needs .* 'gistill\[docs\]'"):
        needs.check("reading PDF")


def test_nothing_is_there() -> None:
    assert Needs().missing == ()
    Needs().check("reading mail")


@pytest.mark.parametrize("reader", FILE_READERS, ids=lambda reader: reader.NAME)
def test_a_reader_names_modules_that_there_are(reader) -> None:  # type: ignore[no-untyped-def]
    assert reader.NEEDS.missing == ()
    assert bool(reader.NEEDS.extra) is bool(reader.NEEDS.modules)
