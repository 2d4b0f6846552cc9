"""Settings and where each one came from: defaults < file < environment < flags.

The file is `gistill.toml` in the working folder, else `config.toml` in gistill's home; keys are
the names below, flat. The environment has `GISTILL_` before the upper-cased name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gistill.engines import OpenOptions
from gistill.errors import BadInput
from gistill.grounding import THRESHOLD
from gistill.home import home
from gistill.options import Options
from gistill.types import Budget, Profile

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a run; `origins` says for each name where its value came from."""

    engine: str = "bundled"
    tokens: int | None = None
    seconds: float | None = None
    profile: Profile = "fast"
    max_tokens: int | None = None
    overlap: int = 128
    local_len: int = 128
    global_len: int = 200
    dedupe_thr: float = 0.92
    support_thr: float = THRESHOLD
    image_share: float = 0.25
    strict: bool = False
    locate: bool = True
    language: str | None = None
    asr: str = "whisper-tiny.en"
    spoken_language: str | None = None
    voices: str | None = None
    caption: str | None = None
    ocr: bool = True
    format: str = "text"
    offline: bool = False
    max_memory: int | None = None  # MB
    speculate: bool | None = None  # as the engine thinks best
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.max_memory is not None and self.max_memory < 1:
            raise BadInput(f"max_memory is {self.max_memory} MB; give at least 1")

    def budget(self) -> Budget:
        return Budget(self.tokens, self.seconds, self.profile)

    def options(self) -> Options:
        names = {f.name for f in fields(Options)}
        return Options(**{name: getattr(self, name) for name in names})

    def open_options(self) -> OpenOptions:
        memory = None if self.max_memory is None else self.max_memory * 1_000_000
        return OpenOptions(self.offline, memory, self.speculate)

    def values(self) -> dict[str, Any]:
        """The settings by name, without their origins."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = tuple(f.name for f in fields(Settings) if f.name != "origins")
_TYPES: dict[str, type] = {
    "tokens": int,
    "seconds": float,
    "max_tokens": int,
    "overlap": int,
    "local_len": int,
    "global_len": int,
    "dedupe_thr": float,
    "support_thr": float,
    "image_share": float,
    "strict": bool,
    "locate": bool,
    "ocr": bool,
    "offline": bool,
    "max_memory": int,
    "speculate": bool,
}


def resolve(
    flags: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, file: Path | None = None
) -> Settings:
    """The settings for `flags` (None: not given), the environment and a file.

    Raises: BadInput for a file that is not TOML, an unknown name, or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(NAMES, "default")
    environ = os.environ if environ is None else environ
    path = file or _file()
    if path is not None:
        for name, value in _read(path).items():
            values[name], origins[name] = value, str(path)
    for name in NAMES:
        variable = f"GISTILL_{name.upper()}"
        if variable in environ:
            values[name], origins[name] = _parse(name, environ[variable], variable), variable
        if flags.get(name) is not None:
            values[name], origins[name] = flags[name], f"--{name.replace('_', '-')}"
    if values.get("format", "text") not in FORMATS:
        raise BadInput(f"unknown format {values['format']!r}; choose {', '.join(FORMATS)}")
    return Settings(**values, origins=origins)


FORMATS = ("text", "md", "json", "html")


def _file() -> Path | None:
    for path in (Path("gistill.toml"), home() / "config.toml"):
        if path.is_file():
            return path
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the settings file {path} is not valid TOML: {error}") from None
    values = {}
    for name, value in found.items():
        if name not in NAMES:
            raise BadInput(f"{path}: unknown setting {name!r}; see: gistill config")
        wanted = _TYPES.get(name, str)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted:
            raise BadInput(f"{path}: {name} is {value!r}; give a value like {_example(wanted)}")
        values[name] = value
    return values


def _parse(name: str, text: str, variable: str) -> Any:
    wanted = _TYPES.get(name, str)
    if wanted is bool:
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
    else:
        try:
            return wanted(text)
        except ValueError:
            pass
    raise BadInput(f"{variable} is {text!r}; give a value like {_example(wanted)}")


def _example(wanted: type) -> str:
    return {int: "200", float: "0.9", bool: "true", str: '"text"'}[wanted]
