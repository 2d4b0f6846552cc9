"""Where gistill keeps its things."""

from pathlib import Path

import pytest

from gistill.home import home


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
