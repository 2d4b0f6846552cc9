from __future__ import annotations

import datetime as dt
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import entries, extract, texts
from gistill.errors import BadInput
from gistill.ingest import table


def _book(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_small_table_is_given_row_by_row() -> None:
    found = extract(table, "c.csv", b"item;cost;when\nPump;120;2024-06-01\nBarge;3400;\n")
    assert texts(found) == [
        "The table has 2 rows and 3 columns: item, cost, when.",
        "Column “item”: 2 texts, 2 different.",
        "Column “cost”: 2 numbers from 120 to 3,400, mean 1,760, sum 3,520.",
        "Column “when”: 1 date from 2024-06-01 to 2024-06-01; 1 empty.",
        "Row 2: item Pump, cost 120, when 2024-06-01.",
        "Row 3: item Barge, cost 3,400.",
    ]


def test_a_large_table_by_its_extremes() -> None:
    rows = "".join(f"{n},{n * n % 9973},{'ab'[n % 2]}\n" for n in range(1, 3001))
    found = extract(table, "c.csv", f"day,cost,who\n{rows}".encode())
    assert texts(found)[0] == "The table has 3,000 rows and 3 columns: day, cost, who."
    assert "Column “who”: 3,000 texts, 2 different; most often b (1,500), a (1,500)." in texts(
        found
    )
    most = max(range(1, 3001), key=lambda n: n * n % 9973)
    said = f"Row {most + 1} has the most “cost”: day {most:,}, cost {most * most % 9973:,}, who "
    assert any(text.startswith(said) for text in texts(found))
    assert len(texts(found)) < 12


def test_sheets_of_a_workbook() -> None:
    book = openpyxl.Workbook()
    costs = book.active
    assert costs is not None
    costs.title = "Costs"
    costs.append(["item", "cost", "when"])
    costs.append(["Pump", 120.5, dt.datetime(2024, 6, 1)])
    costs.append(["Barge", True, dt.date(2024, 7, 2)])
    book.create_sheet("Secret").append(["x", 1])
    book["Secret"].sheet_state = "hidden"
    book.create_sheet("Empty")
    book.create_sheet("Numbers").append([1, 2])
    found = extract(table, "c.xlsx", _book(book))
    assert [(entry.page, entry.text) for entry in entries(found)] == [
        (1, "The sheet “Costs” has 2 rows and 3 columns: item, cost, when."),
        (1, "Column “item”: 2 texts, 2 different."),
        (1, "Column “cost”: 1 number and 1 text."),
        (1, "Column “when”: 2 dates from 2024-06-01 to 2024-07-02."),
        (1, "Row 2: item Pump, cost 120.5, when 2024-06-01."),
        (1, "Row 3: item Barge, cost yes, when 2024-07-02."),
        (4, "The sheet “Numbers” has 1 row and 2 columns: 1, 2."),
        (4, "Column “1”: 1 number from 1 to 1, mean 1, sum 1."),
        (4, "Column “2”: 1 number from 2 to 2, mean 2, sum 2."),
        (4, "Row 1: 1 1, 2 2."),
    ]
    assert found.reading.notes == ["the hidden sheet 'Secret' was left out"]


def test_numbers_as_people_write_them() -> None:
    cells = ["1,234.5", "007", "+3", "1e999", "12,34", "2024-06-01", "x", "", "(no)"]
    when = dt.datetime(2024, 6, 1)
    wanted = [1234.5, "007", 3.0, "1e999", "12,34", when, "x", None, "(no)"]
    assert [table._value(cell) for cell in cells] == wanted


_WHOLE = _book(openpyxl.Workbook())


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("c.xlsx", _WHOLE[:2000], "is damaged or not whole"),
        ("c.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is encrypted"),
        ("c.csv", bytes(range(256)) * 20, "is no text"),
        ("c.csv", b'a,b\n"' + b"x" * (1 << 25), "is no table that can be read"),
    ],
)
def test_bad_files_are_told_in_a_line(name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        extract(table, name, data)


_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


@given(st.lists(st.lists(_CELL, max_size=5), max_size=30))
def test_any_rows_are_described(rows: list[list[str]]) -> None:
    import csv

    out = io.StringIO()
    csv.writer(out).writerows(rows)
    found = extract(table, "c.csv", out.getvalue().encode("utf-8", "replace"))
    assert all(entry.text.endswith(".") for entry in entries(found))
