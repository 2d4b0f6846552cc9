"""What a model is shown of a segment: the source text stays as it is, its noise does not.

Cleaning happens here and nowhere else, so that locators keep pointing into the original.
"""

from __future__ import annotations

import html
import re

from gistill.types import Kind, Segment

# Transcriber's tags such as {vocalsound} or [inaudible]; the inline tags of captions.
_TAGS = re.compile(
    r"\{\s*(?:vocalsound|disfmarker|pause|nonvocalsound|gap|comment|inaudible)\s*\}"
    r"|\[\s*(?:inaudible|crosstalk|music|applause|laughter|noise|silence|blank_audio)\s*\]"
    r"|</?(?:c|i|b|u|v|ruby|rt|lang|font)(?:\.[^>\s]*)?(?:\s[^>]*)?>"
    r"|\{\\[a-z]+\d*[^}]*\}"  # SubRip's {\an8}
    r"|<\d{2,}:[\d:.]+>"
    # What WhatsApp writes where a file was sent: the file itself is read beside it.
    r"|<attached: [^>\n]*>|<media omitted>|\S+\.\w{2,4} \(file attached\)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff]")
# Tokenized transcripts: "it 's", "do n't", "done ." read as "it's", "don't", "done."
_CLITIC = re.compile(r"(?<=\w) ?(n't|'(?:s|re|ve|ll|m|d|t))\b", re.IGNORECASE)
_SPACED_STOP = re.compile(r"(?<=[^\s.,!?;:]) +([.,!?;:%])(?=\s|$)")
_SPACED = re.compile(r" [.,!?;:%]")
_SPELLED = re.compile(r"\b((?:[A-Za-z]_)+[A-Za-z]?)(?=\W|$)")  # "l_c_d_" reads as "lcd"
_MARKS: dict[Kind, str] = {"image_text": "image", "caption": "image", "frame": "slide"}


def clean(text: str) -> str:
    """`text` on one line, without transcribers' tags, markup and control characters."""
    # Each pass runs only where its first character occurs: most lines of most threads are clean.
    if "{" in text or "[" in text or "<" in text or " (file attached)" in text:
        text = _TAGS.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    if "_" in text:
        text = _SPELLED.sub(lambda m: m[1].replace("_", ""), text)
    text = " ".join(text.split())
    if "'" in text:
        text = _CLITIC.sub(r"\1", text)
    return _SPACED_STOP.sub(r"\1", text) if _SPACED.search(text) else text


def render(segment: Segment) -> str:
    """The line a model reads for `segment`: `Name: text`, or the text alone; empty if only noise.

    What was seen rather than said is marked, so that a model does not take it for speech.
    """
    said = clean(segment.text)
    if not said:
        return ""
    if mark := _MARKS.get(segment.kind):
        said = f"[{mark}] {said}"
    return f"{segment.speaker}: {said}" if segment.speaker else said
