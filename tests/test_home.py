"""Where gistill keeps its things."""

from pathlib import Path

import pytest

from gistill.errors import BadInput
from gistill.home import expanded, home


def test_the_environment_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "deep" / "home"))
    assert home() == tmp_path / "deep" / "home"
    assert not home().exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GISTILL_HOME", "~/kept")
    assert home() == tmp_path / "kept"


@pytest.mark.parametrize("named", ["", None])
def test_else_it_is_a_folder_of_the_user(monkeypatch, tmp_path, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if named is None:
        monkeypatch.delenv("GISTILL_HOME", raising=False)
    else:
        monkeypatch.setenv("GISTILL_HOME", named)
    assert home().is_relative_to(tmp_path)
    assert home().name == "gistill"
    assert home() != Path.cwd()


def test_a_home_of_nobody_is_refused(monkeypatch):
    monkeypatch.setenv("GISTILL_HOME", "~nosuchuser/kept")
    with pytest.raises(BadInput, match="there is no user ~nosuchuser; give the whole path"):
        home()


def test_paths_are_expanded_and_others_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/a") == tmp_path / "a"
    assert expanded(Path("b/~c")) == Path("b/~c")
    with pytest.raises(BadInput, match="no user ~nosuchuser"):
        expanded("~nosuchuser")
