#!/usr/bin/env python3
"""How well support scores tell what a meeting says from what another one says, on QMSum, and how
well names that are wrong are told and put right.

Reference answers are human paraphrases: each of their sentences should find support in its own
gold span, and none in a stretch of the same length of another meeting. Prints the share of
sentences at or above each threshold for both, and the area under the ROC curve. Then, of the
sentences that begin with the name of a speaker, how many are held for misnamed as they are, how
many with the name of another speaker of that meeting, and to how many of these the right name is
given back.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from pathlib import Path

import numpy as np

from gistill.grounding import Evidence
from gistill.segmentation import sentences
from gistill.types import Locator, Segment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with qmsum-*.jsonl.gz")
    parser.add_argument("--split", default="val")
    args = parser.parse_args()
    with gzip.open(args.data / f"qmsum-{args.split}.jsonl.gz", "rt", encoding="utf-8") as file:
        meetings = [json.loads(line) for line in file]
    dice = random.Random(0)
    own, other = [], []
    for number, meeting in enumerate(meetings):
        strangers = [m for i, m in enumerate(meetings) if i != number]
        for query in meeting["specific_query_list"]:
            spans = [(int(a), int(b)) for a, b in query["relevant_text_span"]]
            said = sentences.split(query["answer"])
            turns = [turn for a, b in spans for turn in range(a, b + 1)]
            own += [c.support for c in Evidence(segments(meeting, turns)).ground(said)]
            stranger = dice.choice(strangers)
            start = dice.randrange(max(1, len(stranger["meeting_transcripts"]) - len(turns)))
            far = range(start, min(start + len(turns), len(stranger["meeting_transcripts"])))
            other += [c.support for c in Evidence(segments(stranger, far)).ground(said)]
    print(f"{len(own)} sentences of {args.split}; share at or above each threshold")
    print("threshold  own span  other meeting")
    for threshold in np.arange(0.2, 0.75, 0.05):
        mine, theirs = (np.mean(np.array(x) >= threshold) for x in (own, other))
        print(f"{threshold:9.2f}  {mine:8.3f}  {theirs:13.3f}")
    ranks = np.argsort(np.argsort(own + other, kind="stable"))[: len(own)]
    area = (ranks.mean() - (len(own) - 1) / 2) / len(other)
    print(f"area under the ROC curve: {area:.3f}")
    names(meetings, dice)


def names(meetings: list[dict], dice: random.Random) -> None:
    """Prints what becomes of right and of wrong names at the beginning of sentences."""
    total = false = told = given = back = 0
    for meeting in meetings:
        turns = range(len(meeting["meeting_transcripts"]))
        evidence = Evidence(segments(meeting, turns))
        people = sorted({s.speaker for s in evidence.segments if s.speaker})
        for query in meeting["general_query_list"] + meeting["specific_query_list"]:
            for sentence in sentences.split(query["answer"]):
                who = next((name for name in people if sentence.startswith(f"{name} ")), None)
                others = [name for name in people if name != who]
                if who is None or not others:
                    continue
                total += 1
                false += evidence.put_right(sentence) != sentence
                other = sentence.replace(who, dice.choice(others), 1)
                (claim,) = evidence.ground([other])
                right = evidence.put_right(other)
                told += bool(claim.flags) and other.startswith(claim.flags[0])
                given += right != other
                back += right == sentence
    print(f"{total} sentences begin with a speaker: {100 * false / total:.1f} % given another name")
    print(
        f"with another's name: {100 * told / total:.1f} % flagged, {100 * given / total:.1f} % "
        f"given another, {100 * back / max(1, given):.1f} % of these the right one"
    )


def segments(meeting: dict, turns) -> tuple[Segment, ...]:
    rows = meeting["meeting_transcripts"]
    return tuple(
        Segment(f"s{i}", rows[i]["content"], Locator("m", (0, 0)), rows[i]["speaker"])
        for i in turns
        if i < len(rows) and rows[i]["content"]
    )


if __name__ == "__main__":
    main()
