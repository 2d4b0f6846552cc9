"""`thread.toml`: what a folder says about the thread in it."""

from __future__ import annotations

import datetime as dt
import tomllib
import zoneinfo
from dataclasses import dataclass
from typing import Any

from gistill.errors import BadInput

NAME = "thread.toml"
_KEYS = ("title", "participants", "time_zone", "order")


@dataclass(frozen=True, slots=True)
class ThreadFile:
    """All optional.

    participants: who took part, whether they speak or not.
    zone: that of dates without one.
    order: "time" (dates, then names), "name", or file names (patterns with * allowed) in the order
    in which they are to be read; files it does not name follow by name.
    """

    title: str = ""
    participants: tuple[str, ...] = ()
    zone: dt.tzinfo | None = None
    order: str | tuple[str, ...] = "time"


def parse(name: str, data: bytes) -> ThreadFile:
    """Raises: BadInput for what is not TOML, an unknown key or a value of the wrong type."""
    try:
        found = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} is not valid TOML: {error}") from None
    for key in found:
        if key not in _KEYS:
            raise BadInput(f"{name}: unknown key {key!r}; known are {', '.join(_KEYS)}")
    title = found.get("title", "")
    if not isinstance(title, str):
        raise BadInput(f'{name}: title is {title!r}; give a text, title = "Planning"')
    order = found.get("order", "time")
    if order not in ("time", "name"):
        order = _names(name, "order", order, '"time", "name" or a list of file names')
    people = _names(name, "participants", found.get("participants", []), "a list of names")
    return ThreadFile(title, people, _zone(name, found.get("time_zone")), order)


def _names(name: str, key: str, value: Any, wanted: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{name}: {key} is {value!r}; give {wanted}")
    return tuple(value)


def _zone(name: str, value: Any) -> dt.tzinfo | None:
    if value is None:
        return None
    try:
        return zoneinfo.ZoneInfo(value)
    except (TypeError, ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        wanted = 'give one such as time_zone = "Europe/Berlin"'
        raise BadInput(f"{name}: there is no time zone {value!r}; {wanted}") from None
