"""Recordings of speech: what was said, with the times it was said at."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gistill.errors import BadInput
from gistill.ingest import recording, sound, voices
from gistill.ingest.blob import Blob
from gistill.ingest.hearing import Ear, Heard, Word, ear
from gistill.ingest.pieces import Pieces
from gistill.ingest.reading import Extract, plural
from gistill.ingest.sound import RATE, Flaws, Tape
from gistill.ingest.tools import Tools
from gistill.ingest.voices import Turn
from gistill.store import key

if TYPE_CHECKING:
    from av.container import InputContainer

NAME = "audio"
ABOUT = "speech as text, by Whisper; words that were not heard clearly stand in [brackets?]"
SUFFIXES: tuple[str, ...] = (".wav", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".aac")
NEEDS = recording.NEEDS

_VERSION = 1  # of what is kept of a window
_MAGIC = re.compile(
    rb"RIFF....WAVE|fLaC|OggS|ID3[\x02-\x04]|\xff[\xfb\xf3\xf2]|....ftypM4[AB]", re.S
)
_STOP = re.compile(r"[.?!…。！？][\"'”’)\]]*$")
_EDGES = " .,;:!?…。！？"
# An utterance ends with a sentence and a pause, or at any longer pause; a long one ends with a
# sentence, or at its longest pause.
_PAUSE, _LONG_PAUSE = 0.6, 1.5  # seconds
_LONG, _LONGEST = 12.0, 45.0  # seconds
_UNSURE = 0.35  # probability of a word below which it counts as not heard clearly
_LETTERS = 4  # of unsure words in a row, below which they are not worth a mark
_LOST = 0.9  # share of its length that a recording must have, or its end is missing
_DOUBTFUL = 0.55  # mean probability of all words below which the whole is in doubt


class Said(NamedTuple):
    """An utterance, and when: seconds of the recording."""

    text: str
    time: tuple[float, float]
    speaker: str | None = None


@dataclass(slots=True)
class Speech:
    """What was said in a recording; `language` is empty where nothing was, `turns` where nobody
    asked who speaks."""

    words: list[Word] = field(default_factory=list)
    language: str = ""
    notes: list[str] = field(default_factory=list)
    turns: tuple[Turn, ...] = ()

    def utterances(self) -> Iterator[Said]:
        for speaker, words in spoken(self.words, self.turns):
            for run in utterances(words):
                if text := marked(run):
                    time = (run[0].start, max(run[0].start, run[-1].end))
                    yield Said(text, time, speaker or None)


def accepts(name: str, head: bytes) -> bool:
    """By its first bytes, or its suffix where they are lost."""
    return bool(_MAGIC.match(head)) or name.lower().endswith(SUFFIXES)


def read(blob: Blob, tools: Tools) -> Extract:
    """One entry an utterance.

    Raises: BadInput for what cannot be opened or holds no sound, and for a speech model that is
    not there; EngineFailed; MissingExtra.
    """
    pieces = Pieces()
    with recording.opened(blob) as file:
        if fault := sound.fault(file):
            raise BadInput(f"{blob.name} {fault}")
        begun, title = recording.begun(file), file.metadata.get("title", "")
        speech = listen(file, blob, tools)
    for said in speech.utterances():
        when = begun + dt.timedelta(seconds=said.time[0]) if begun else None
        pieces.add(said.text, kind="audio", speaker=said.speaker, time=said.time, when=when)
    pieces.notes += speech.notes
    return pieces.extract(blob, title)


def listen(file: InputContainer, blob: Blob, tools: Tools) -> Speech:
    """What is said in the first sound track of `file`, which is `blob` opened.

    Each window of about a minute is kept in `tools.memory`, under the one before: a killed run
    decodes the recording again, but hears no minute twice. Raises: BadInput, EngineFailed.
    """
    flaws = Flaws()
    tape = Tape(sound.pieces(file, flaws))
    model, sha256 = ear(tools), blob.sha256()
    length = recording.seconds(file)
    speech = Speech(language=tools.language or "")
    start, last, looped = 0, False, 0
    while not last:
        share = start / RATE / length if length else 0.0
        tools.say(f"listening to {blob.name}", min(share, 1.0))
        place = key("heard", _VERSION, sha256, model.id, speech.language, start)
        heard, start, last = _window(tape, model, tools, place, start, speech.language, flaws)
        speech.words += heard.words
        speech.language = heard.language or speech.language
        looped += heard.loops
    tools.say(f"listening to {blob.name}", 1.0)
    speech.notes = [
        *_flaws(flaws, start / RATE, length),
        *_tracks(file),
        *_doubts(speech.words, looped),
    ]
    if speech.language not in ("", "en", tools.language):
        speech.notes.append(f"taken for {speech.language!r}, which its first words seemed to be")
    if speech.words:
        speech.turns = voices.turns(blob, tools)
    return speech


def _window(
    tape: Tape, model: Ear, tools: Tools, place: str, start: int, language: str, flaws: Flaws
) -> tuple[Heard, int, bool]:
    """What was heard from sample `start` on, where that ends, and whether it is the end of all."""
    kept = tools.memory.get(place) if tools.memory is not None else None
    if isinstance(kept, dict):
        flaws.packets, flaws.stopped = kept["flaws"]
        words = tuple(Word(*word) for word in kept["words"])
        return Heard(words, kept["language"], kept["loops"]), kept["end"], kept["last"]
    window = tape.window(start)
    heard = model.hear(window, language or None)
    if tools.memory is not None:
        value = {"end": window.end, "last": window.last, "flaws": astuple(flaws)}
        tools.memory.put(place, "heard", {**value, **heard._asdict()})
    return heard, window.end, window.last


def spoken(words: Sequence[Word], turns: Sequence[Turn]) -> list[tuple[str, list[Word]]]:
    """`words` by who speaks them: a phrase is one person's, the one heard for most of it, or of
    the one before where none is heard."""
    if not turns:
        return [("", list(words))] if words else []
    runs: list[tuple[str, list[Word]]] = []
    for phrase in _phrases(words):
        speaker = voices.voice(phrase[0].start, phrase[-1].end, turns)
        if runs and speaker in ("", runs[-1][0]):
            runs[-1][1].extend(phrase)
        else:
            runs.append((speaker, phrase))
    return runs


def _phrases(words: Sequence[Word]) -> list[list[Word]]:
    """`words` as runs up to the end of a sentence or a pause: few people stop in their midst."""
    runs: list[list[Word]] = []
    for word in words:
        over = not runs or _STOP.search(runs[-1][-1].text)
        if over or word.start - runs[-1][-1].end >= _PAUSE:
            runs.append([])
        runs[-1].append(word)
    return runs


def utterances(words: Sequence[Word]) -> list[list[Word]]:
    """`words` as runs of whole sentences where people pause."""
    runs: list[list[Word]] = []
    for word in words:
        if not runs or _ends(runs[-1], word):
            runs.append([])
        runs[-1].append(word)
        if word.end - runs[-1][0].start > _LONGEST and len(runs[-1]) > 1:
            run = runs.pop()
            cut = 1 + max(range(len(run) - 1), key=lambda n: run[n + 1].start - run[n].end)
            runs += [run[:cut], run[cut:]]
    return runs


def _ends(run: list[Word], word: Word) -> bool:
    """Whether `run` is over before `word`."""
    pause = word.start - run[-1].end
    stopped = bool(_STOP.search(run[-1].text))
    long = run[-1].end - run[0].start > _LONG
    return pause >= _LONG_PAUSE or (stopped and (pause >= _PAUSE or long))


def marked(words: Sequence[Word]) -> str:
    """`words` as text; those that were not heard clearly stand in [brackets?]."""
    text = ""
    for unsure, run in _runs(words):
        said = "".join(word.text for word in run)
        if unsure and sum(c.isalnum() for c in said) >= _LETTERS:
            core = said.strip(_EDGES)
            said = said.replace(core, f"[{core}?]", 1)
        text += said
    return " ".join(text.split())


def _runs(words: Sequence[Word]) -> Iterable[tuple[bool, list[Word]]]:
    runs: list[tuple[bool, list[Word]]] = []
    for word in words:
        unsure = word.probability < _UNSURE
        if not runs or runs[-1][0] is not unsure:
            runs.append((unsure, []))
        runs[-1][1].append(word)
    return runs


def _flaws(flaws: Flaws, heard: float, length: float | None) -> list[str]:
    notes = []
    if flaws.packets:
        notes.append(f"{plural(flaws.packets, 'damaged piece')} of its sound left out")
    if flaws.stopped or (length and heard < _LOST * length):
        cause = f" ({flaws.stopped})" if flaws.stopped else ""
        whole = f", and says it is {recording.clock(length)} long" if length else ""
        notes.append(f"its sound breaks off at {recording.clock(heard)}{cause}{whole}")
    return notes


def _tracks(file: InputContainer) -> list[str]:
    more = len(file.streams.audio) - 1
    return [f"{plural(more, 'more sound track')} not listened to"] if more else []


def _doubts(words: Sequence[Word], looped: int) -> list[str]:
    notes = [] if words else ["nobody was heard speaking in it"]
    if looped:
        notes.append(f"{plural(looped, 'phrase')} repeated without end by the model kept once")
    unsure = sum(len(run) for doubt, run in _runs(words) if doubt)
    if words and sum(word.probability for word in words) < _DOUBTFUL * len(words):
        notes.append("hardly a word was heard clearly; is it in a language the model knows?")
    elif unsure:
        notes.append(f"{unsure:,} of {plural(len(words), 'word')} not heard clearly")
    return notes
