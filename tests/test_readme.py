"""README.md says what is so: its transcripts are what the commands print, its Python runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.model
def test_the_transcripts_are_as_printed(model_home, tmp_path):
    # A home of its own for the store, the built model from the shared one.
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(model_home / "models")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "readme.py", "--check"],
        env=os.environ | {"GISTILL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


SUMMARIZE, DECODE = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_python_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    exec(compile(SUMMARIZE, "README.md", "exec"), {})
    assert 0 < float(capsys.readouterr().out.split()[-1]) <= 1


@pytest.mark.model
def test_the_decoder_decodes_what_the_hierarchy_leaves(model_home, monkeypatch, tmp_path):
    (tmp_path / "models").symlink_to(model_home / "models")
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))
    text = tmp_path / "outputs" / "hierarchy" / "global_summary.txt"
    text.parent.mkdir(parents=True)
    text.write_text("The launch moved to Friday. Ada books the room. Nobody objected.")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(DECODE, "README.md", "exec"), names)
    assert names["summary"]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
