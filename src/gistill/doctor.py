"""`gistill doctor`: what works here, what does not, and the line that mends it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Literal

from gistill.home import home
from gistill.ingest import voices
from gistill.ingest.needs import Needs

# What each extra brings, by the module that shows it is there; readers say theirs themselves.
_EXTRAS = {
    "torch": ("torch", "transformers"),
    "train": ("peft", "datasets"),
    "bench": ("matplotlib", "nltk", "rouge_score"),
    "ct2": ("ctranslate2",),
    voices.NEEDS.extra: voices.NEEDS.modules,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `fix` is what to do when it is not fine."""

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    fix: str = ""


def run(*, as_json: bool) -> int:
    """Prints every check; returns 1 if something is broken, 0 otherwise."""
    found = list(checks())
    if as_json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            fix = f"  -> {check.fix}" if check.fix else ""
            print(f"{check.state:<8}{check.name:<{width}}  {check.detail}{fix}")
    return 1 if any(check.state == "broken" for check in found) else 0


def checks() -> Iterator[Check]:
    """Looks at Python, the home folder, the store, the model and the extras, in this order."""
    version = platform.python_version()
    yield Check("python", "ok", f"{version}, {os.cpu_count()} cores, {platform.machine()}")
    yield _home()
    yield _store()
    yield _openvino()
    yield _model()
    for extra, modules in (_EXTRAS | _of_readers()).items():
        if absent := Needs(extra, modules).missing:
            fix = f"pip install 'gistill[{extra}]'"
            yield Check(f"[{extra}]", "missing", f"no {', '.join(absent)} (optional)", fix)
        else:
            yield Check(f"[{extra}]", "ok", ", ".join(modules))


def _of_readers() -> dict[str, tuple[str, ...]]:
    from gistill.ingest.formats import FILE_READERS

    found: dict[str, set[str]] = {}
    for reader in FILE_READERS:
        if reader.NEEDS.extra:
            found.setdefault(reader.NEEDS.extra, set()).update(reader.NEEDS.modules)
    return {extra: tuple(sorted(modules)) for extra, modules in found.items()}


def _home() -> Check:
    folder = home()
    fix = "set GISTILL_HOME to a folder you can write to"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return Check("home", "broken", f"{existing} is no folder", fix)
    if not os.access(existing, os.W_OK):
        return Check("home", "broken", f"{folder} is not writable", fix)
    free = shutil.disk_usage(existing).free
    if free < 1e9:
        return Check(
            "home", "broken", f"{folder}: {free / 1e6:.0f} MB free", "free 1 GB, or move it"
        )
    return Check("home", "ok", f"{folder}, {free / 1e9:.0f} GB free")


def _store() -> Check:
    from gistill.errors import GistillError
    from gistill.store import Store

    path = home() / "store.db"
    if not path.exists():
        return Check("store", "ok", "none yet")
    try:
        store = Store(path)
    except GistillError as error:
        return Check("store", "broken", str(error))
    size = store.size() / 1e6
    notes = "; ".join(store.notes)
    store.close()
    return Check("store", "ok", notes or f"{path.name}, {size:.1f} MB")


def _openvino() -> Check:
    try:
        version = metadata.version("openvino-genai")
    except metadata.PackageNotFoundError:
        fix = f"{sys.executable} -m pip install openvino-genai"
        return Check("openvino", "broken", "OpenVINO GenAI is not installed", fix)
    return Check("openvino", "ok", f"OpenVINO GenAI {version}")


def _model() -> Check:
    from gistill import models

    if models.is_installed("bundled"):
        return Check("model", "ok", "the bundled model is fetched")
    return Check("model", "missing", "sentences are selected, not written", "gistill models get")
