"""How a line opens a turn: `Name: text`, `[time] Name: text`, `Name (time): text`, `<Name> text`.

Prose is full of colons ("Note: this", "http://…"), so a line alone decides nothing: `mark` says
how a line could open a turn, `speakers` looks at a whole file and says whose names they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Literal, NamedTuple

# Clock readings carry no date: seconds into the recording, or a time of day.
CLOCK = r"\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?(?:[ \u202f]?[AaPp]\.?[Mm]\b\.?)?"
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
_SLASHED = (
    r"\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d\d),?\s+\d{1,2}:\d\d(?::\d\d)?"
    r"(?:[ \u202f]?[AaPp]\.?[Mm]\b\.?)?"
)
_STAMP = (
    rf"(?:(?P<iso>{_ISO})|(?P<slashed>{_SLASHED})|(?P<clock>{CLOCK}))"
    rf"(?:\s*(?:-->|[-–—])\s*(?P<end>{CLOCK}))?"
)
_LEAD = r"[\s\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"  # direction marks, as chats have them
_BRACKETED = re.compile(rf"{_LEAD}[\[(]\s*{_STAMP}\s*[\])]{_LEAD}(?:[-–—:|]\s+)?")
_BARE = re.compile(rf"{_LEAD}{_STAMP}(?P<dash>\s*[-–—|:](?=\s))?\s+")
_NAME = re.compile(
    rf"{_LEAD}(?:\*\*|__|\*|>>\s*)?"
    r"(?P<name>(?:[^\W\d_]|[@~]|[^\x00-\x7f\s])(?:[^\s:：<>\[\]{}|\"“”!?;=]|\s(?=\S)){0,59}?"
    r"(?: \([^:\n]{1,120}\))?)"  # "Ms. Lee (Minister of Trade)"
    rf"(?:\*\*|__|\*)?\s*(?:[\[(]\s*(?P<clock>{CLOCK})\s*[\])]\s*)?"
    r"(?:：|:(?:\*\*|__|\*)?(?=\s|$))\s*"
)
_NICK = re.compile(rf"{_LEAD}<[@+ ]?(?P<name>[^<>/!?\s][^<>]{{0,40}}?)>(?:\s+|$)")
_HEADER = re.compile(
    r"\s*(?P<name>[^\W\d_][^:<>\[\](){}|\"!?;=\t]{0,59}?),?\s+"
    rf"(?P<open>[\[(])?(?P<clock>{CLOCK})(?(open)[\])])\s*$"
)
# What stands before a colon in notes and mail without being anybody's name.
_LABELS = re.compile(
    r"notes?|n\.?b|p\.?s|todo|fixme|warning|caution|tip|hint|important|examples?|e\.?g|i\.?e|https?"
    r"|ftp|file|mailto|subject|re|fwd?|from|to|b?cc|date|sent|attendees|present|absent|apologies"
    r"|agenda|summary|(?:key )?decisions?|(?:action )?items?|actions?|topics?|updates?|edit(?:ed)?"
    r"|sources?|url|links?|figure|table|step|part|chapter|section|conclusion|results?|background"
    r"|context|goals?|status|owner|due|deadline|title|author|version|tags|location|place|time"
    r"|when|where|what|why|how|also|however|but|and|or|so|then|thus|first|second|third|finally",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_ROLE = re.compile(r" \(.*\)$")
_HEADER_LENGTH = 80
# Parts of names that are written small.
_PARTICLE = re.compile(
    r"d[aei]|del|della|de[rn]|van|von|zu|bin|[ae]l|l[ae]|of|the|and|y|e|(?:d['’]|[ae]l-)\S+"
)

Form = Literal["stamped", "header", "nick", "plain"]


class Mark(NamedTuple):
    """How a line could open a turn of `name`; what was said then begins at `start` of the text.

    If the name is not taken for one, it begins at `bare`, after the time; if that is None too,
    the line opens nothing. At most one of `clock` (`end` is a second one), `iso` and `slashed`
    is there.
    """

    form: Form
    name: str | None
    start: int
    bare: int | None = None
    clock: str | None = None
    iso: str | None = None
    slashed: str | None = None
    end: str | None = None


def mark(text: str, start: int, end: int) -> Mark | None:
    """How the line `text[start:end]` could open a turn, or None."""
    bracketed = _BRACKETED.match(text, start, end)
    stamp = bracketed or _BARE.match(text, start, end)
    at = stamp.end() if stamp else start
    named = _NICK.match(text, at, end) or _NAME.match(text, at, end)
    if stamp:
        # Without brackets, only a date and a dash tell a time from one that prose begins with.
        alone = bool(bracketed or (stamp["dash"] and not stamp["clock"]))
        if named or alone:
            name, begin = (_tidy(named["name"]), named.end()) if named else (None, at)
            times = stamp.group("clock", "iso", "slashed", "end")
            return Mark("stamped", name, begin, at if alone else None, *times)
    elif named:
        if named.re is _NICK:
            return Mark("nick", _tidy(named["name"]), named.end())
        form: Form = "stamped" if named["clock"] else "plain"
        return Mark(form, _tidy(named["name"]), named.end(), clock=named["clock"])
    if end - start <= _HEADER_LENGTH and (header := _HEADER.match(text, start, end)):
        return Mark("header", _tidy(header["name"]), end, clock=header["clock"])
    return None


def speakers(
    marks: Collection[Mark], lines: int, blocks: int, length: int
) -> frozenset[tuple[Form, str]]:
    """The (form, name) pairs of `marks` that are people.

    The text has so many lines, blocks of lines, and characters. Names are told from other text
    before a colon by how consistent it is: they look like names, and open nearly all lines; or
    they recur, open many blocks or lines, and not only at its head as the fields of mail do.
    """
    found: dict[Form, Counter[str]] = {}
    for one in marks:
        if one.name and not (one.form == "plain" and _LABELS.fullmatch(one.name)):
            found.setdefault(one.form, Counter())[one.name] += 1
    people: set[tuple[Form, str]] = set()
    for form, names in found.items():
        stems: Counter[str] = Counter()
        for name, count in names.items():
            stems[_stem(name)] += count
        taken = {n for n in names if _shaped(n) or (stems[_stem(n)] > 1 and len(n.split()) <= 3)}
        turns = sum(names[name] for name in taken)
        again = sum(names[name] for name in taken if stems[_stem(name)] > 1)
        if form == "stamped":
            ok = True
        elif form == "plain" and found.get("stamped", Counter()).total() >= turns:
            ok = False  # in a file with times, a colon without one belongs to what is said
        else:
            most = turns >= 0.8 * lines or (turns >= 0.5 * lines and again >= 0.6 * turns)
            many = turns > 2 and (turns >= 0.5 * blocks or turns >= 0.1 * lines)
            starts = sorted(o.start for o in marks if o.form == form and o.name in taken)
            spread = bool(starts) and starts[len(starts) // 2] >= 0.25 * length
            ok = turns > 1 and (most or (many and spread and again >= 0.6 * turns))
        if ok:
            people.update((form, name) for name in taken)
    return frozenset(people)


def _tidy(name: str) -> str:
    return " ".join(name.split()).strip("*_ ,")


def _stem(name: str) -> str:
    return _DIGITS.sub("", name)


def _shaped(name: str) -> bool:
    """Whether `name` is written as names are: one word, or a few that do not begin small."""
    words = _ROLE.sub("", name).split()
    return len(words) == 1 or (
        len(words) <= 5
        and all(_PARTICLE.fullmatch(w) or not w.lstrip("(“'\"")[:1].islower() for w in words)
    )
