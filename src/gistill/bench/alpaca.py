"""QMSum as instructions: the question, the whole transcript, the answer, in the Alpaca format.

The text is prepared as in QMSum's own code: lower-cased, cut into words by the Treebank rules,
transcribers' tags removed. (Its sentence splitter changes no figure after rounding, so that no
Punkt data is needed.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from gistill.bench.qmsum import Query
from gistill.distill.qmsum import Meeting
from gistill.errors import MissingExtra

PROMPT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
_TAGS = ("vocalsound", "disfmarker", "pause", "nonvocalsound", "gap")
_SPELLED = {"a_m_i_": "ami", "l_c_d_": "lcd", "p_m_s": "pms", "t_v_": "tv"}


@dataclass(frozen=True, slots=True)
class Row:
    """A question as an instruction."""

    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """All that a model reads before it answers."""
        return PROMPT.format(instruction=self.instruction, input=self.input)


def rows(queries: Iterable[Query]) -> Iterator[Row]:
    """A row a question, in order. The answer is cut into words but not cleaned."""
    meeting, text = None, ""
    for query in queries:
        if query.meeting is not meeting:
            meeting, text = query.meeting, transcript(query.meeting)
        yield Row(tokenized(query.question.text), text, tokenized(query.question.answer))


def transcript(meeting: Meeting) -> str:
    """Every turn as `speaker: words`, joined by spaces, cleaned."""
    turns = (f"{(s.speaker or '').lower()}: {tokenized(s.text)}" for s in meeting.segments)
    return clean(" ".join(turns))


def tokenized(text: str) -> str:
    """`text` lower-cased, its words and marks apart.

    Raises: MissingExtra without NLTK.
    """
    return " ".join(_words().tokenize(text.lower()))


def clean(text: str) -> str:
    """`text` without transcribers' tags and the space after each; spelled letters joined."""
    for tag in _TAGS:
        text = text.replace(f"{{ {tag} }} ", "")
    for spelled, joined in _SPELLED.items():
        text = text.replace(spelled, joined)
    return text


@cache
def _words() -> Any:
    try:
        from nltk.tokenize import NLTKWordTokenizer
    except ImportError:
        raise MissingExtra("preparing QMSum's text", "bench") from None
    return NLTKWordTokenizer()
