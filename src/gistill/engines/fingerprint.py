"""What the files of a model folder contain, in twelve letters: the part of an engine's id that
changes when the weights, the tokenizer or the chat template do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from gistill.home import home

_SUFFIXES = {".safetensors", ".bin", ".json", ".txt", ".model", ".jinja", ".npz", ".xml", ".gguf"}
_LARGE = 16_000_000  # bytes; hashing less than this takes no time worth remembering


def fingerprint(folder: Path) -> str:
    """Twelve hexadecimal digits of the sha256 over names and contents of the files in `folder`.

    The hashes of large files are kept in gistill's home under path, size and time of change.
    """
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file():
            total.update(f"{path.name}\0{_sha256(path)}\0".encode())
    return total.hexdigest()[:12]


def _sha256(path: Path) -> str:
    stat = path.stat()
    if stat.st_size < _LARGE:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    kept = home() / "fingerprints.json"
    try:
        known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if key not in known:
        with path.open("rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        # A home that cannot be written only means hashing again next time.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = kept.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(known, indent=0), encoding="utf-8")
            fresh.replace(kept)
    return known[key]
