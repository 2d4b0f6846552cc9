"""The data that moves through gistill: frozen, slotted, no behaviour beyond validation.

Files become a `Thread` of citable `Segment`s; segments are packed into `Chunk`s; each chunk
becomes `Claim`s; claims are fused into a `Summary` tree. Units: tokens are the delivering
engine's own, times are seconds, text offsets are Python characters.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from gistill.errors import BadInput

Kind = Literal["utterance", "message", "paragraph", "image_text", "caption", "audio", "frame"]
Profile = Literal["greedy", "fast", "quality"]
Finish = Literal["stop", "length", "deadline"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Source:
    """One input as it was read.

    `text` is what every `Locator` points into: the decoded content of a text file; what was read
    out of a document, an image or a recording.
    """

    name: str
    sha256: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Locator:
    """Where the exact text of a segment stands.

    Without `pointer`, `span` counts characters of the source text, end exclusive. With `pointer`
    (RFC 6901; in JSON Lines the first step is the 0-based line that holds the record, blank lines
    counted) it counts characters of the JSON string found there. `time` is seconds from the start
    of the recording. `page` counts from 1: a page, a slide, a sheet. `box` is where the text stands
    on the page, image or frame: left, top, right and bottom as shares of its width and height.
    """

    source: str
    span: tuple[int, int]
    pointer: str | None = None
    time: tuple[float, float] | None = None
    page: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """The citable atom: a turn, a post, a paragraph; `text` is the slice its locator names.

    `also` are further places that say the same, letter case, white space and marks of quoting
    aside, or quote it among other words: the mail in the archive, the slide on the screen.
    """

    id: str
    text: str
    at: Locator
    speaker: str | None = None
    kind: Kind = "paragraph"
    when: dt.datetime | None = None
    reply_to: str | None = None  # the id of the segment this one answers
    also: tuple[Locator, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of the thread that could not be read, or that names files which are not there; and
    why, in one line."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Thread:
    """Segments in reading order and the sources they came from.

    `notes` says in plain sentences what the readers skipped or repaired; `unread` names the files
    whose content is not here, which is a gap. `present` are people whom the user named as taking
    part, whether they speak or not.
    """

    segments: tuple[Segment, ...]
    sources: tuple[Source, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    unread: tuple[Unreadable, ...] = ()
    present: tuple[str, ...] = ()

    @property
    def participants(self) -> tuple[str, ...]:
        """Those named as present, then those who spoke or posted, in order of first turn; the
        merely mentioned are not here."""
        spoke = (s.speaker for s in self.segments if s.speaker)
        return tuple(dict.fromkeys((*self.present, *spoke)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole segments; the first `overlap` of them also end the chunk before.

    A segment too large for a chunk appears as several pieces that share its id and split its
    locator's span.
    """

    id: str
    segments: tuple[Segment, ...]
    tokens: int
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class Merge:
    """A sentence that dedupe folded into another one: what it said, why, and at what score."""

    text: str
    cites: tuple[str, ...]
    score: float
    reason: Literal["exact", "similar"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of a summary, the segments that support it, and how well (0 to 1).

    `flags` lists names, numbers and dates of the sentence found in none of the cited segments.
    """

    text: str
    cites: tuple[str, ...]
    support: float
    flags: tuple[str, ...] = ()
    merged: tuple[Merge, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A node of the summary tree: level 0 summarizes one chunk, higher levels their children.

    `by` is the id of the engine that wrote it; `gap` says why the intended one did not.
    """

    id: str
    claims: tuple[Claim, ...]
    level: int
    by: str
    children: tuple[Summary, ...] = ()
    chunk: str | None = None
    gap: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The hard limits of a run: `tokens` of the final text, `seconds` of wall time."""

    tokens: int | None = None
    seconds: float | None = None
    profile: Profile = "fast"

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise BadInput(f"the token budget is {self.tokens}; give at least 1")
        if self.seconds is not None and not self.seconds > 0:
            raise BadInput(f"the time budget is {self.seconds} s; give more than 0")
        if self.profile not in ("greedy", "fast", "quality"):
            raise BadInput(f"unknown profile {self.profile!r}; choose greedy, fast or quality")


@dataclass(frozen=True, slots=True)
class Request:
    """One generation. `prompt` is the whole user message: the engine adds only its chat template.

    `text` is the material inside the prompt and `query` the question, for engines that select
    sentences instead of generating them. Once fewer than `wind_down` of `max_tokens` are left, the
    end of a sentence ends the answer: what would follow could only be cut. `alone` says that it is
    the only one of its kind, which an engine may give the whole machine; the text may depend on it.
    """

    prompt: str
    text: str
    max_tokens: int
    query: str | None = None
    beams: int = 1
    length_penalty: float = 1.0
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0
    wind_down: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to `requests[index]`; `degraded` names what was asked and could not be done."""

    index: int
    text: str
    tokens_in: int
    tokens_out: int
    finish: Finish
    seconds: float
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Input that reached no model: how many tokens, which segments, and why."""

    reason: str
    tokens: int
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many input tokens reached a model, of how many, and what happened to the others."""

    read: int
    total: int
    unread: tuple[Unread, ...] = ()

    @property
    def share(self) -> float:
        return self.read / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class Spend:
    """What a run cost. `calls` were generated now, `reused` came from the store.

    The token counts are those of all calls, reused ones included, so that a resumed run reports
    what an unbroken one does. Time and memory are those of this process and its children;
    `peak_vram` and `joules` are None where no NVIDIA GPU was used.
    """

    calls: int = 0
    reused: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss: int = 0  # bytes
    peak_vram: int | None = None  # bytes
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a plan, or what it took: `calls` generations of so many tokens in all."""

    stage: Literal["single", "local", "fuse"]
    level: int
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run will go; `given_up` is the ladder of what the budget cost, in order.

    `unread` chunks are summarized by selecting sentences for lack of time; with `flat`, so are the
    levels between the chunks and the last fuse.
    """

    steps: tuple[Step, ...]
    chunks: int
    max_tokens: int
    overlap: int
    local_len: int
    global_len: int
    profile: Profile
    unread: int = 0
    flat: bool = False
    given_up: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, slots=True)
class Planned:
    """Event: the plan stands."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Progress:
    """Event: `done` of `total` generations of a stage have finished, `reused` of them stored."""

    stage: str
    done: int
    total: int
    reused: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Event: something the user should know, in one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Event: the best text so far, a complete one; a later `Draft` or `Done` replaces it."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """Event, always the last: the result and the account of it.

    `local` holds the deduplicated claims of all chunks in thread order; `positions` counts
    citations of `summary` over ten equal parts of the thread; `support_rate` is the share of its
    sentences at or above the support threshold. `notices` repeats what was said on the way;
    `failures` says what the engine could not do, which stand-ins in the tree make up for.
    `spent` is what the stages of the plan really took, stored generations included in all but
    seconds; it is empty for results kept by an older gistill.
    """

    text: str
    summary: Summary
    local: tuple[Claim, ...]
    chunks: tuple[Chunk, ...]
    plan: Plan
    coverage: Coverage
    positions: tuple[int, ...]
    support_rate: float
    spend: Spend
    engine: str
    query: str | None = None
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    run: str | None = None  # the id under which the store keeps this run
    spent: tuple[Step, ...] = ()


Event = Planned | Progress | Notice | Draft | Done
