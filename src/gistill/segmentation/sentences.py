"""Where sentences end, in prose, in speech transcripts and in scripts without spaces."""

from __future__ import annotations

import itertools
import re

# What may close a sentence, and what may follow it (quotes, brackets) while still closing it.
_STOPS = ".!?…。！？｡؟۔।॥"
_CLOSERS = "\"'”’»)]}」』】）›*_`"
_ENDED = re.compile(f"[{re.escape(_STOPS)}][{re.escape(_CLOSERS)}]*$")
# nupunkt knows Western abbreviations; scripts without spaces after the stop are cut here.
_WIDE_STOP = re.compile(f"(?<=[。！？｡])[{re.escape(_CLOSERS)}]*(?=[^\\s{re.escape(_CLOSERS)}])")
_LINE = re.compile(r"[^\n]+")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
# What joins a clause to one that stands without it, and what a clause without a verb begins with.
_JOINTS = re.compile(
    r";\s|,\s(?:and|as|because|but|although|since|so|though|where|whereas|which|while|who)(?!\w)"
)
_LEADS = re.compile(
    r"(?i)(?:after|although|as|at|because|before|by|despite|during|for|from|given|if|in|on|once|"
    r"since|though|to|unless|when|while|with)\b"
)
_VERB = re.compile(
    r"(?i)\b(?:am|are|can|came|could|did|do|does|felt|found|gave|got|had|has|have|is|made|may|"
    r"might|must|said|saw|should|thought|told|took|was|went|were|will|would|\w{2,}ed)\b"
)
_OPEN = re.compile(r"(?i)\b(?:not (?:just|merely|only)|if|unless|whether)\b")
_CLAUSE = 5  # words: anything shorter says too little
# nupunkt's cost grows with the length of one call; longer stretches are cut at white space first.
_STRETCH = 20_000


def spans(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of `text`, in order, without the white space around them.

    A line break ends a sentence. Text without any stop is one sentence a line.
    """
    found: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        for start, end in _stretches(text, line.start(), line.end()):
            found.extend(_split(text, start, end))
    return found


def split(text: str) -> list[str]:
    """The sentences of `text`, bullets and numbering removed."""
    return [_BULLET.sub("", text[start:end]) for start, end in spans(text)]


def ended(text: str) -> bool:
    """Whether `text` stops at the end of a sentence."""
    return bool(_ENDED.search(text.rstrip()))


def whole(text: str) -> str:
    """`text` up to the end of its last whole sentence; empty when it holds none."""
    kept = [(start, end) for start, end in spans(text) if ended(text[start:end])]
    return text[: kept[-1][1]].strip() if kept else ""


def clause(text: str) -> str:
    """The longest beginning of an unfinished English sentence that stands as a sentence of its own.

    It ends where a further clause was joined on, so nothing is claimed that the whole would not
    have claimed. Empty where there is none, or where it cannot be told.
    """
    for joint in reversed(list(_JOINTS.finditer(text))):
        start = text[: joint.start()].rstrip(" ,;:")
        said = start.partition(", ")[2] if _LEADS.match(start) else start
        whole = len(said.split()) >= _CLAUSE and _VERB.search(said)
        if whole and not _OPEN.search(said) and _balanced(start):
            return start if ended(start) else start + "."
    return ""


def _balanced(text: str) -> bool:
    pairs = all(text.count(a) == text.count(b) for a, b in ("()", "[]", "“”"))
    return pairs and text.count('"') % 2 == 0


def _stretches(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = []
    while end - start > _STRETCH:
        cut = max(text.rfind(" ", start + 1, start + _STRETCH), start)
        cut = cut if cut > start else start + _STRETCH
        cuts.append((start, cut))
        start = cut
    cuts.append((start, end))
    return cuts


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from nupunkt import sent_spans

    found: list[tuple[int, int]] = []
    piece = text[start:end]
    if not piece.strip():
        return found
    for first, last in sent_spans(piece):
        marks = [first, *(m.end() for m in _WIDE_STOP.finditer(piece, first, last)), last]
        for a, b in itertools.pairwise(marks):
            part = piece[a:b]
            lead = len(part) - len(part.lstrip())
            if stripped := part.strip():
                found.append((start + a + lead, start + a + lead + len(stripped)))
    return found
