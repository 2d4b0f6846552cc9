from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest import times

UTC = dt.UTC


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("00:01:02", 62),
        ("1:02:03.5", 3723.5),
        ("01:02,250", 62.25),
        ("100:00:00", 360000),
        ("12:05 AM", 300),
        ("1:02 p.m.", 46920),
        ("12:00 PM", 43200),
    ],
)
def test_seconds(clock: str, seconds: float) -> None:
    assert times.seconds(clock) == seconds


def test_two_numbers_are_minutes_unless_said() -> None:
    assert times.seconds("10:02") == 602
    assert times.seconds("10:02", hours=True) == 36120


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-05-01T10:00:00Z", dt.datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00", dt.datetime(2024, 5, 1, 10)),
        ("2024-05-01 10:00:00 UTC", dt.datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00:00 +0200", dt.datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01", dt.datetime(2024, 5, 1)),
        (1714557600, dt.datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (1714557600.5, dt.datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        (1714557600000, dt.datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (1714557600000000000, dt.datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("1714557600.000100", dt.datetime(2024, 5, 1, 10, 0, 0, 100, tzinfo=UTC)),
        (12.5, 12.5),
        (0, 0.0),
        *[(bad, None) for bad in ("soon", "", True, None, [], -5, 10**400, float("nan"), {})],
    ],
)
def test_moment(value: object, moment: object) -> None:
    assert times.moment(value) == moment


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans()))
def test_moment_never_raises(value: object) -> None:
    found = times.moment(value)
    if isinstance(found, dt.datetime):
        assert times.utc(found).tzinfo


def test_slashed_dates_take_the_order_that_fits() -> None:
    day_first, unsure = times.slashed(["3/4/24, 14:05", "13/4/24, 14:05"])
    assert day_first == [dt.datetime(2024, 4, 3, 14, 5), dt.datetime(2024, 4, 13, 14, 5)]
    assert not unsure
    month_first, unsure = times.slashed(["3/4/24, 2:05 PM", "3/14/2024, 2:05:09 PM"])
    assert month_first == [dt.datetime(2024, 3, 4, 14, 5), dt.datetime(2024, 3, 14, 14, 5, 9)]
    assert not unsure


def test_slashed_dates_run_forward() -> None:
    found, unsure = times.slashed(["11/12/23 10:00", "1/2/24 10:00", "2/1/24 10:00"])
    assert found[1:] == [dt.datetime(2024, 1, 2, 10), dt.datetime(2024, 2, 1, 10)]
    assert not unsure


def test_slashed_dates_that_stay_open_are_day_first_and_said() -> None:
    found, unsure = times.slashed(["3/4/2024 10:00"])
    assert (found, unsure) == ([dt.datetime(2024, 4, 3, 10)], True)
    assert times.slashed(["3.4.2024 10:00"]) == ([dt.datetime(2024, 4, 3, 10)], False)
    assert times.slashed(["40/40/2024 10:00"]) == ([None], False)
