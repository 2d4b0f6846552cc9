from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gistill.ingest.layout import Line, around, blocks, joined

_LEFT = "the crane was moved to the northern quay before the storm came".split()
_RIGHT = "nobody asked what the second survey would cost the town council".split()


def _column(words: list[str], left: float, right: float, rows: int = 6) -> list[Line]:
    """Full lines of prose one below the other."""
    lines = []
    for n in range(rows):
        text = " ".join(words[(n * 2) % len(words) :][:5])
        top = 0.2 + n * 0.03
        lines.append(Line(text, (left, top, right, top + 0.02)))
    return lines


def _texts(lines: list[Line]) -> list[str]:
    return [block.text for block in blocks(lines)]


def test_two_columns_are_read_one_after_the_other() -> None:
    left, right = _column(_LEFT, 0.1, 0.45), _column(_RIGHT, 0.55, 0.9)
    title = Line("Minutes of the harbour board in the spring", (0.1, 0.05, 0.9, 0.08))
    foot = Line("Signed by all who were there, and witnessed", (0.1, 0.6, 0.9, 0.62))
    mixed = [line for pair in zip(right, left, strict=True) for line in pair]
    found = _texts([foot, *mixed, title])
    assert found == [
        title.text,
        " ".join(line.text for line in left),
        " ".join(line.text for line in right),
        foot.text,
    ]


def test_three_columns() -> None:
    columns = [_column(_LEFT[n:], 0.05 + n * 0.32, 0.33 + n * 0.32) for n in range(3)]
    found = _texts([line for row in zip(*columns, strict=True) for line in row])
    assert found == [" ".join(line.text for line in column) for column in columns]


def test_a_table_is_read_row_by_row() -> None:
    rows = [("Item", "Cost"), ("Pump", "120"), ("Barge", "3,400"), ("Rope", "15")]
    lines = [
        Line(
            text, (0.1 + 0.4 * c, 0.1 + 0.04 * r, 0.1 + 0.4 * c + 0.01 * len(text), 0.12 + 0.04 * r)
        )
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    assert _texts(lines) == ["Item | Cost", "Pump | 120", "Barge | 3,400", "Rope | 15"]


def test_blocks_are_parted_by_white_items_and_size() -> None:
    lines = [
        Line("A heading", (0.1, 0.05, 0.4, 0.09)),
        Line("The first paragraph runs on to", (0.1, 0.10, 0.9, 0.12)),
        Line("its second line.", (0.1, 0.13, 0.4, 0.15)),
        Line("Another one after a gap, which", (0.1, 0.19, 0.9, 0.21)),
        Line("ends here as well.", (0.1, 0.22, 0.5, 0.24)),
        Line("- one item", (0.1, 0.25, 0.4, 0.27)),
        Line("- another item", (0.1, 0.28, 0.4, 0.30)),
    ]
    assert _texts(lines) == [
        "A heading",
        "The first paragraph runs on to its second line.",
        "Another one after a gap, which ends here as well.",
        "- one item",
        "- another item",
    ]


def test_lines_are_joined_at_hyphens_and_without_spaces_where_there_are_none() -> None:
    assert joined(["the light-", "house is well-", "Known"]) == "the lighthouse is well- Known"
    assert joined(["bar\x02", "rier and soft\xad", "ware"]) == "barrier and software"
    assert joined(["港の橋は", "閉じた。"]) == "港の橋は閉じた。"
    assert joined(["in 2024-", "2025 it rained"]) == "in 2024- 2025 it rained"


_SHARES = st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3))
_LINES = st.builds(
    lambda text, x, y, w, h: Line(text, (x, y, min(1.0, x + w), min(1.0, y + h))),
    st.text("ab -•1.", min_size=0, max_size=12),
    _SHARES,
    _SHARES,
    st.floats(0.001, 0.5),
    st.floats(0.001, 0.1),
)


@given(st.lists(_LINES, max_size=30))
def test_no_word_is_lost_or_made_up(lines: list[Line]) -> None:
    found = blocks(lines)
    letters = sorted("".join(line.text for line in lines).replace("-", "").split())
    kept = "".join(block.text for block in found).replace("-", "").replace("|", "").split()
    assert sorted("".join(kept)) == sorted("".join(letters))
    for block in found:
        assert block.box == around([block.box])
