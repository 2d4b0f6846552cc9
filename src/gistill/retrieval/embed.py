"""Static sentence embeddings: the vectors that ship inside the wordllama wheel, read offline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256
_BLOCK = 256  # texts at once: their token vectors stay in the cache


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """One row a text, shape (n, 256), L2-normalized; a text without known tokens is all zeros."""
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    table, tokenizer = _model()
    for start in range(0, len(texts), _BLOCK):
        block = list(texts[start : start + _BLOCK])
        # The same as wordllama's own `embed`, without its padding: half the time.
        found = tokenizer.encode_batch_fast(block, add_special_tokens=False)
        ids = [encoding.ids or [0] for encoding in found]
        sizes = np.array([len(one) for one in ids])
        tokens = table[np.array(list(itertools.chain.from_iterable(ids)))]
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        sums = np.add.reduceat(tokens, starts, axis=0)
        sums[[not encoding.ids for encoding in found]] = 0
        rows[start : start + _BLOCK] = sums
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


@cache
def _model() -> tuple[NDArray[np.float32], Any]:
    import logging

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    import wordllama  # 0.3 s, and it configures the root logger: undone below

    root.handlers, root.level = handlers, level
    model = wordllama.WordLlama.load(
        cache_dir=Path(wordllama.__file__).parent, disable_download=True
    )
    model.tokenizer.no_padding()
    model.tokenizer.no_truncation()
    return np.asarray(model.embedding, dtype=np.float32), model.tokenizer
