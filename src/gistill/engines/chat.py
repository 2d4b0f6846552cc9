"""Chat templates for engines that come without transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from gistill.errors import EngineFailed, MissingExtra


def renderer(folder: Path, extra: str) -> Callable[[str], str] | None:
    """What turns a user's message into the whole prompt of the model in `folder`, or None if it
    has no chat template (`chat_template.jinja`, or that key of `tokenizer_config.json`).

    Raises: MissingExtra, naming `extra`, if there is a template and no jinja2.
    """
    settings = _settings(folder)
    file = folder / "chat_template.jinja"
    source = file.read_text(encoding="utf-8") if file.is_file() else settings.get("chat_template")
    if isinstance(source, list):  # several, by name
        source = {item["name"]: item["template"] for item in source}.get("default")
    if not source:
        return None
    try:
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the chat template of {folder.name}", extra) from error

    def refuse(message: str) -> NoReturn:
        raise EngineFailed(f"the chat template of {folder.name} refuses: {message}")

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(source)
    specials = {name: _content(settings.get(name)) for name in ("bos_token", "eos_token")}

    def render(message: str) -> str:
        return template.render(
            messages=[{"role": "user", "content": message}],
            add_generation_prompt=True,
            enable_thinking=False,
            **specials,
        )

    return render


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    settings: dict[str, Any] = {}
    if path.is_file():
        settings = json.loads(path.read_text(encoding="utf-8"))
    return settings


def _content(token: Any) -> str:
    """Special tokens are written as strings, or as objects with their properties."""
    return (token.get("content") if isinstance(token, dict) else token) or ""
