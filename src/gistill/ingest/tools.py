"""What readers of images and recordings work with: models, a memory, a way to tell how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gistill.errors import BadInput

# What the multilingual models of Whisper know.
LANGUAGES = frozenset(
    """af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he
    hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl
    nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz
    vi yi yo yue zh""".split()
)


class Memory(Protocol):
    """Keeps finished work under the address of what it was made from, as `gistill.store` does."""

    def get(self, key: str) -> object | None: ...
    def put(self, key: str, stage: str, value: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the user gave for reading; the defaults need no network and no setting.

    asr: "whisper-tiny.en" (fetched by `gistill models get`), a local folder or a hub id.
    caption: an engine SPEC that describes images, None for none.
    language: spoken, as an ISO 639-1 code; None to detect it where the model can.
    voices: a folder of models that tell who speaks in recordings; None not to ask.
    say: told what is being done and how much of it is done, 0 to 1.

    Raises: BadInput for a language that no model knows, or that `asr` by its name does not, and
    for a folder `voices` without the models; MissingExtra.
    """

    asr: str = "whisper-tiny.en"
    caption: str | None = None
    ocr: bool = True
    language: str | None = None
    voices: str | None = None
    offline: bool = False
    memory: Memory | None = None
    say: Callable[[str, float], None] = lambda what, share: None

    def __post_init__(self) -> None:
        if self.voices is not None:
            from gistill.ingest import voices

            voices.check(self.voices)
        if self.language is None:
            return
        if self.language not in LANGUAGES:
            raise BadInput(
                f"no speech model knows the language {self.language!r}; give its code, such as de"
            )
        if self.language != "en" and self.asr.endswith(".en"):
            raise BadInput(
                f"{self.asr} hears English only, no {self.language!r}; use a multilingual model "
                "(gistill models get whisper-base, then --asr whisper-base)"
            )
