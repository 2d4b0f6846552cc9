"""Speech to words: Whisper by faster-whisper, a minute at a time.

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision". Nothing is
sampled, so that the same minute always gives the same words: where Whisper's own way out of a
repetition loop is chance, here it is a second try that may not repeat itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gistill.errors import BadInput, EngineFailed
from gistill.home import expanded
from gistill.ingest.sound import RATE, Window
from gistill.ingest.tools import Tools

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_NEEDED = ("model.bin", "config.json", "tokenizer.json")
_AGAIN = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.1}
_LOOPS = {1: 6, 2: 4}  # words of a phrase: how often in a row it makes a loop
_LOOP = 3  # the same for longer phrases
_PHRASE = 12  # words of the longest phrase looked for
_WORTH = 0.5  # the mean probability of words below which a second try is no better than a loop


class Word(NamedTuple):
    """`start` and `end` are seconds of the recording; `text` begins with its space."""

    text: str
    start: float
    end: float
    probability: float


class Heard(NamedTuple):
    """What was said in a window. `loops` counts phrases that the model repeated without end, and
    that stand here once."""

    words: tuple[Word, ...]
    language: str
    loops: int = 0


class Ear:
    """A Whisper model. `id` names what it makes of sound: its weights and who runs them."""

    def __init__(self, name: str, folder: Path) -> None:
        from gistill.engines.fingerprint import fingerprint

        self.name = name
        self.id = f"{fingerprint(folder)} faster-whisper {metadata.version('faster-whisper')}"
        self._folder = folder
        self._loaded: WhisperModel | None = None

    def hear(self, window: Window, language: str | None) -> Heard:
        """The words of `window`; `language` None is detected in it, where the model can.

        Raises: BadInput for a language that it does not know; EngineFailed if it breaks down.
        """
        import numpy as np
        from faster_whisper.vad import collect_chunks

        if not window.speech:
            return Heard((), language or "")
        spoken = [{"start": start, "end": end} for start, end in window.speech]
        samples = np.concatenate(collect_chunks(window.samples, spoken)[0])
        words, language = self._words(samples, spoken, language)
        if not loops(words):
            return Heard(_placed(words, window), language)
        again, _ = self._words(samples, spoken, language, **_AGAIN)
        sure = sum(word.probability for word in again) / max(1, len(again))
        if not loops(again) and sure >= _WORTH:
            return Heard(_placed(again, window), language)
        once, count = unlooped(words)
        return Heard(_placed(once, window), language, count)

    def _words(
        self, samples: Any, spoken: list[dict[str, int]], language: str | None, **options: Any
    ) -> tuple[list[Word], str]:
        from faster_whisper.transcribe import restore_speech_timestamps

        model = self._model()
        known = model.supported_languages
        if language and language not in known:
            raise BadInput(
                f"{self.name} knows no {language!r} speech; use a multilingual model (gistill "
                "models get whisper-base), or name a language that was spoken"
            )
        try:
            # Without the text before it, a loop cannot go on from one half minute to the next.
            segments, info = model.transcribe(
                samples,
                language=language,
                temperature=0.0,
                condition_on_previous_text=False,
                word_timestamps=True,
                **options,
            )
            words = [
                Word(word.word, float(word.start), float(word.end), round(word.probability, 3))
                for segment in restore_speech_timestamps(segments, spoken, RATE)
                for word in segment.words or ()
            ]
        except RuntimeError as error:
            cause = " ".join(str(error).split())[:160]
            raise EngineFailed(
                f"{self.name} broke down ({cause}); set CUDA_VISIBLE_DEVICES= to stay on the CPU"
            ) from error
        return words, info.language

    def _model(self) -> WhisperModel:
        if self._loaded is None:
            self._loaded = _loaded(self._folder)
        return self._loaded


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> WhisperModel:
    import ctranslate2
    from faster_whisper import WhisperModel

    from gistill.engines import machine

    # 8-bit weights take two thirds of the time of 32-bit ones on a CPU, and hear the same.
    compute = "default" if ctranslate2.get_cuda_device_count() else "int8"
    try:
        return WhisperModel(str(folder), compute_type=compute, cpu_threads=machine.cores())
    except (RuntimeError, ValueError, OSError) as error:
        cause = " ".join(str(error).split())[:160]
        raise BadInput(f"{folder} holds no Whisper model that CTranslate2 runs: {cause}") from error


def ear(tools: Tools) -> Ear:
    """The model that `tools.asr` names: one that gistill fetches, a folder, or a hub id.

    Raises: BadInput if it is not there.
    """
    from gistill import models
    from gistill.models.spec import names

    name = tools.asr
    if name in names("faster-whisper"):
        return Ear(name, models.path(name))
    folder = expanded(name)
    if not folder.is_dir():
        folder = _from_hub(name, tools.offline)
    absent = [file for file in _NEEDED if not (folder / file).is_file()]
    if absent:
        raise BadInput(
            f"{name} is no CTranslate2 Whisper model: {', '.join(absent)} not in it; convert one "
            "with ct2-transformers-converter --copy_files tokenizer.json"
        )
    return Ear(name, folder)


def _from_hub(name: str, offline: bool) -> Path:
    from faster_whisper import available_models, download_model

    ours = "use whisper-tiny.en (gistill models get whisper-tiny.en) or give a model's folder"
    if "/" not in name and name not in available_models():
        raise BadInput(f"there is no folder {name} and no speech model of that name; {ours}")
    with contextlib.suppress(OSError, ValueError):
        return Path(download_model(name, local_files_only=True))
    if offline:
        raise BadInput(f"the speech model {name} is not on this machine and we are offline; {ours}")
    import httpx
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    try:  # the hub's own client would retry for half a minute
        httpx.head(constants.ENDPOINT, timeout=5.0)
        return Path(download_model(name))
    except (httpx.HTTPError, HfHubHTTPError, OSError, ValueError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"the speech model {name} cannot be fetched ({cause}); {ours}") from error


def _placed(words: Sequence[Word], window: Window) -> tuple[Word, ...]:
    """`words` on the clock of the recording."""
    begin = window.start / RATE
    return tuple(
        word._replace(start=round(begin + word.start, 2), end=round(begin + word.end, 2))
        for word in words
    )


def loops(words: Sequence[Word]) -> bool:
    """Whether a phrase is said again and again, as Whisper does where it hears nothing new."""
    return next(_found(words), None) is not None


def unlooped(words: Sequence[Word]) -> tuple[list[Word], int]:
    """`words` with each loop once, over all of its time and with no confidence, and how many."""
    kept: list[Word] = []
    count = after = 0
    for start, size, end in _found(words):
        kept += words[after:start]
        once = [word._replace(probability=0.0) for word in words[start : start + size]]
        once[-1] = once[-1]._replace(end=words[end - 1].end)
        kept += once
        count, after = count + 1, end
    return [*kept, *words[after:]], count


def _found(words: Sequence[Word]) -> Iterator[tuple[int, int, int]]:
    """Loops: where each starts, the words of its phrase, and where it ends."""
    plain = ["".join(c for c in word.text.casefold() if c.isalnum()) for word in words]
    start = 0
    while start < len(plain):
        for size in range(1, _PHRASE + 1):
            end = start + size
            while end < len(plain) and plain[end] == plain[end - size]:
                end += 1
            times = (end - start) // size
            if times >= _LOOPS.get(size, _LOOP) and any(plain[start : start + size]):
                yield start, size, start + times * size
                start += times * size - 1
                break
        start += 1
