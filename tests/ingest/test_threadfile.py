from __future__ import annotations

import zoneinfo

import pytest

from gistill.errors import BadInput
from gistill.ingest.threadfile import ThreadFile, parse


def test_all_keys() -> None:
    text = 'title = "Plan"\nparticipants = ["Ada"]\ntime_zone = "Europe/Berlin"\norder = ["b*"]\n'
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    assert parse("thread.toml", text.encode()) == ThreadFile("Plan", ("Ada",), zone, ("b*",))
    assert parse("thread.toml", b"") == ThreadFile()
    assert parse("thread.toml", b'order = "name"').order == "name"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("titel = 1", "unknown key 'titel'; known are title, participants, time_zone, order"),
        ("title = 1", "title is 1; give a text"),
        ('participants = "Ada"', "participants is 'Ada'; give a list of names"),
        ("participants = [1]", "give a list of names"),
        ('order = "size"', 'order is \'size\'; give "time", "name" or a list'),
        ('time_zone = "Mars"', "there is no time zone 'Mars'"),
        ('time_zone = "../x"', "there is no time zone"),
        ("time_zone = 2", "there is no time zone 2"),
        ("title =", "not valid TOML"),
        ("\xff", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse("x/thread.toml", text.encode("latin-1"))
    assert str(caught.value).startswith("x/thread.toml")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
