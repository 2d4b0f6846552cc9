"""Clock readings and dates as people and programs write them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from itertools import pairwise

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NUMBER = re.compile(r"-?\d{9,}(?:\.\d+)?")
_PARTS = re.compile(
    r"(\d{1,2})([/.])(\d{1,2})[/.](\d{4}|\d\d),?\s+(\d{1,2}):(\d\d)(?::(\d\d))?\s*([AaPp])?"
)
# Numbers below are seconds since the start of a recording; above, since 1970 in finer units.
_OLDEST = 1e8  # 1973


def seconds(clock: str, hours: bool = False) -> float:
    """Seconds in `1:02:03.5`, `02:03` (minutes and seconds, or `hours` and minutes), `2:03 pm`."""
    digits = clock.rstrip(" \u202f.AaPpMm").replace(",", ".")
    parts = [float(part) for part in digits.split(":")]
    half = clock[len(digits) :].strip().lower()[:1]
    if len(parts) == 2:
        parts = [*parts, 0.0] if hours or half else [0.0, *parts]
    if half:
        parts[0] = parts[0] % 12 + 12 * (half == "p")
    return round(parts[0] * 3600 + parts[1] * 60 + parts[2], 3)


def moment(value: object) -> dt.datetime | float | None:
    """The time a JSON value names: a date, or seconds into a recording, or None.

    ISO 8601 text keeps its zone; numbers (or digits in a string) are seconds, milli-, micro- or
    nanoseconds since 1970, by size, and become UTC; those below 1973 are a recording's seconds.
    """
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return iso(value)
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
        if not math.isfinite(number) or number < 0:
            return None
        if number < _OLDEST:
            return number
        while number > 1e11:
            number /= 1000
        return _EPOCH + dt.timedelta(seconds=number)
    except OverflowError:  # an integer no float holds
        return None


def iso(text: str) -> dt.datetime | None:
    """ISO 8601 with a space for the T, a comma for the point and `UTC` for Z allowed."""
    text = re.sub(r"\s*UTC$", "Z", text.strip()).replace(",", ".")
    text = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text)
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def slashed(stamps: Sequence[str]) -> tuple[list[dt.datetime | None], bool]:
    """Dates such as `3/4/24, 2:05 PM`, and whether the order of day and month was left open.

    All are read day first or all month first: the way that fits more of them and, if both fit
    equally, the way in which time runs forward; day first if that decides nothing either.
    """
    day_first = [_slashed(stamp, True) for stamp in stamps]
    if any("." in stamp.split()[0] for stamp in stamps):
        return day_first, False
    month_first = [_slashed(stamp, False) for stamp in stamps]
    ranks = [(sum(map(bool, ds)), _forward(ds)) for ds in (day_first, month_first)]
    chosen = month_first if ranks[1] > ranks[0] else day_first
    return chosen, ranks[0] == ranks[1] and day_first != month_first


def _slashed(stamp: str, day_first: bool) -> dt.datetime | None:
    match = _PARTS.match(stamp)
    if not match:
        return None
    first, _, second, year, hour, minute, second_, half = match.groups()
    day, month = (first, second) if day_first else (second, first)
    hours = int(hour) if not half else int(hour) % 12 + 12 * (half in "Pp")
    century = 2000 if len(year) == 2 else 0
    try:
        return dt.datetime(
            int(year) + century, int(month), int(day), hours, int(minute), int(second_ or 0)
        )
    except ValueError:
        return None


def _forward(dates: Sequence[dt.datetime | None]) -> int:
    known = [date for date in dates if date]
    return -sum(b < a for a, b in pairwise(known))


def utc(when: dt.datetime) -> dt.datetime:
    """`when` for ordering: without a zone it counts as UTC."""
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
