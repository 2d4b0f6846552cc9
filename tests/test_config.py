"""Where settings come from, and what is refused on the way."""

import itertools
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.config import FORMATS, NAMES, Settings, resolve
from gistill.errors import BadInput
from gistill.options import Options
from gistill.types import Budget


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """An empty working folder, and an empty home beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def written(folder, text, name="gistill.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=3)))
def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path, given):
    in_file, in_environment, in_flags = given
    file = written(tmp_path, "overlap = 1" if in_file else "")
    environ = {"GISTILL_OVERLAP": "2"} if in_environment else {}
    flags = {"overlap": 3 if in_flags else None}
    found = resolve(flags, environ=environ, file=file)
    sources = [
        (in_flags, 3, "--overlap"),
        (in_environment, 2, "GISTILL_OVERLAP"),
        (in_file, 1, str(file)),
        (True, 128, "default"),
    ]
    _, value, origin = next(source for source in sources if source[0])
    assert (found.overlap, found.origins["overlap"]) == (value, origin)


def test_nothing_set_is_the_defaults_each_with_its_origin():
    found = resolve({}, environ={})
    assert found == Settings()
    assert found.origins == dict.fromkeys(NAMES, "default")


def test_a_flag_that_is_false_or_zero_is_given():
    found = resolve({"locate": False, "overlap": 0}, environ={"GISTILL_OVERLAP": "9"})
    assert (found.locate, found.overlap) == (False, 0)
    assert found.origins["locate"] == "--locate"
    assert resolve({"local_len": 1}, environ={}).origins["local_len"] == "--local-len"


def test_the_file_here_goes_before_the_one_at_home(folders):
    written(folders / "home", "overlap = 1", "config.toml")
    assert resolve({}, environ={}).overlap == 1
    written(folders / "work", "local_len = 99")
    found = resolve({}, environ={})
    assert (found.overlap, found.local_len) == (128, 99)
    assert found.origins["local_len"] == "gistill.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overlap = ", "not valid TOML"),
        ("overlop = 3", "unknown setting 'overlop'"),
        ("[run]\noverlap = 3", "unknown setting 'run'"),
        ('overlap = "3"', "overlap is '3'; give a value like 200"),
        ("overlap = 3.5", "a value like 200"),
        ("overlap = true", "a value like 200"),
        ("seconds = true", r"a value like 0\.9"),
        ("strict = 1", "a value like true"),
        ("engine = 4", 'a value like "text"'),
        ('format = "pdf"', "unknown format 'pdf'"),
    ],
)
def test_a_file_with_mistakes_is_refused(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        resolve({}, environ={}, file=written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        resolve({}, environ={}, file=tmp_path / "none.toml")
    with pytest.raises(BadInput, match="cannot be read"):
        resolve({}, environ={}, file=tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'engine = "\xe9"')
    with pytest.raises(BadInput, match="not valid TOML"):
        resolve({}, environ={}, file=tmp_path / "latin.toml")


def test_a_whole_number_of_seconds_is_a_float(tmp_path):
    found = resolve({}, environ={}, file=written(tmp_path, "seconds = 3"))
    assert type(found.seconds) is float


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TOKENS", "300", 300),
        ("SECONDS", "1.5", 1.5),
        ("STRICT", "Yes", True),
        ("LOCATE", "off", False),
        ("SPECULATE", "", False),
        ("ENGINE", "echo:delay=1", "echo:delay=1"),
        ("FORMAT", "md", "md"),
    ],
)
def test_the_environment_is_text_of_a_type(name, text, value):
    assert getattr(resolve({}, environ={f"GISTILL_{name}": text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"), [("TOKENS", "many"), ("TOKENS", ""), ("SECONDS", "2s"), ("STRICT", "perhaps")]
)
def test_text_of_another_type_names_its_variable(name, text):
    with pytest.raises(BadInput, match=f"GISTILL_{name} is '{text}'; give a value like"):
        resolve({}, environ={f"GISTILL_{name}": text})


def test_a_variable_that_is_no_setting_is_left_alone():
    assert resolve({}, environ={"GISTILL_HOME": "/x", "GISTILL_ORIGINS": "x"}) == Settings()


@given(st.text(max_size=8))
def test_only_known_formats_pass(format):
    if format in FORMATS:
        assert resolve({"format": format}, environ={}).format == format
    else:
        with pytest.raises(BadInput, match="unknown format"):
            resolve({"format": format}, environ={})


def test_every_option_of_a_run_is_a_setting_with_the_same_default():
    assert {field.name for field in fields(Options)} <= set(NAMES)
    assert Settings().options() == Options()
    assert Settings().budget() == Budget()


def test_settings_reach_what_they_are_of():
    settings = Settings(tokens=9, seconds=2.0, profile="quality", strict=True, max_memory=5)
    assert settings.budget() == Budget(9, 2.0, "quality")
    assert settings.options() == Options(strict=True)
    assert settings.open_options().max_memory == 5_000_000
    assert Settings().open_options().max_memory is None
    assert resolve(settings.values(), environ={}) == settings


@pytest.mark.parametrize("megabytes", [0, -5])
def test_memory_is_more_than_none(tmp_path, megabytes):
    said = f"max_memory is {megabytes} MB; give at least 1"
    with pytest.raises(BadInput, match=said):
        resolve({"max_memory": megabytes}, environ={})
    with pytest.raises(BadInput, match=said):
        resolve({}, environ={"GISTILL_MAX_MEMORY": str(megabytes)})
    with pytest.raises(BadInput, match=said):
        resolve({}, environ={}, file=written(tmp_path, f"max_memory = {megabytes}"))
