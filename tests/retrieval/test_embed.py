"""Static embeddings: unit rows that do not depend on their company."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.retrieval.embed import _BLOCK, DIMENSIONS, embed

TEXTS = st.lists(st.text(max_size=30), max_size=8)


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_rows_are_unit_or_zero(texts):
    rows = embed(texts)
    assert rows.shape == (len(texts), DIMENSIONS)
    assert rows.dtype == np.float32
    lengths = np.linalg.norm(rows, axis=1)
    assert all(n == 0 or n == pytest.approx(1, abs=1e-5) for n in lengths)
    assert all(n == 0 for n, text in zip(lengths, texts, strict=True) if not text)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.randoms())
def test_a_row_does_not_depend_on_the_others(texts, random):
    shuffled = list(range(len(texts)))
    random.shuffle(shuffled)
    rows, again = embed(texts), embed([texts[i] for i in shuffled])
    assert np.array_equal(rows[shuffled], again)
    for row, text in zip(rows, texts, strict=True):
        assert np.array_equal(embed([text])[0], row)


def test_more_texts_than_a_block_are_all_embedded():
    texts = [f"item {i} costs {i * 7} euros" for i in range(2 * _BLOCK + 3)]
    rows = embed(texts)
    for i in (0, _BLOCK - 1, _BLOCK, 2 * _BLOCK, len(texts) - 1):
        assert np.array_equal(rows[i], embed([texts[i]])[0])


def test_it_is_what_wordllama_itself_computes():
    import wordllama

    texts = ["The chip costs two euros.", "We meet on Friday.", "a", "Straße, 予算"]
    model = wordllama.WordLlama.load(disable_download=True, cache_dir=wordllama.__path__[0])
    assert embed(texts) == pytest.approx(model.embed(texts, norm=True), abs=1e-5)


def test_what_means_the_same_is_nearer():
    rows = embed(["The budget was cut.", "They reduced the funding.", "My cat sleeps all day."])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1


def test_logging_is_left_as_it_was():
    code = (
        "import logging\nroot = logging.getLogger()\nbefore = list(root.handlers), root.level\n"
        "from gistill.retrieval.embed import embed\nembed(['a'])\n"
        "assert (root.handlers, root.level) == before, root.handlers\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
