"""What of a mail its sender wrote, and what is quoted or a signature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_QUOTED = re.compile(r"[ \t]*>")
# "On Mon, Anna <a@b.example> wrote:", which may be wrapped.
_WROTE = re.compile(
    r"(?!>)[^\n]{0,300}\b(?:wrote|writes|schrieb(?:en)?|a écrit|escribió|ha scritto|escreveu"
    r"|schreef|skrev|napisał\(?a?\)?|написал\(?а?\)?|kirjoitti)\b[^\n]{0,80}[:：][ \t]*"
)
_BEGUN = re.compile(r"(?:On|Am|Le|El|Il|Op|Em|Den|Dnia|W|\d+)\b")
_ORIGINAL = re.compile(
    r"[ \t]*-{2,}[ \t]*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Messaggio "
    r"originale|Mensaje original|Oorspronkelijk bericht|Mensagem original)[ \t]*-{2,}[ \t]*",
    re.IGNORECASE,
)
# Outlook writes the head of the mail it answers below a rule.
_RULE = re.compile(r"[ \t]*_{10,}[ \t]*")
_FROM = re.compile(r"[ \t]*\*?(?:From|Von|De|Da|Van|Från|Fra):\*?[ \t]+\S")
_SENT = re.compile(
    r"[ \t]*\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Inviato|Verzonden|Skickat|Sendt):\*?[ \t]"
)
_SIGNATURE = re.compile(r"--[ \t]?|[ \t]*_{2,}[ \t]*|[ \t]*-{3,}[ \t]*")
_DEVICE = re.compile(
    r"[ \t]*(?:Sent from (?:my|Mail|Outlook|Yahoo)\b|Get Outlook for\b|Von meinem \w+ gesendet"
    r"|Envoyé de mon\b|Enviado desde mi\b|Gesendet von\b)[^\n]{0,60}",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[ \t]*(?:-{3,}[ \t]*(?:Forwarded message|Weitergeleitete Nachricht)[ \t]*-{3,}"
    r"|Begin forwarded message:|Anfang der weitergeleiteten Nachricht:)[ \t]*",
    re.IGNORECASE,
)
_SIGNED = 12  # lines that a signature has at most


class _Line(NamedTuple):
    text: str
    start: int
    end: int


def own(text: str) -> list[tuple[int, int]]:
    """Start and end of each stretch that the sender wrote, in order.

    Left out are lines that begin with >, the line that says whose they are, all below the head of
    the mail that is answered, and a signature at the end. A mail that is forwarded is passed on,
    not quoted: it stays. All of it counts as the sender's if nothing else would.
    """
    lines = [_Line(m[0], m.start(), m.end()) for m in re.finditer(r"[^\n]*\n?", text) if m[0]]
    forward = next((n for n, line in enumerate(lines) if _whole(_FORWARDED, line)), len(lines))
    kept = _unquoted(lines, forward)
    kept = _unsigned(lines, kept, forward)
    stretches = [
        (a, b)
        for a, b in _stretches(lines, kept)
        if text[a:b].strip() and text[a:b].strip("->_ \n")
    ]
    return stretches or [(0, len(text))]


def _whole(pattern: re.Pattern[str], line: _Line) -> bool:
    return bool(pattern.fullmatch(line.text.rstrip("\r\n")))


def _unquoted(lines: list[_Line], forward: int) -> list[int]:
    """Indices of the lines before a quoted mail, without quoted lines and what introduces them."""
    kept: list[int] = []
    for n, line in enumerate(lines):
        if n < forward and _answered(lines, n):
            break
        if n < forward and _QUOTED.match(line.text):
            if kept and (n == 0 or not _QUOTED.match(lines[n - 1].text)):
                _drop_introduction(lines, kept)
        else:
            kept.append(n)
    return kept


def _answered(lines: list[_Line], n: int) -> bool:
    """Whether the mail that is answered begins at line `n`, with nothing of the sender below."""
    line = lines[n]
    if _whole(_ORIGINAL, line):
        return True
    if _RULE.fullmatch(line.text.rstrip("\r\n")):
        n += 1
    below = [one.text for one in lines[n : n + 8] if one.text.strip()][:4]
    head = bool(below) and bool(_FROM.match(below[0]))
    return head and any(_SENT.match(one) for one in below[1:])


def _drop_introduction(lines: list[_Line], kept: list[int]) -> None:
    """Takes the line that introduces a quote from the end of `kept`; it may be wrapped."""
    last = [n for n in kept[-5:] if lines[n].text.strip()][-3:]
    said = [" ".join(lines[n].text.strip() for n in last[at:]) for at in range(len(last))]
    found = [at for at, text in enumerate(said) if _WROTE.fullmatch(text)]
    begun = [at for at in found if _BEGUN.match(said[at])]
    if found:
        del kept[kept.index(last[max(begun or found)]) :]


def _unsigned(lines: list[_Line], kept: list[int], forward: int) -> list[int]:
    """`kept` without a signature at its end."""
    before = [n for n in kept if n < forward]
    after = kept[len(before) :]
    filled = [n for n in before if lines[n].text.strip()]
    while filled and _whole(_DEVICE, lines[filled[-1]]):
        before = before[: before.index(filled.pop())]
    for n in filled[: -_SIGNED - 1 : -1]:
        if _whole(_SIGNATURE, lines[n]):
            before = before[: before.index(n)]
            break
    return before + after


def _stretches(lines: list[_Line], kept: list[int]) -> Iterator[tuple[int, int]]:
    start = None
    for place, n in enumerate(kept):
        start = lines[n].start if start is None else start
        if place + 1 == len(kept) or kept[place + 1] != n + 1:
            yield start, lines[n].end
            start = None
