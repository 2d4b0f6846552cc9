"""Web pages: what a reader of the page would read, without its menus, scripts and forms."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

from gistill.errors import BadInput
from gistill.ingest import encoding
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract
from gistill.ingest.tools import Tools

NAME = "HTML"
ABOUT = "paragraphs, list items and table rows of a page, without menus and scripts"
SUFFIXES: tuple[str, ...] = (".html", ".htm", ".xhtml")
NEEDS = Needs()

_LIMIT = 64 << 20  # bytes
_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)|encoding\s*=\s*[\"']([\w.:-]+)", re.I)
_SKIPPED = frozenset(
    "script style noscript template svg math nav footer aside form button select textarea iframe "
    "object audio video canvas head dialog menu".split()
)
_HIDEABLE = frozenset("div section span article header table ul ol figure".split())
_BLOCKS = frozenset(
    "p div section article main header hgroup h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table caption "
    "thead tbody tfoot tr pre blockquote figure figcaption address details summary hr body".split()
)
_TABLE = frozenset("table thead tbody tfoot tr".split())
_PROSE = 200  # characters: a cell of several lines and more than these is part of a layout
_CELLS = frozenset(("td", "th"))
_RUBY = frozenset(("rt", "rp"))  # readings above characters would stand in the middle of words


class Page(NamedTuple):
    """The title of a page, and the blocks of its text."""

    title: str
    blocks: list[str]


def accepts(name: str, head: bytes) -> bool:
    """By its suffix, or by how it begins."""
    if b"\0" in head[:2] or head.startswith((b"PK", b"%PDF")):
        return False
    return name.lower().endswith(SUFFIXES) or bool(_START.match(head))


def read(blob: Blob, tools: Tools) -> Extract:
    """Its blocks in order.

    Raises: BadInput if it is too large, or is no text.
    """
    page = parse(decoded(blob.data(_LIMIT), blob.name))
    pieces = Pieces()
    for block in page.blocks:
        pieces.add(block)
    return pieces.extract(blob, page.title)


def decoded(data: bytes, name: str) -> str:
    """The text of a page in the encoding it names, else in the one it seems to have.

    Raises: BadInput if it is no text.
    """
    named = _CHARSET.search(data, 0, 2048)
    if named and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return data.decode((named[1] or named[2]).decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass  # it says what it is not
    try:
        return encoding.decode(data).text
    except encoding.NotText:
        raise BadInput(f"{name} is named like a web page and is no text") from None


def parse(markup: str) -> Page:
    """The title and the blocks of `markup`, those of its main part where it names one."""
    parser = _Parser()
    parser.feed(markup)
    parser.close()
    parser.flush()
    main = [text for text, inside in parser.blocks if inside]
    blocks = main or [text for text, _ in parser.blocks]
    return Page(" ".join(parser.title.split()), blocks)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.blocks: list[tuple[str, bool]] = []  # text, and whether it is of the main part
        self._text: list[str] = []
        self._cells: list[str] | None = None
        self._skipped = ""  # the tag whose content is left out
        self._depth = 0  # how many of that tag are open
        self._main = self._pre = 0
        self._titled = False
        self._item = False

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Python asserts that none but known sections begin with <![ where browsers pass over."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title and self._skipped in ("", "head"):
            self._titled = True
        if self._skipped:
            self._depth += tag == self._skipped
            if not (self._skipped == "head" and tag == "body"):
                return
            self._skipped = ""  # </head> may be left out
        if tag in _SKIPPED or tag in _RUBY or (tag in _HIDEABLE and _hidden(attrs)):
            self._skipped, self._depth = tag, 1
            return
        if tag == "br":
            self._text.append("\n")
        elif tag in _CELLS:
            self._cell()
        elif tag in _BLOCKS:
            self._part(tag)
            self._cells = [] if tag == "tr" else self._cells
            self._item = self._item or tag == "li"
        self._main += tag in ("main", "article")
        self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._titled = False
        if self._skipped:
            self._depth -= tag == self._skipped
            if self._depth == 0:
                self._skipped = ""
            return
        if tag in _CELLS:
            self._cell()
        elif tag in _BLOCKS:
            self._part(tag)
            self._item = False
        if tag in ("main", "article"):
            self._main = max(0, self._main - 1)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._titled:
            self.title += data
        elif not self._skipped:
            self._text.append(data if self._pre else re.sub(r"\s+", " ", data))

    def flush(self) -> None:
        """Ends the block or the row that is under way."""
        if self._cells is not None:
            self._cell()
            self._row(self._cells)
            self._cells = None
            return
        text = "".join(self._text)
        self._text.clear()
        if not self._pre:
            text = "\n".join(_lines(text))
        if text.strip():
            marked = f"- {text}" if self._item else text.strip("\n")
            self.blocks.append((marked, bool(self._main)))
            self._item = False

    def _part(self, tag: str) -> None:
        """A block begins or ends; inside the cell of a table that is only the end of a line."""
        if self._cells is None or tag in _TABLE:
            self.flush()
        else:
            self._text.append("\n")

    def _cell(self) -> None:
        if self._cells is None:
            self.flush()
        else:
            self._cells.append("\n".join(_lines("".join(self._text))))
            self._text.clear()

    def _row(self, cells: list[str]) -> None:
        """A row of figures and words is one block; one that lays out a page is several."""
        filled = [cell for cell in cells if cell]
        if len(filled) == 1 or any("\n" in cell and len(cell) > _PROSE for cell in filled):
            rows = [line for cell in filled for line in cell.split("\n")]
        else:
            rows = [" | ".join(cell.replace("\n", " ") for cell in filled)]
        self.blocks += [(row, bool(self._main)) for row in rows if row]


def _lines(text: str) -> list[str]:
    return [line for raw in text.split("\n") if (line := " ".join(raw.split()))]


def _hidden(attrs: list[tuple[str, str | None]]) -> bool:
    given = dict(attrs)
    style = (given.get("style") or "").replace(" ", "").lower()
    return "hidden" in given or given.get("aria-hidden") == "true" or "display:none" in style
