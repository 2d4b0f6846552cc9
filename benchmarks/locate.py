"""How much of what answers a question the locator finds: recall of gold turns on QMSum.

    python benchmarks/locate.py --data DIR --split val

A gold turn counts for the share of its words that was kept; means over the specific queries.
Budgets are words, counted at white space after cleaning.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gistill.distill.qmsum import read
from gistill.retrieval.locate import locate
from gistill.retrieval.network import Scores
from gistill.retrieval.rank import Index, smooth
from gistill.retrieval.terms import terms, topic

BUDGETS = (500, 1000, 2000)


def by_reciprocal_rank(*lists: Scores) -> Scores:
    """Cormack et al. 2009, k = 60."""
    total = np.zeros(len(lists[0]), np.float32)
    for scores in lists:
        places = np.empty(len(scores))
        places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
        total += 1 / (60 + places)
    return total


def bm25(index: Index, query: str) -> Scores:
    return index.bm25(terms(topic(query)))


def embeddings(index: Index, query: str) -> Scores:
    return index.cosine(topic(query) or query)


RANKINGS: dict[str, Callable[[Index, str], Scores]] = {
    "BM25": bm25,
    "embeddings": embeddings,
    "reciprocal ranks of both": lambda i, q: by_reciprocal_rank(bm25(i, q), embeddings(i, q)),
    "BM25, smoothed over 3 passages": lambda i, q: smooth(bm25(i, q), 3),
    "embeddings, smoothed over 3": lambda i, q: smooth(embeddings(i, q), 3),
    "reciprocal ranks, both smoothed": lambda i, q: by_reciprocal_rank(
        smooth(bm25(i, q), 3), smooth(embeddings(i, q), 3)
    ),
    "trained network (what ships)": lambda i, q: i.rank(q),
}


class Fixed(Index):
    """An index whose ranking is another one's, so that all go through `locate`."""

    def __init__(self, index: Index, scores: Scores) -> None:
        self.__dict__.update(index.__dict__)
        self.scores = scores

    def rank(self, query: str) -> Scores:
        return self.scores


def count_words(text: str) -> int:
    return len(text.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the qmsum-*.jsonl.gz")
    parser.add_argument("--split", default="val", choices=("train", "val"))
    options = parser.parse_args()
    found: dict[str, dict[int, list[tuple[float, float]]]] = {
        name: {budget: [] for budget in BUDGETS} for name in RANKINGS
    }
    started, queries = time.process_time(), 0
    for meeting in read(options.data, options.split):
        index = Index(meeting.segments)
        length = {s.id: len(s.text.split()) + 1 for s in meeting.segments}
        for question in meeting.specific:
            queries += 1
            gold = meeting.gold(question)
            words = sum(length[i] for i in gold)
            for name, ranking in RANKINGS.items():
                fixed = Fixed(index, ranking(index, question.text))
                for budget in BUDGETS:
                    kept = locate(meeting.segments, question.text, budget, count_words, fixed)
                    read_share: dict[str, float] = {}
                    for s in kept.segments:
                        if s.id in gold:
                            share = (len(s.text.split()) + 1) / length[s.id]
                            read_share[s.id] = min(1.0, read_share.get(s.id, 0.0) + share)
                    turns = sum(read_share.values()) / len(gold)
                    spoken = sum(length[i] * x for i, x in read_share.items()) / words
                    found[name][budget].append((turns, spoken))
    print(f"{queries} queries of {options.split}, {time.process_time() - started:.0f} s of CPU")
    print(f"{'recall of gold turns / words, %':40s}" + "".join(f"{b:>15,d}" for b in BUDGETS))
    for name, rows in found.items():
        cells = [100 * np.mean(rows[budget], axis=0) for budget in BUDGETS]
        print(f"{name:40s}" + "".join(f"{turns:8.1f} /{w:5.1f}" for turns, w in cells))


if __name__ == "__main__":
    main()
