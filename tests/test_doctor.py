"""What the doctor sees of a home that is well, new, ill, or no home at all."""

import json

import pytest

from gistill import doctor, models
from gistill.doctor import Check
from gistill.store import Store


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def found(name):
    (check,) = [check for check in doctor.checks() if check.name == name]
    return check


def test_a_new_home_is_well_and_lacks_only_the_model(home):
    assert found("home").state == "ok"
    assert found("store").detail == "none yet"
    assert found("model") == Check(
        "model", "missing", "sentences are selected, not written", "gistill models get"
    )
    assert not home.exists()  # it looks and makes nothing


def test_a_model_that_was_fetched_is_found():
    models.folder("bundled").mkdir(parents=True)
    (models.folder("bundled") / models.MANIFEST).write_text("{}")
    assert found("model") == Check("model", "ok", "the bundled model is fetched")


def test_a_file_is_no_home(home):
    home.write_text("")
    assert found("home").state == "broken"
    assert found("home").detail == f"{home} is no folder"
    assert "GISTILL_HOME" in found("home").fix


def test_a_folder_in_a_file_is_no_home(home, monkeypatch):
    home.write_text("")
    monkeypatch.setenv("GISTILL_HOME", str(home / "deep"))
    assert found("home").detail == f"{home} is no folder"


def test_a_sound_store_is_measured(home):
    Store(home / "store.db").close()
    check = found("store")
    assert check.state == "ok"
    assert check.detail.startswith("store.db, 0.")


def test_a_corrupt_store_is_set_aside_and_said(home):
    home.mkdir()
    (home / "store.db").write_bytes(b"no database" * 500)
    assert "corrupt" in found("store").detail
    assert found("store").detail.startswith("store.db, ")


def test_a_store_that_cannot_be_opened_is_broken(home):
    (home / "store.db").mkdir(parents=True)
    check = found("store")
    assert check.state == "broken"
    assert "cannot be opened" in check.detail


def test_an_extra_names_what_is_absent_and_how_to_get_it(monkeypatch):
    extras = {"here": ("json", "numpy"), "gone": ("json", "no_such_module")}
    monkeypatch.setattr(doctor, "_EXTRAS", extras)
    assert found("[here]") == Check("[here]", "ok", "json, numpy")
    check = found("[gone]")
    assert (check.state, check.fix) == ("missing", "pip install 'gistill[gone]'")
    assert check.detail == "no no_such_module (optional)"


def test_the_extras_of_readers_are_those_they_say():
    assert found("[docs]").detail == "olefile, openpyxl, pypdfium2"
    assert found("[audio]").detail == "av, faster_whisper"


def test_the_exit_code_is_1_only_if_something_is_broken(home, capsys):
    assert doctor.run(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("missing model") for line in lines)
    (home / "store.db").mkdir(parents=True)
    assert doctor.run(as_json=True) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows if row["state"] == "broken"] == ["store"]
    assert len(rows) == len(lines)
