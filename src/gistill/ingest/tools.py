"""What readers of images and recordings work with: models, a memory, a way to tell how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


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
    say: told what is being done and how much of it is done, 0 to 1.
    """

    asr: str = "whisper-tiny.en"
    caption: str | None = None
    ocr: bool = True
    language: str | None = None
    offline: bool = False
    memory: Memory | None = None
    say: Callable[[str, float], None] = lambda what, share: None
