"""Prompt templates, one file a task; its version goes into every cache key made with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Task = Literal["local", "fuse", "whole", "query", "fuse_query"]


@dataclass(frozen=True, slots=True)
class Template:
    """`text` holds `{text}`, `{language}` and, for tasks with a question, `{query}`."""

    task: Task
    version: str
    text: str

    def render(self, text: str, *, query: str | None = None, language: str | None = None) -> str:
        """The whole user message. Braces inside the arguments are left as they are."""
        filled = {
            "{language}": f" Write in {language}." if language else "",
            "{query}": query or "",
            "{text}": text,
        }
        return re.sub(r"\{(?:language|query|text)\}", lambda m: filled[m[0]], self.text)


@cache
def template(task: Task) -> Template:
    """Reads `prompts/<task>.txt`: a `# version: N` line, then the template."""
    raw = (resources.files(__package__) / f"{task}.txt").read_text(encoding="utf-8")
    head, _, body = raw.partition("\n")
    return Template(task, head.removeprefix("# version:").strip(), body.strip("\n"))
