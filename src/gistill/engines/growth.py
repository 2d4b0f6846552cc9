"""An answer while it is being written: what can be shown of it, and where it had better end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gistill.segmentation import sentences
from gistill.types import Request

_MAY_GO_ON = re.compile(r"\d\.\W*$")  # to a decimal, or to the text of a numbered item
_UNSPACED = re.compile(r"[。！？｡]\W*$")
CIRCLE = 16  # tokens: summaries hardly ever say as many again in the same order


def winding_down(request: Request, tokens: int) -> bool:
    """Whether the next end of a sentence is to end the answer, of which `tokens` are written."""
    return request.max_tokens - tokens < request.wind_down


def closes(text: str) -> bool:
    """Whether `text` stops where a sentence is over, whatever may follow.

    A full stop that may belong to a number or an abbreviation does not count: the sentence would
    be cut in two, and the caller could not tell.
    """
    line = text.rstrip().rpartition("\n")[2]
    if not sentences.ended(line) or _MAY_GO_ON.search(line):
        return False
    if _UNSPACED.search(line):
        return True
    return sentences.spans(f"{line} The")[-1][0] == len(line) + 1


def circling(ids: Sequence[int]) -> bool:
    """Whether the last `CIRCLE` ids were written before: greedy decoding seldom finds out again,
    and would write the same up to its limit."""
    last = list(ids[-CIRCLE:])
    starts = range(len(ids) - CIRCLE)
    return any(ids[i] == last[0] and list(ids[i : i + CIRCLE]) == last for i in starts)


def legible(text: str) -> str:
    """`text` stripped, without the start of a character whose other bytes are still to come."""
    return text.rstrip("\ufffd").strip()
