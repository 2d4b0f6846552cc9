"""Prompt templates, one file a task; its version goes into every cache key made with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

_SEAM = 4  # tokens that cutting a text in two may add
Task = Literal["local", "fuse", "whole", "query", "fuse_query"]


@dataclass(frozen=True, slots=True)
class Template:
    """`text` holds `{text}`, `{length}`, `{language}` and, for tasks with a question, `{query}`."""

    task: Task
    version: str
    text: str

    def render(
        self,
        text: str,
        *,
        query: str | None = None,
        language: str | None = None,
        words: int | None = None,
    ) -> str:
        """The whole user message, which asks for at most `words` words.

        Braces inside the arguments are left as they are.
        """
        filled = {
            "{length}": f" Use at most {words} words." if words else "",
            "{language}": f" Write in {language}." if language else "",
            "{query}": query or "",
            "{text}": text,
        }
        return re.sub(r"\{(?:language|length|query|text)\}", lambda m: filled[m[0]], self.text)


@cache
def template(task: Task) -> Template:
    """Reads `prompts/<task>.txt`: a `# version: N` line, then the template."""
    raw = (resources.files(__package__) / f"{task}.txt").read_text(encoding="utf-8")
    head, _, body = raw.partition("\n")
    return Template(task, head.removeprefix("# version:").strip(), body.strip("\n"))


def material(prompt: str) -> str:
    """The text that a rendered prompt is about: all templates set it apart by blank lines."""
    return prompt.partition("\n\n")[2].rpartition("\n\n")[0]


def overhead(
    count: Callable[[str], int], *, query: str | None = None, language: str | None = None
) -> int:
    """The most tokens that any template adds to its material."""
    tasks = ("query", "fuse_query") if query else ("local", "whole", "fuse")
    sizes = [
        count(template(task).render("", query=query, language=language, words=1000))
        for task in tasks
    ]
    return max(sizes) + _SEAM


def words_in(max_tokens: int, slack: int = 0) -> int:
    """The words to ask for when an answer may have `max_tokens`, in tens where there are many.

    A token is about three quarters of a word; models write a little more than they are asked for,
    unless they are known to stay below by `slack` words.
    """
    words = int(0.7 * max_tokens) + slack
    return words // 10 * 10 if words > 20 else max(5, words)
