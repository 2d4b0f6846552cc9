"""Selects whole sentences of the material: no model, no randomness, milliseconds.

It stands in for every generation that failed and gives the first answer of a run. Sentences are
picked greedily for the weight of the words they add per length (maximum coverage: Filatova and
Hatzivassiloglou 2004; budgeted greedy with lazy evaluation: Lin and Bilmes 2010), so that what
has been said counts little again, and so does a part of the text that is represented already.
With a query, a sentence also counts by its relevance (BM25, Robertson et al. 1994), spread over
its neighbours because an answer follows its question. The constants were chosen on meetings of
QMSum's train split.
"""

from __future__ import annotations

import heapq
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gistill.engines import OnText, OpenOptions, Speed
from gistill.errors import BadInput, Overflow
from gistill.segmentation import sentences
from gistill.types import Completion, Request

_SPEAKER = re.compile(r"[^\W\d][^:.!?]{0,60}: (?=\S)")
_SEEN = re.compile(r"\[(?:image|slide)\] (?=\S)")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")  # Thai, Lao, kana, Han
_STEM = 6  # words are compared by their first letters (McNamee and Mayfield 2004): any language
_CHECK = 256  # lines between two looks at the clock
_EVIDENCE = re.compile(
    r"\d|[%€$£]|\b(?:decid|agree|propos|suggest|recommend|conclu|plan|deadline|should|need to|will"
    r"|must|because|problem|issue|result|action|next|todo|to do|responsib|cost|budget)"
)
_QUESTION = ("?", "？", "؟")
_NAME = re.compile(r"(?<=[^.!?:] )[^\W\d_a-z][^\W\d_]{2,}")  # a capital inside the sentence
# Words that carry no content, and those with which people fill a turn.
_EMPTY = frozenset(
    """a about actually after again ah all also am an and any anyway are as at be because been
    before being but by can could d did do does doing don down each else er even every few for from
    further get go going gonna good got guess had has have having he her here hers him his hm hmm
    how huh i if in into is it its just kind know let like ll look lot m maybe me mean mhm mm more
    most much my no nor not nothing now of off oh ok okay on once one only or other our ours out
    over own perhaps please pretty probably quite re really right s said same say see she should so
    some something sort still stuff such sure t than thank thanks that the their them then there
    these they thing things think this those though through to too uh uhm um under until up us ve
    very want was way we well were what when where which while who whom why will with would yeah
    yep yes you your yours""".split()
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` as it would be printed (`Name: text`, stopped); `worth` is how much it looks like a
    statement to keep, `place` where it stands in the material, from 0 to 1. A `thin` one says next
    to nothing ("Yeah, last time.") and is taken only where there is no other."""

    text: str
    words: tuple[str, ...]
    worth: float
    place: float
    spoken: bool
    thin: bool


class Extractive:
    """The engine. `counter` replaces its own count of tokens (four bytes of UTF-8 each), so that
    a selection can stand in for another engine's answer within that engine's budget."""

    id = "extractive-2"
    context = 1_000_000
    window = 8192
    overhead = 0
    speed = Speed(prefill=200_000.0, decode=1e6)

    def __init__(self, counter: Callable[[str], int] | None = None) -> None:
        self._counter = counter

    def count(self, text: str) -> int:
        if self._counter is not None:
            return self._counter(text)
        return -(-len(text.encode("utf-8", "surrogatepass")) // 4)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """Reads `text` and `query` of a request; the prompt around them is for models."""
        read = [self.count(request.text) for request in requests]
        for tokens, request in zip(read, requests, strict=True):
            if tokens + request.max_tokens > self.context:
                raise Overflow(tokens + request.max_tokens, self.context)
        return self._generate(requests, read, deadline)

    def _generate(
        self, requests: Sequence[Request], read: list[int], deadline: float | None
    ) -> Iterator[Completion]:
        for index, request in enumerate(requests):
            began = time.monotonic()
            text = select(
                request.text, request.max_tokens, request.query, count=self.count, deadline=deadline
            )
            now = time.monotonic()
            late = deadline is not None and now >= deadline
            yield Completion(
                index,
                text,
                read[index],
                self.count(text),
                "deadline" if late else "stop",
                now - began,
            )


def select(
    text: str,
    max_tokens: int,
    query: str | None = None,
    *,
    count: Callable[[str], int],
    deadline: float | None = None,
) -> str:
    """The best whole sentences of `text` within `max_tokens`, in their order: one a line where
    lines name their speaker, else as one paragraph. Empty if not one sentence fits.

    A query none of whose words occur is ignored. After `deadline` (a `time.monotonic()` value)
    no more of `text` is read.
    """
    found = _read(text, deadline)
    for some in ([s for s in found if not s.thin], found):
        if picked := _pick(some, max_tokens, query, count):
            return picked
    return ""


def _pick(
    found: list[Sentence], max_tokens: int, query: str | None, count: Callable[[str], int]
) -> str:
    frequency = Counter(word for sentence in found for word in sentence.words)
    relevance = _relevance(found, query) if query else None
    parts = max(1, max_tokens // 30)
    picked: list[int] = []
    left, too_long = max_tokens, math.inf
    for index in _ranked(found, frequency, relevance, parts, picked):
        size = len(found[index].text)
        if size >= too_long:  # spares most of the counting, which may be a model's tokenizer's
            continue
        cost = count(found[index].text + "\n")
        if cost <= left:
            left -= cost
            picked.append(index)
        else:
            too_long = size
    picked.sort()
    glue = "\n" if any(found[index].spoken for index in picked) else " "
    while picked and count(glue.join(found[index].text for index in picked)) > max_tokens:
        picked.pop()  # a tokenizer under which the parts cost less than the whole
    return glue.join(found[index].text for index in picked)


def _read(text: str, deadline: float | None) -> list[Sentence]:
    """The sentences of `text`, a line at a time, with the name of the line's speaker."""
    found = []
    end = 0
    for number, raw in enumerate(text.split("\n")):
        place, end = end / len(text or " "), end + len(raw) + 1
        if number % _CHECK == 0 and deadline is not None and time.monotonic() >= deadline:
            break
        line = raw.strip()
        speaker = _SPEAKER.match(line)
        name = speaker[0] if speaker else ""
        if seen := _SEEN.match(line, len(name)):  # a mark of ours, which no one said
            name = line[: seen.end()]
        for said in sentences.split(line[len(name) :]):
            words = _words(said, _EMPTY)
            evidence, named = bool(_EVIDENCE.search(said.lower())), bool(_NAME.search(said))
            thin = len(words) < (1 if evidence or named else 3)
            if words := words or _words(said, frozenset()):
                full = said if sentences.ended(said) else _stopped(said)
                worth = (1.0 + 0.3 * evidence + 0.1 * named) * min(1.0, len(words) / 7)
                worth *= 0.6 if said.endswith(_QUESTION) else 1.0
                found.append(Sentence(name + full, words, worth, place, bool(name), thin))
    return found


def _stopped(text: str) -> str:
    """A piece of a sentence, such as a caption that goes on in the next one, with a stop."""
    text = text.rstrip(" ,;:–-") or text
    return text + ("。" if _UNSPACED.match(text[-1]) else ".")


def _words(text: str, empty: frozenset[str]) -> tuple[str, ...]:
    """The distinct words of `text` as they are compared; pairs of letters in scripts without
    spaces."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if word in empty:
            continue
        if word.isascii() or not _UNSPACED.search(word):
            found.append(word[:_STEM])
        else:
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
    return tuple(dict.fromkeys(found))


def _relevance(found: list[Sentence], query: str) -> list[float] | None:
    """BM25 of every sentence with its speaker's name, and part of what its neighbours have.

    A word counts once in a sentence. None if no word of the query occurs.
    """
    asked = set(_words(query, _EMPTY))
    hits = [[w for w in _words(sentence.text, _EMPTY) if w in asked] for sentence in found]
    frequency = Counter(word for some in hits for word in some)
    if not frequency:
        return None
    rarity = {
        word: math.log(1 + (len(found) - n + 0.5) / (n + 0.5)) for word, n in frequency.items()
    }
    mean = sum(len(sentence.words) for sentence in found) / len(found)
    scores = []
    for sentence, some in zip(found, hits, strict=True):
        norm = 1.2 * (0.25 + 0.75 * len(sentence.words) / mean)
        scores.append(sum(rarity[word] for word in some) * 2.2 / (1 + norm))
    spread = [2.0 * score for score in scores]
    forward, backward = range(len(found)), range(len(found) - 1, -1, -1)
    for order, share in ((forward, 0.75), (backward, 0.3)):
        carried = 0.0
        for index in order:
            spread[index] += carried
            carried = share * (carried + scores[index])
    return spread


def _ranked(
    found: list[Sentence],
    frequency: Counter[str],
    relevance: list[float] | None,
    parts: int,
    picked: list[int],
) -> Iterator[int]:
    """Indices of `found`, best first, given what the caller has put into `picked` so far.

    Gains only fall as more is picked, so a stale gain is an upper bound: a sentence is reweighed
    only when it comes to the top of the heap.
    """
    total = len(found)
    if relevance is None:  # a word of one sentence says little about the whole
        weight = {
            w: n * math.log(1 + total / n) * (1 if n > 1 else 0.1) for w, n in frequency.items()
        }
    else:
        weight = {w: math.log(1 + total / n) for w, n in frequency.items()}
    again = 0.8 if relevance is None else 1.0  # an answer may well stand in one place
    covered: Counter[str] = Counter()
    represented: Counter[int] = Counter()

    def gain(index: int) -> float:
        sentence = found[index]
        new = sum(weight[word] * 0.3 ** covered[word] for word in sentence.words)
        value: float = sentence.worth * new / len(sentence.text) ** 0.65
        if relevance is not None:
            value = relevance[index] * value**0.3
        return value * again ** represented[int(sentence.place * parts)]

    heap = [(-gain(index), index) for index in range(len(found))]
    heapq.heapify(heap)
    seen = 0
    best = 0.0
    said: set[tuple[str, ...]] = set()
    while heap:
        for index in picked[seen:]:
            said.add(found[index].words)
            covered.update(found[index].words)
            represented[int(found[index].place * parts)] += 1
        seen = len(picked)
        _, index = heapq.heappop(heap)
        value = gain(index)
        if value <= 0.0 or found[index].words in said:
            continue
        if heap and value < -heap[0][0]:
            heapq.heappush(heap, (-value, index))
            continue
        best = max(best, value)
        if relevance is not None and value < 0.3 * best:
            return  # the rest has nothing to do with the question
        yield index


def open(name: str, argument: str, options: OpenOptions) -> Extractive:
    """Raises: BadInput if there is an argument."""
    if argument:
        raise BadInput(f"extractive takes no argument, and got {argument!r}; say just extractive")
    return Extractive()
