"""Plain text and Markdown: turns where the file is a conversation, else paragraphs."""

from __future__ import annotations

from gistill.ingest import turns
from gistill.ingest.dialogue import dialogue
from gistill.ingest.lines import lines
from gistill.ingest.paragraphs import heading, paragraphs
from gistill.ingest.reading import Reading
from gistill.types import Source

NAME = "plain text and Markdown"
ABOUT = "paragraphs; turns such as `Name: text`, `[00:01:02] Name: text`, `<name> text`"
SUFFIXES: tuple[str, ...] = (".txt", ".md", ".markdown", ".text", ".log")


def accepts(name: str, text: str) -> bool:
    """Any text can be read as plain text."""
    return True


def read(source: Source) -> Reading:
    """Turns if names or times open enough of the lines, else paragraphs."""
    text = source.text
    found = lines(text)
    marks = [line.mark for line in found if line.mark]
    blocks = sum(line.opens for line in found)
    people = turns.speakers(marks, len(found), blocks, len(text))
    title = heading(text, found)
    if any(mark.bare is not None or (mark.form, mark.name) in people for mark in marks):
        return dialogue(text, found, people)._replace(title=title)
    return Reading(list(paragraphs(text, found)), title=title)
