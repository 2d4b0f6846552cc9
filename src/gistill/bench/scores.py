"""The one frozen scorer: ROUGE of every summary, kept query by query.

Every output carries `SCORER`. Scores of different scorers are not comparable: a change to
anything in this module changes that string.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.errors import BadInput, MissingExtra

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
PARTS = ("precision", "recall", "f1")
RULE = "stop-space-1"
SCORER = f"rouge-score 0.1.2, Porter stems, sentences by {RULE}, macro mean x100"

Scores = NDArray[np.float64]

_VERSION = "0.1.2"
_END = re.compile(r"[.!?]+[\"'”’)\]]*\s+(?=[^\sa-z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Fig|Inc|Ltd|vs|etc|e\.g|i\.e|[A-Z])\.\s+$"
)


def sentences(text: str) -> list[str]:
    """The sentences of `text` by the rule "stop-space-1", what ROUGE-Lsum is computed over.

    A sentence ends at a line break, and at `.`, `!` or `?` (closing quotes and brackets may
    follow) before white space and anything but a lower-case letter; a full stop after a single
    capital or one of few abbreviations ends none. No model and no data file, so it stays the same.
    """
    found = []
    for line in text.splitlines():
        start = 0
        for match in _END.finditer(line):
            if _ABBREVIATION.search(line[start : match.end()]):
                continue
            found.append(line[start : match.end()].strip())
            start = match.end()
        found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def rouge(summaries: Sequence[str], references: Sequence[str]) -> Scores:
    """Scores of each summary against its reference, 0 to 100.

    Shape (queries, 4, 3): `METRICS`, then `PARTS`. An empty summary scores 0.

    Raises: BadInput if there are not as many references as summaries, or if another version of
    rouge-score is installed; MissingExtra.
    """
    if len(summaries) != len(references):
        raise BadInput(f"{len(summaries)} summaries, but {len(references)} references")
    scorer, _ = _scorer()
    rows = np.zeros((len(summaries), len(METRICS), len(PARTS)))
    for row, summary, reference in zip(rows, summaries, references, strict=True):
        found = scorer.score("\n".join(sentences(reference)), "\n".join(sentences(summary)))
        # Score is a named tuple of precision, recall and F1.
        row[:] = [found[metric] for metric in METRICS]
    return 100 * rows


def tokens(text: str) -> list[str]:
    """The stems of `text` that ROUGE counts, in order. Raises: as `rouge`."""
    return _scorer()[1].tokenize(text)


class _Tokenizer:
    """rouge-score's own tokens, each word stemmed once: most of the scorer's time otherwise."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer
        from rouge_score import tokenize

        self.stem = lru_cache(maxsize=65_536)(PorterStemmer().stem)
        self._tokenize = tokenize.tokenize

    def tokenize(self, text: str) -> list[str]:
        return list(self._tokenize(text, self))


@lru_cache(maxsize=1)
def _scorer() -> tuple[Any, _Tokenizer]:
    try:
        from rouge_score.rouge_scorer import RougeScorer

        installed = metadata.version("rouge-score")
    except ImportError:
        raise MissingExtra("scoring", "bench") from None
    if installed != _VERSION:
        raise BadInput(
            f"rouge-score {installed} is installed, and scores are comparable under {_VERSION} "
            f"only; run: pip install rouge-score=={_VERSION}"
        )
    tokenizer = _Tokenizer()
    return RougeScorer(list(METRICS), tokenizer=tokenizer), tokenizer
