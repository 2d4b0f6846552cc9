from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import extract, texts
from gistill.errors import BadInput
from gistill.ingest import html

_PAGE = """<!DOCTYPE html><html><head><title>Harbour &amp; quay</title><style>p {}</style>
<script>document.write("<p>no</p>")</script></head><body>
<nav><ul><li>Home</li></ul></nav>
<div class="x"><h1>The lease</h1><p>It ends in <b>June</b>,<br>says the&nbsp;board.
<p>Unclosed, too.
<ul><li>buy two pumps<li>sell the barge</ul>
<table><tr><th>Item<th>Cost</tr><tr><td><p>Pump</p><td>120</table>
<pre>  a
   b</pre><div style="display: none">hidden</div><div hidden>hidden</div>
<ruby>港<rt>みなと</rt></ruby></div><footer>Imprint</footer></body></html>"""


def test_blocks_as_they_are_read() -> None:
    found = extract(html, "p.html", _PAGE.encode())
    assert texts(found) == [
        "The lease",
        "It ends in June,\nsays the board.",
        "Unclosed, too.",
        "- buy two pumps",
        "- sell the barge",
        "Item | Cost",
        "Pump | 120",
        "a\n   b",
        "港",
    ]
    assert found.reading.title == "Harbour & quay"


def test_a_table_that_lays_out_the_page_is_no_table() -> None:
    said = "The lease ends in June, and nobody will renew it before the survey is done. " * 3
    page = f"<table><tr><td>Menu</td><td><p>{said}<p>{said}</td></tr><tr><td><table><tr><td>a"
    page += "<td>b</table>After</table>"
    assert html.parse(page).blocks == ["Menu", said.strip(), said.strip(), "a | b", "After"]


def test_the_main_part_alone_where_it_is_named() -> None:
    found = html.parse("<p>Around</p><main><p>Inside</p></main><p>After</p>")
    assert found.blocks == ["Inside"]


def test_a_body_after_a_head_that_is_not_closed() -> None:
    assert html.parse("<head><title>t</title><body><p>Text").blocks == ["Text"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('<meta charset="windows-1251"><p>Привет'.encode("cp1251"), "Привет"),
        ('<meta charset="utf-8"><p>Größe'.encode("cp1252"), "Größe"),  # it says what it is not
        ('<meta charset="nonsense"><p>Größe'.encode(), "Größe"),
        ("<p>Größe".encode("utf-16"), "Größe"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert html.parse(html.decoded(data, "p.html")).blocks == [text]


def test_what_is_a_page() -> None:
    assert html.accepts("page", b"<?xml version='1.0'?>\n<!-- x --><HTML lang=en>")
    assert not html.accepts("notes.txt", b"we wrote <html> once")
    assert not html.accepts("x.html", b"%PDF-1.4")
    with pytest.raises(BadInput, match=r"p\.html is named like a web page and is no text"):
        extract(html, "p.html", b"<p>" + bytes(range(256)) * 9)


@given(st.text(alphabet="<>/ abpdivtrlnscheadmy&;!-='\"", max_size=200))
def test_any_markup_is_read(markup: str) -> None:
    assert all(block.strip() for block in html.parse(markup).blocks)


@pytest.mark.parametrize("odd", ["<![x", "<![x]>", "<![if y]><p>a<![endif]>", "<!x>", "<!"])
def test_declarations_that_are_none_are_passed_over(odd: str) -> None:
    assert html.parse(f"<p>kept</p>{odd}").blocks[0] == "kept"
