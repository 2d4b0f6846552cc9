"""Other names for the speakers of a finished run: "S1" is Ada.

Names are in every prompt, so a thread read under new ones would be new work for the model. What
was made stays as it was made, in the store too; names are put in where a result is shown: as
speakers and in the sentences of the summary. What was said is never touched, for it is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from gistill import grounding
from gistill.errors import BadInput
from gistill.teacher import fuse
from gistill.types import Chunk, Claim, Done, Merge, Segment, Summary, Thread

Names = Mapping[str, str]
_SHOWN = 8


def parse(pairs: Iterable[str]) -> dict[str, str]:
    """`["S1=Ada Lovelace"]` as a mapping. Raises: BadInput for another shape."""
    found = {}
    for pair in pairs:
        old, sign, new = (" ".join(part.split()) for part in pair.partition("="))
        if not sign or not old:
            raise BadInput(f'{pair!r} names no speaker; give it as "S1=Ada Lovelace"')
        found[old] = new
    return found


def joined(names: Names, more: Names, speakers: Sequence[str]) -> dict[str, str]:
    """`names` changed by `more`, whose keys are speakers or what these are called by now; an empty
    new name takes one back.

    Raises: BadInput for a key that is neither.
    """
    found = dict(names)
    for old, new in more.items():
        known = [old] if old in speakers else [s for s in speakers if names.get(s) == old]
        if not known:
            shown = ", ".join(speakers[:_SHOWN]) + ", …" * (len(speakers) > _SHOWN)
            raise BadInput(f"nobody called {old!r} speaks here; there is {shown or 'no speaker'}")
        found.update(dict.fromkeys(known, new))
    return {old: new for old, new in found.items() if new}


def renamed(done: Done, thread: Thread, names: Names) -> tuple[Done, Thread]:
    """Both with `names` in place of the speakers' own, and a note that says so."""
    if not names:
        return done, thread
    longest = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
    view = _View(names, lambda text: pattern.sub(lambda match: names[match[0]], text))
    summary = view.summary(done.summary)
    result = replace(
        done,
        text=view.told(done.text),
        summary=summary,
        local=tuple(map(view.claim, done.local)),
        chunks=tuple(map(view.chunk, done.chunks)),
    )
    notes = [f"{old} is shown as {new}, a name given by hand" for old, new in names.items()]
    return result, replace(
        thread,
        segments=tuple(map(view.segment, thread.segments)),
        present=tuple(names.get(name, name) for name in thread.present),
        notes=(*thread.notes, *notes),
    )


class _View:
    """Parts of a result as they are shown under `names`; `told` changes a sentence."""

    def __init__(self, names: Names, told: Callable[[str], str]) -> None:
        self.names = names
        self.told = told

    def segment(self, segment: Segment) -> Segment:
        if segment.speaker is None or segment.speaker not in self.names:
            return segment
        return replace(segment, speaker=self.names[segment.speaker])

    def chunk(self, chunk: Chunk) -> Chunk:
        return replace(chunk, segments=tuple(map(self.segment, chunk.segments)))

    def claim(self, claim: Claim) -> Claim:
        merged = tuple(map(self.merge, claim.merged))
        flags = tuple(map(self.told, claim.flags))
        return replace(claim, text=self.told(claim.text), merged=merged, flags=flags)

    def merge(self, merge: Merge) -> Merge:
        return replace(merge, text=self.told(merge.text))

    def summary(self, node: Summary) -> Summary:
        claims = tuple(map(self.claim, node.claims))
        return replace(node, claims=claims, children=tuple(map(self.summary, node.children)))


def fitted(
    done: Done, thread: Thread, count: Callable[[str], int], tokens: int, threshold: float
) -> Done:
    """`done` without its weakest sentences if new names made it longer than `tokens`; the last
    one stays. `threshold` is the least support of a sound sentence."""
    claims = list(done.summary.claims)
    while len(claims) > 1 and count(fuse.joined(claims)) > tokens:
        claims.remove(min(claims, key=lambda claim: claim.support))
    left_out = len(done.summary.claims) - len(claims)
    if not left_out:
        return done
    sentences = "1 sentence was" if left_out == 1 else f"{left_out} sentences were"
    said = f"the names given are longer: {sentences} left out to keep {tokens} tokens"
    return replace(
        done,
        text=fuse.joined(claims),
        summary=replace(done.summary, claims=tuple(claims)),
        positions=grounding.positions(claims, thread.segments),
        support_rate=grounding.support_rate(claims, threshold),
        notices=(*done.notices, said),
    )
