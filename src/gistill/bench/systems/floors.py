"""Floors: what a summary must beat. All copy whole turns, and cut the last at the limit."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gistill.bench.scores import tokens
from gistill.bench.systems import Latest, Options, Output
from gistill.bench.systems.selection import WORDS, Piece, first_words, turns
from gistill.distill.qmsum import Meeting, Question

K1, B = 1.5, 0.75

Rank = Callable[[Meeting, Question], list[Piece]]


class Floor:
    """Takes the first words of a meeting's turns as `rank` orders them for a question."""

    def __init__(self, rank: Rank, words: int, **settings: Any) -> None:
        self._rank, self._words, self._settings = rank, words, settings

    def settings(self) -> Mapping[str, Any]:
        return {"words": self._words, **self._settings}

    def answer(self, meeting: Meeting, question: Question) -> Output:
        return first_words(self._rank(meeting, question), self._words)


def open(name: str, options: Options) -> Floor:
    """The floor of that name."""
    if name == "random":
        return Floor(shuffled(options.seed), options.words or WORDS, seed=options.seed)
    if name == "bm25":
        return Floor(bm25(), options.words or WORDS, k1=K1, b=B)
    return Floor(lead if name == "lead" else gold_lead, options.words or WORDS)


def lead(meeting: Meeting, question: Question) -> list[Piece]:
    """The meeting from its start."""
    return turns(meeting)


def gold_lead(meeting: Meeting, question: Question) -> list[Piece]:
    """The annotated turns from their start; general questions have none, so the whole meeting."""
    gold = meeting.gold(question)
    return [turn for turn in turns(meeting) if not gold or turn.segment in gold]


def shuffled(seed: int) -> Rank:
    """Turns in an order drawn for each question."""

    def rank(meeting: Meeting, question: Question) -> list[Piece]:
        pieces = turns(meeting)
        random.Random(f"{seed}/{meeting.id}/{question.text}").shuffle(pieces)
        return pieces

    return rank


def bm25() -> Rank:
    """Turns by BM25 (Robertson & Zaragoza 2009) with the question, over the scorer's stems."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every call at DEBUG

    def make(meeting: Meeting) -> tuple[list[Piece], Any]:
        pieces = turns(meeting)
        index = bm25s.BM25(k1=K1, b=B)
        index.index([tokens(piece.text) for piece in pieces], show_progress=False)
        return pieces, index

    indexed = Latest(make)

    def rank(meeting: Meeting, question: Question) -> list[Piece]:
        pieces, index = indexed(meeting)
        wanted = [token for token in tokens(question.text) if token in index.vocab_dict]
        scores = index.get_scores(wanted) if wanted else np.zeros(len(pieces))
        return [pieces[i] for i in np.argsort(-scores, kind="stable")]

    return rank
