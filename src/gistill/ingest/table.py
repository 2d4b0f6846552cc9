"""Tables, CSV and XLSX, as facts: columns, ranges, the commonest values, a few extreme rows.

A table written out whole would crowd out everything else and be summarized badly; what a reader
asks of it is what it is about, how large it is, and what stands out. Small tables are also given
row by row.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from gistill.errors import BadInput
from gistill.ingest import encoding, package
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.tools import Tools

NAME = "tables"
ABOUT = "CSV and XLSX as facts: columns, ranges, commonest values, extreme rows"
SUFFIXES: tuple[str, ...] = (".csv", ".tsv", ".xlsx", ".xlsm")
NEEDS = Needs("docs", ("openpyxl",))

_TEXTS = (".csv", ".tsv")
_BOOKS = (".xlsx", ".xlsm")
_LIMIT = 1 << 30  # bytes of a CSV file
_SMALL = 12  # rows up to which a table is also given row by row
_COLUMNS = 40  # told of one by one
_VALUES = 1000  # different values that are counted
_COMMON = 5  # of them are told
_EXTREMES = 3  # columns whose largest and smallest rows are given
_LONGEST = 80  # characters of a cell
_ROWS = 1 << 20  # of one sheet; Excel holds no more
# What openpyxl raises for damage: all that zipfile and the parsers of XML do, and its own stumbles.
_BROKEN = (
    *package.BROKEN,
    *(LookupError, TypeError, AttributeError, ArithmeticError, SyntaxError, AssertionError),
)

Row = Sequence[Any]


def accepts(name: str, head: bytes) -> bool:
    """By its suffix; a workbook by its mark, too."""
    return name.lower().endswith(_TEXTS) or package.accepts(name, head, _BOOKS)


def read(blob: Blob, tools: Tools) -> Extract:
    """Facts about each sheet; the number of the sheet is the page.

    Raises: BadInput if it is damaged, encrypted or too large; MissingExtra.
    """
    pieces = Pieces()
    if blob.suffix in _TEXTS:
        rows = _delimited(blob)
        _describe(rows, "The table", None, pieces)
    else:
        with _book(blob) as book:
            for number, sheet in enumerate(book.worksheets, 1):
                if sheet.sheet_state != "visible":
                    pieces.notes.append(f"the hidden sheet {sheet.title!r} was left out")
                    continue
                sheet.reset_dimensions()  # files say sizes that are not so
                _describe(_cells(sheet, blob), f"The sheet “{sheet.title}”", number, pieces)
    return pieces.extract(blob)


def _delimited(blob: Blob) -> Iterator[Row]:
    """The rows of a text file, parted as its first lines suggest."""
    try:
        text = encoding.decode(blob.data(_LIMIT)).text
    except encoding.NotText:
        raise BadInput(f"{blob.name} is named like a table and is no text") from None
    sample = text[: 1 << 14]
    try:
        delimiter = csv.Sniffer().sniff(sample, ",;\t|").delimiter
    except csv.Error:
        delimiter = max(",;\t|", key=sample.count)
    csv.field_size_limit(1 << 24)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield [_value(cell.strip()) for cell in row]
    except csv.Error as error:
        raise BadInput(f"{blob.name} is no table that can be read ({error})") from None


def _book(blob: Blob) -> Any:
    """The workbook, closed by its end. Raises: BadInput, MissingExtra."""
    from contextlib import closing

    NEEDS.check("reading XLSX")
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    with package.opened(blob):
        pass  # it is whole, not encrypted and no bomb
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what openpyxl does not keep: nothing is written
        try:
            book = openpyxl.load_workbook(
                io.BytesIO(blob.data(_LIMIT)), read_only=True, data_only=True
            )
        except (*_BROKEN, InvalidFileException) as error:
            raise package.damaged(blob, error) from None
    return closing(book)


def _cells(sheet: Any, blob: Blob) -> Iterator[Row]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from islice(sheet.iter_rows(values_only=True), _ROWS)
    except _BROKEN as error:
        raise package.damaged(blob, error) from None


def _value(cell: str) -> Any:
    """A cell of a text file as a number or a date, if it is one."""
    if not cell or len(cell) > 40:
        return cell or None
    if cell[0].isdigit() or cell[0] in "+-.(":
        try:
            # 007 is a name, not a number
            if not (len(cell) > 1 and cell[0] == "0" and cell[1].isdigit()):
                number = float(cell.replace(",", "") if _grouped(cell) else cell)
                return number if math.isfinite(number) else cell
        except ValueError:
            pass
        try:
            return dt.datetime.fromisoformat(cell)
        except ValueError:
            return cell
    return cell


def _grouped(cell: str) -> bool:
    """Whether commas part thousands, as in 1,234,567.8."""
    head, *groups = cell.lstrip("+-").partition(".")[0].split(",")
    return bool(groups) and 1 <= len(head) <= 3 and all(len(g) == 3 for g in groups)


class _Column:
    """What is known of a column after the rows so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.filled = self.numbers = self.dates = 0
        self.total = 0.0
        self.least: Any = None
        self.most: Any = None
        self.least_row: tuple[int, Row] = (0, ())
        self.most_row: tuple[int, Row] = (0, ())
        self.values: Counter[str] = Counter()
        self.many = False  # too many different values to count them all

    def add(self, value: Any, number: int, row: Row) -> None:
        if value is None or value == "":
            return
        self.filled += 1
        if isinstance(value, dt.date):
            self.dates += 1
            value = _moment(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers += 1
            self.total += value
        else:
            text = _shown(value)
            self.many = self.many or (len(self.values) >= _VALUES and text not in self.values)
            if not self.many:
                self.values[text] += 1
            return
        if self.least is None or _less(value, self.least):
            self.least, self.least_row = value, (number, row)
        if self.most is None or _less(self.most, value):
            self.most, self.most_row = value, (number, row)

    @property
    def texts(self) -> int:
        return self.filled - self.numbers - self.dates

    @property
    def numeric(self) -> bool:
        return self.numbers > 0 and self.numbers >= 0.8 * self.filled

    def about(self, rows: int) -> str:
        """The column in a sentence."""
        empty = f"; {rows - self.filled:,} empty" if self.filled < rows else ""
        if not self.filled:
            return f"Column “{self.name}” is empty."
        if self.numeric:
            mean = self.total / self.numbers
            said = f"{plural(self.numbers, 'number')} from {_shown(self.least)} to "
            said += f"{_shown(self.most)}, mean {_shown(mean)}, sum {_shown(self.total)}"
        elif self.dates >= 0.8 * self.filled:
            said = f"{plural(self.dates, 'date')} from {_shown(self.least)} to {_shown(self.most)}"
        elif self.numbers or self.dates:
            kinds = {"number": self.numbers, "date": self.dates, "text": self.texts}
            said = " and ".join(plural(n, noun) for noun, n in kinds.items() if n)
        else:
            different = f"over {_VALUES:,}" if self.many else f"{len(self.values):,}"
            said = f"{plural(self.filled, 'text')}, {different} different"
            common = [(v, n) for v, n in self.values.most_common(_COMMON) if n > 1]
            if common and not self.many:
                said += "; most often " + ", ".join(f"{v} ({n:,})" for v, n in common)
        return f"Column “{self.name}”: {said}{empty}."


def _describe(rows: Iterable[Row], what: str, page: int | None, pieces: Pieces) -> None:
    """Writes down the facts about a table, in one pass over its rows."""
    filled = ((n, row) for n, row in enumerate(rows, 1) if any(c not in (None, "") for c in row))
    first = next(filled, None)
    if first is None:
        return
    number, head = first
    named = all(isinstance(cell, str) for cell in head if cell not in (None, "")) and len(head) > 1
    names = [" ".join(str(c).split()) if named and c else f"{i}" for i, c in enumerate(head, 1)]
    columns = [_Column(name[:_LONGEST]) for name in names]
    kept: list[tuple[int, Row]] = []
    count = 0
    for number, row in filled if named else _chained(first, filled):
        count += 1
        while len(columns) < len(row):
            columns.append(_Column(str(len(columns) + 1)))
        for column, value in zip(columns, row, strict=False):
            column.add(value, number, row)
        if len(kept) <= _SMALL:
            kept.append((number, row))
    columns = [column for column in columns if column.filled or named]
    size = f"{plural(count, 'row')} and {plural(len(columns), 'column')}"
    listed = ", ".join(column.name for column in columns[:_COLUMNS])
    more = f" and {len(columns) - _COLUMNS:,} more" if len(columns) > _COLUMNS else ""
    pieces.add(f"{what} has {size}: {listed}{more}.", page=page)
    for column in columns[:_COLUMNS]:
        pieces.add(column.about(count), page=page)
    if count <= _SMALL:
        for number, row in kept:
            pieces.add(f"Row {number}: {_told(row, columns)}.", page=page)
    else:
        _extremes(columns, page, pieces)


def _chained(first: tuple[int, Row], rest: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    yield first
    yield from rest


def _extremes(columns: Sequence[_Column], page: int | None, pieces: Pieces) -> None:
    """The rows where the first columns of numbers are largest and smallest."""
    told = [c for c in columns if c.numeric and c.least != c.most][:_EXTREMES]
    for column in told:
        for word, (number, row) in (("most", column.most_row), ("least", column.least_row)):
            said = f"Row {number} has the {word} “{column.name}”: {_told(row, columns)}."
            pieces.add(said, page=page)


def _told(row: Row, columns: Sequence[_Column]) -> str:
    pairs = zip(columns[:_COLUMNS], row, strict=False)
    return ", ".join(f"{c.name} {_shown(v)}" for c, v in pairs if v not in (None, ""))


def _moment(value: dt.date) -> dt.datetime:
    """Dates and times on one scale; zones are left out, for a column mixes none or all."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return dt.datetime(value.year, value.month, value.day)


def _less(a: Any, b: Any) -> bool:
    """Whether `a` comes before `b`; a number and a date are not compared."""
    return isinstance(a, dt.datetime) == isinstance(b, dt.datetime) and bool(a < b)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        if not math.isfinite(value):
            return str(value)
        return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    if isinstance(value, dt.datetime):
        whole = value.time() == dt.time(0)
        return value.date().isoformat() if whole else value.isoformat(" ", "minutes")
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
