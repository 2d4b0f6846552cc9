"""A small data set of QMSum's shape, written for these tests, with the traps of the real one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def _turns(*lines: str) -> list[dict[str, str]]:
    return [dict(zip(("speaker", "content"), line.split(": ", 1), strict=True)) for line in lines]


def _question(query: str, answer: str, *spans: tuple[int, int]) -> Record:
    found: Record = {"query": query, "answer": answer}
    return found | {"relevant_text_span": [[str(a), str(b)] for a, b in spans]} if spans else found


# Two general questions; one text asked twice with two answers; spans out of order; an empty turn.
DESIGN = {
    "meeting_id": "ES9001a",
    "domain": "Product",
    "topic_list": [{"topic": "The remote 's case ", "relevant_text_span": [["1", "4"]]}],
    "general_query_list": [
        _question("Summarize the meeting.", "The team chose a rubber case and a cheap chip."),
        _question("What was decided ?", "Rubber for the case. The price stays at ten euros."),
    ],
    "specific_query_list": [
        _question("What about the case?", "The case will be made of rubber.", (3, 4), (1, 1)),
        _question("What about the case?", "Its colour is still open.", (5, 5)),
        _question(" What does the chip cost? ", "The chip costs two euros.", (6, 8)),
    ],
    "meeting_transcripts": _turns(
        "Project Manager: {vocalsound} Okay , welcome to the L_C_D_ remote project .",
        "Industrial Designer: I think the case should be made of rubber , not of wood .",
        "Marketing: ",
        "Marketing: People like rubber { disfmarker } because it does n't break .",
        "Project Manager: Right , so the case will be made of rubber .",
        "User Interface: The colour of the case is still open .",
        "Industrial Designer: The chip costs two euros . A better chip costs five .",
        "Marketing: We sell it for ten euros .",
        "Project Manager: Then we take the chip for two euros { pause } .",
    ),
}
# No-break spaces, Welsh letters, long titles for speakers.
COMMITTEE = {
    "meeting_id": "education_99",
    "domain": "Committee",
    "topic_list": [{"topic": "Ysgolion", "relevant_text_span": [["0", "2"]]}],
    "general_query_list": [
        _question("Summarize the meeting", "Members asked about school funding.")
    ],
    "specific_query_list": [
        _question("What did Siân Ŵyn say on funding?", "Siân Ŵyn said funding fell.", (1, 2)),
    ],
    "meeting_transcripts": _turns(
        "Lynne Neagle AM: Good\xa0morning. Croeso i’r pwyllgor.",
        "Siân Ŵyn MS: Thank you, Chair. Funding for schools fell by three per cent.",
        "Siân Ŵyn MS: That is £40\xa0million less for the ŷsgolion.",
        "Kirsty Williams AM: We will look into the funding formula before the summer.",
    ),
}
RESEARCH = {
    "meeting_id": "Bmr999",
    "domain": "Academic",
    "topic_list": [],
    "general_query_list": [_question("Summarize the meeting", "They discussed recognizer errors.")],
    "specific_query_list": [
        _question("Why did the recognizer fail?", "Noise made the recognizer fail.", (1, 2)),
    ],
    "meeting_transcripts": _turns(
        "Professor B: So , uh { disfmarker } what about the recognizer ?",
        "PhD D: The recognizer failed on noise . It drops p_m_s words .",
        "Grad A: Noise from the fan { pause } made the recognizer fail .",
        "Professor B: O_K , we record again without the fan .",
    ),
}
MEETINGS = (DESIGN, COMMITTEE, RESEARCH)
QUERIES = 9


def write(folder: Path, split: str = "val", *, zipped: bool = True) -> Path:
    """One meeting a line, `qmsum-<split>.jsonl.gz`; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(meeting | {"split": split}) + "\n" for meeting in MEETINGS)
    if zipped:
        (folder / f"qmsum-{split}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_repository(folder: Path, split: str = "val", *, by_domain: bool = True) -> Path:
    """The layout of QMSum's repository: a file a meeting, without the names inside."""
    for meeting in MEETINGS:
        kept = {k: v for k, v in meeting.items() if k not in ("meeting_id", "domain")}
        parent = folder / "data" / (str(meeting["domain"]) if by_domain else "ALL") / split
        parent.mkdir(parents=True, exist_ok=True)
        (parent / f"{meeting['meeting_id']}.json").write_text(json.dumps(kept), encoding="utf-8")
    return folder
