from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gistill.engines.chat import renderer
from gistill.errors import EngineFailed, MissingExtra

TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m['content'] }}]{% endfor %}"


def settings(folder: Path, **values: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values), encoding="utf-8")


def test_a_template_in_the_settings(tmp_path: Path) -> None:
    settings(tmp_path, chat_template=TEMPLATE, bos_token={"content": "<s>"})
    render = renderer(tmp_path, "ct2")
    assert render is not None
    assert render("Hi {{ 7 * 6 }}") == "<s>[Hi {{ 7 * 6 }}]"


def test_a_template_of_its_own_wins(tmp_path: Path) -> None:
    settings(tmp_path, chat_template="old", bos_token="<s>")
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    render = renderer(tmp_path, "ct2")
    assert render is not None
    assert render("Hi") == "<s>[Hi]"


def test_the_default_of_several(tmp_path: Path) -> None:
    several = [{"name": "tools", "template": "no"}, {"name": "default", "template": TEMPLATE}]
    settings(tmp_path, chat_template=several)
    render = renderer(tmp_path, "ct2")
    assert render is not None
    assert render("Hi") == "[Hi]"


def test_no_template(tmp_path: Path) -> None:
    assert renderer(tmp_path, "ct2") is None
    settings(tmp_path, bos_token="<s>")
    assert renderer(tmp_path, "ct2") is None


def test_a_template_that_refuses(tmp_path: Path) -> None:
    settings(tmp_path, chat_template="{{ raise_exception('no users here') }}")
    render = renderer(tmp_path, "ct2")
    assert render is not None
    with pytest.raises(EngineFailed, match="no users here"):
        render("Hi")


def test_a_template_cannot_reach_out(tmp_path: Path) -> None:
    from jinja2.exceptions import SecurityError

    settings(tmp_path, chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}")
    render = renderer(tmp_path, "ct2")
    assert render is not None
    with pytest.raises(SecurityError):
        render("Hi")


def test_jinja_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path, chat_template=TEMPLATE)
    monkeypatch.setitem(sys.modules, "jinja2.sandbox", None)
    with pytest.raises(MissingExtra, match=r"gistill\[ct2\]"):
        renderer(tmp_path, "ct2")
