"""What a run leaves behind: plain text, Markdown, JSON and a report, each made from one `Done`."""

from __future__ import annotations

from typing import Literal, get_args

from gistill.errors import BadInput
from gistill.types import Done, Thread

Format = Literal["text", "md", "json", "html"]


def render(form: str, done: Done, thread: Thread, *, width: int | None = None) -> str:
    """`done` in a `Format`; `width` is the terminal's, in columns, for text alone.

    Raises: BadInput for another format.
    """
    from gistill.artifacts import jsonfile, markdown, report, text

    match form:
        case "text":
            return text.render(done, thread, width=width)
        case "md":
            return markdown.render(done, thread)
        case "json":
            return jsonfile.render(done, thread)
        case "html":
            return report.render(done, thread)
    raise BadInput(f"unknown format {form!r}; choose one of {', '.join(get_args(Format))}")
