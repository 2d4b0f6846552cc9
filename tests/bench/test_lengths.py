from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from gistill.bench import alpaca, lengths, qmsum
from gistill.bench.qmsum import Query
from gistill.errors import BadInput


@pytest.fixture
def words() -> Tokenizer:
    """One token a word or mark."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_every_prompt_and_answer_is_counted(queries: list[Query], words: Tokenizer) -> None:
    rows = list(alpaca.rows(queries))
    found = lengths.measure(rows, words)
    assert found.inputs == tuple(len(words.encode(row.prompt)) for row in rows)
    assert found.summaries[2:4] == (8, 6)
    figures = found.figures()
    assert list(figures) == ["n", "mean_input", "max_input", "mean_summary", "max_summary"]
    assert figures["n"] == len(queries)
    assert figures["max_summary"] == max(found.summaries)


def test_figures_and_histograms_are_written(tmp_path: Path) -> None:
    found = lengths.Lengths((5, 9, 40), (1, 2, 2))
    paths = lengths.write(found, "QMSum tiny", tmp_path / "a")
    assert json.loads(paths[0].read_text())["inputs"] == [5, 9, 40]
    assert [p.suffix for p in paths] == [".json", ".png", ".svg", ".png", ".svg"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(paths[2]).getroot().tag.endswith("svg")
    again = lengths.write(found, "QMSum tiny", tmp_path / "b")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def test_a_tokenizer_from_a_file_or_its_folder(tmp_path: Path, words: Tokenizer) -> None:
    words.enable_truncation(2)
    words.save(str(tmp_path / "tokenizer.json"))
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        assert len(lengths.open_tokenizer(str(source)).encode("a b c")) == 3


def test_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match=r"name a tokenizer\.json"):
        lengths.open_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    ("split", "expected"),
    [("train", (259, 16365, 30164, 64, 171)), ("val", (54, 15592, 26513, 68, 146))],
)
def test_the_figures_of_academic(real_data: Path, split: str, expected: tuple[int, ...]) -> None:
    path = real_data / "gpt-neox-20b-tokenizer.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there: the figures are in tokens of GPT-NeoX-20B")
    rows = alpaca.rows(qmsum.queries(qmsum.load(real_data, split, "academic")))
    figures = lengths.measure(rows, lengths.open_tokenizer(str(path))).figures()
    assert tuple(round(value) for value in figures.values()) == expected
