"""OpenVINO GenAI on the CPU: the bundled model, any OpenVINO model folder, and GGUF files.

Requests are spread over one single-threaded worker process a core, each of which batches
continuously (see `openvino_worker`). A request gives the same text alone, in any company and on
any number of cores, so that a resumed run writes what an unbroken one would have.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import openvino_genai as genai

from gistill import models
from gistill.engines import OnText, OpenOptions, Speed, machine
from gistill.engines.child import Child
from gistill.engines.fingerprint import fingerprint
from gistill.engines.growth import CIRCLE, circling
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.home import expanded
from gistill.models.spec import names
from gistill.segmentation import sentences
from gistill.types import Completion, Finish, Request

_SEATS = 4  # generations that a worker runs at once: eight are no faster and take more memory
_SEAT = 2048  # tokens of cache for each, unless the context asks for more
_SLACK = 1024  # tokens by which beams may go over the context
_LOOKUP = 3  # tokens that a step checks beside the one it makes, when it speculates
_OVERHEAD = 300_000_000  # bytes of a worker beside its cache and twice its weights
_CACHE = 150_000_000  # bytes of key-value cache that a worker has good use for
_LEAST = 100_000_000  # bytes of it that a worker gets even so
_PREFILL, _DECODE = 7e10, 1.4e10  # tokens/s of a worker times bytes of weights, to begin with
_START = 4.0  # seconds until a new worker answers, to begin with
_NO_NGRAM = (
    "no_repeat_ngram: OpenVINO has it with beams only; an answer ends where it goes in circles"
)
_NO_TWINS = (
    "no_repeat_ngram: left out, since OpenVINO would forbid what the prompt says too (except in "
    "models that gistill built)"
)
_NO_WORD_TWICE = "no_repeat_ngram: left out, since OpenVINO cannot forbid runs of one token"
_NO_LOOKUP = "speculate: OpenVINO looks up in the prompt without beams only"
_NO_PENALTY = "repetition_penalty: OpenVINO has it without beams only"
_FADE = 0.8  # what is left of a pace that a lone request was turned away for
_BROKEN = "\ufffd"  # what the first bytes of a character decode to
_PROBE = "Ann-Marie: it's 1,234.5 €… naïve 日本語 🙂?\n\n  - OK\t<|im_start|>"


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request ready to run: its place in the caller's sequence, the ids of its prompt, and from
    where on ids are twins (`models/twins.py`; 0: nowhere)."""

    index: int
    request: Request
    ids: list[int]
    speculate: bool
    twins: int

    def message(self, number: int) -> dict[str, Any]:
        r = self.request
        # With them a repetition penalty would count for nothing; but beams have none. The last id
        # is moved once more, so that no run with it stands in the prompt before: OpenVINO would
        # write beyond its table of scores when it forbids what followed there, a twin.
        shift = self.twins if r.beams > 1 else 0
        return {
            "add": number,
            "ids": [i + shift for i in self.ids[:-1]] + [i + 2 * shift for i in self.ids[-1:]],
            "max_tokens": r.max_tokens,
            "beams": r.beams,
            "length_penalty": r.length_penalty,
            "no_repeat_ngram": r.no_repeat_ngram if shift and r.no_repeat_ngram > 1 else 0,
            "repetition_penalty": r.repetition_penalty,
        }

    def completion(self, text: str, made: int, finish: Finish, seconds: float) -> Completion:
        n = len(self.ids)
        return Completion(self.index, text, n, made, finish, seconds, self.degraded)

    @property
    def degraded(self) -> tuple[str, ...]:
        asked, beams = self.request, self.request.beams > 1
        notes = {
            _NO_NGRAM: asked.no_repeat_ngram > 0 and not beams,
            _NO_TWINS: asked.no_repeat_ngram > 0 and beams and not self.twins,
            _NO_WORD_TWICE: asked.no_repeat_ngram == 1 and beams and self.twins > 0,
            _NO_PENALTY: asked.repetition_penalty != 1 and beams,
            _NO_LOOKUP: self.speculate and beams,
        }
        return tuple(note for note, holds in notes.items() if holds)


@dataclass(slots=True)
class _Running:
    """What a worker is at: the ids it has told so far, how many of them say something new, and the
    text last shown."""

    ask: _Ask
    worker: Child
    began: float
    read: bool = False  # the whole prompt, that is
    ids: list[int] = field(default_factory=list)
    new: int | None = None  # None: all
    shown: str = ""


class OpenVINO:
    """The engine. Workers start with the first requests: as many as there are requests, cores,
    and memory for. Its repetition penalty looks at the prompt as well as the answer. With
    `OpenOptions.speculate` greedy requests look up drafts in their prompts, and all compute in
    float32, so that this changes no text; without, activations have 8 bits (see
    `openvino_worker`), and the id says which. It is off by default: see dev/LOG.md."""

    def __init__(self, folder: Path, options: OpenOptions) -> None:
        about = models.manifest(folder)
        self.context = _context(folder, about)
        self.window = min(about.get("window", self.context // 2), self.context)
        self.slack = int(about.get("slack", 0))
        self.focus = int(about.get("focus", self.window))
        self._twins = int(about.get("twins", 0))
        name, math = about.get("name", folder.resolve().name), "f32" if options.speculate else "a8"
        self.id = f"openvino:{name}@{fingerprint(folder)}:{math}"
        try:
            self._tokenizer = genai.Tokenizer(str(folder))
        except RuntimeError as error:
            raise BadInput(f"{folder} holds no tokenizer that OpenVINO can load") from error
        self._count = _counter(folder, self._tokenizer)
        self.overhead = len(self._encode("x")) - self.count("x")
        weights = (folder / "openvino_model.bin").stat().st_size
        # A worker that speculates may come to hold two pipelines: beams need one of their own.
        held = 2 * weights * (2 if options.speculate else 1)
        self._most, self._cache = _share(held + _OVERHEAD, options.max_memory)
        self.speed = Speed(
            prefill=_PREFILL * self._most / weights, decode=_DECODE * self._most / weights
        )
        self.lanes = self._most  # workers
        self.start = _START
        self._folder = folder
        self._lookup = _LOOKUP if options.speculate else 0
        self._pace: float | None = None  # seconds that a worker takes a token of a prompt
        self._numbers = itertools.count()
        self._workers: list[Child] = []
        weakref.finalize(self, _close, self._workers)

    def count(self, text: str) -> int:
        return self._count(text)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """As `Engine` says. A request is not begun when, at the speed measured so far, its prompt
        could not even be read before `deadline`: nothing stops a worker in the midst of a step."""
        asks = [
            _Ask(i, request, self._encode(request.prompt), self._lookup > 0, self._twins)
            for i, request in enumerate(requests)
        ]
        for ask in asks:
            if (needed := len(ask.ids) + ask.request.max_tokens) > self.context:
                raise Overflow(needed, self.context)
        return self._generate(asks, deadline, on_text)

    def _generate(
        self, asks: list[_Ask], deadline: float | None, on_text: OnText | None
    ) -> Iterator[Completion]:
        answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        pending = deque(asks)
        running: dict[int, _Running] = {}
        try:
            while pending or running:
                if deadline is not None and time.monotonic() >= deadline:
                    break
                for late in self._hand_out(pending, running, answers, deadline):
                    yield late.completion("", 0, "deadline", 0.0)
                if running and (answer := _next(answers, deadline)) is not None:
                    yield from self._heard(running, answer, on_text)
            for _ in range(answers.qsize()):
                yield from self._heard(running, answers.get(), on_text)
            _stop(running)
            left, now = list(running.values()), time.monotonic()
            running.clear()
            for run in left:
                text = self._text(run.ids).rstrip(_BROKEN)
                yield run.ask.completion(text, len(run.ids), "deadline", now - run.began)
            for ask in pending:
                yield ask.completion("", 0, "deadline", 0.0)
        finally:
            _stop(running)

    def _hand_out(
        self,
        pending: deque[_Ask],
        running: dict[int, _Running],
        answers: SimpleQueue[dict[str, Any]],
        deadline: float | None,
    ) -> list[_Ask]:
        """Gives pending requests, in order, to the workers with the fewest, while seats last;
        returns those that it is too late for."""
        workers = self._started(min(len(pending) + len(running), self._most))
        late: list[_Ask] = []
        while pending:
            busy = Counter(run.worker for run in running.values())
            worker = min(workers, key=lambda worker: busy[worker])
            if busy[worker] >= _SEATS:
                break
            ask = pending.popleft()
            before = [r for r in running.values() if r.worker is worker and not r.read]
            if self._too_late([*(r.ask for r in before), ask], deadline):
                late.append(ask)
                continue
            number = next(self._numbers)
            worker.ask(number, ask.message(number), answers)
            running[number] = _Running(ask, worker, time.monotonic())
        return late

    def _too_late(self, asks: list[_Ask], deadline: float | None) -> bool:
        """Whether one worker cannot read all these prompts in time. Nobody knows before the first
        measure; and a measure that turns all away fades, since nothing else would mend it."""
        if deadline is None or self._pace is None:
            return False
        tokens = sum(len(ask.ids) for ask in asks)
        late = time.monotonic() + tokens * self._pace > deadline
        if late and len(asks) == 1:
            self._pace *= _FADE
        return late

    def _started(self, wanted: int) -> list[Child]:
        _close([worker for worker in self._workers if not worker.alive])
        self._workers[:] = [worker for worker in self._workers if worker.alive]
        tokens = max(self.context + _SLACK, _SEATS * _SEAT)
        command = [sys.executable, "-m", "gistill.engines.openvino_worker", str(self._folder)]
        while len(self._workers) < wanted:
            sizes = (tokens, self._cache // (2 if self._lookup else 1), self._lookup)
            self._workers.append(Child([*command, *map(str, sizes)]))
        return self._workers[:wanted]

    def _heard(
        self, running: dict[int, _Running], answer: dict[str, Any], on_text: OnText | None
    ) -> Iterator[Completion]:
        """Takes in what a worker says; yields the completion if that ends a request."""
        if "failed" in answer:
            raise EngineFailed(f"{self.id} stopped answering: {answer['failed']}")
        self._pace = answer["pace"] or self._pace
        number = answer["more"] if "more" in answer else answer["done"]
        if (run := running.get(number)) is None:
            return  # it has ended at a sentence
        run.read = True
        new = answer["ids"] if "more" in answer else answer["ids"][len(run.ids) :]
        ended = self._grow(run, new)
        if on_text and run.ask.request.beams == 1:
            text = self._text(run.ids).rstrip(_BROKEN)
            if text != run.shown:
                run.shown = text
                on_text(run.ask.index, text)
        if not ended and "more" in answer:
            return
        finish: Finish = "length" if ended else answer["finish"]
        seconds = time.monotonic() - run.began if ended else answer["seconds"]
        if "more" in answer:
            _stop({number: run})
        del running[number]
        text = self._text(run.ids[: run.new])
        yield run.ask.completion(text, len(run.ids), finish, seconds)

    def _grow(self, run: _Running, new: list[int]) -> bool:
        """Adds ids one by one; stops, and says so, at the end of a sentence that winds down, and
        where an answer that is not to repeat itself goes in circles."""
        request = run.ask.request
        for token in new:
            run.ids.append(token)
            if request.beams > 1:
                continue
            if request.no_repeat_ngram and circling(run.ids):
                run.new = len(run.ids) - CIRCLE
                return True
            left = request.max_tokens - len(run.ids)
            if 0 < left < request.wind_down and sentences.ended(self._text(run.ids)):
                return True
        return False

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids)).strip() if ids else ""

    def _encode(self, prompt: str) -> list[int]:
        if self._tokenizer.chat_template:
            turns = [{"role": "user", "content": prompt}]
            prompt = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        # A template writes the special tokens itself.
        special = not self._tokenizer.chat_template
        encoded = self._tokenizer.encode(prompt, add_special_tokens=special)
        ids: list[int] = encoded.input_ids.data[0].tolist()
        return ids


def open(name: str, argument: str, options: OpenOptions) -> OpenVINO:
    """Opens `bundled`, `openvino:PATH_OR_NAME` or `gguf:PATH`.

    Raises: BadInput if that is not a model, or not fetched yet; EngineFailed if OpenVINO cannot
    convert a GGUF file.
    """
    if name == "bundled":
        return OpenVINO(models.path("bundled"), options)
    if not argument:
        raise BadInput(f"name a model: {name}:PATH")
    if name == "gguf":
        return OpenVINO(models.from_gguf(expanded(argument)), options)
    folder = expanded(argument)
    if not folder.exists() and argument in names("openvino"):
        folder = models.path(argument)
    if not (folder / "openvino_model.xml").is_file():
        raise BadInput(
            f"{argument} holds no openvino_model.xml; give a folder that optimum-cli export "
            f"openvino wrote, or one of: {', '.join(names('openvino'))}"
        )
    return OpenVINO(folder, options)


def _context(folder: Path, about: dict[str, Any]) -> int:
    if "context" in about:
        return int(about["context"])
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return int(config.get("text_config", config)["max_position_embeddings"])
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder}/config.json does not say max_position_embeddings") from error


def _counter(folder: Path, tokenizer: Any) -> Callable[[str], int]:
    """OpenVINO's tokenizer takes about a millisecond a call; the `tokenizers` package a tenth of
    that, where the folder has its file and it does the same."""

    def slow(text: str) -> int:
        return int(tokenizer.encode(text, add_special_tokens=False).input_ids.shape[1])

    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = tokenizer.encode(_PROBE, add_special_tokens=False).input_ids.data[0].tolist()
        if fast.encode(_PROBE, add_special_tokens=False).ids == ids:
            return lambda text: len(fast.encode(text, add_special_tokens=False).ids)
    return lru_cache(maxsize=100_000)(slow)


def _share(worker: int, max_memory: int | None) -> tuple[int, int]:
    """How many workers of that many bytes, and the bytes of cache for each."""
    memory = machine.free_memory() // 2 if max_memory is None else max_memory
    count = max(1, min(machine.cores(), memory // (worker + _CACHE)))
    return count, max(memory // count - worker, _LEAST)


def _next(answers: SimpleQueue[dict[str, Any]], until: float | None) -> dict[str, Any] | None:
    try:
        return answers.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
    except Empty:
        return None


def _stop(running: dict[int, _Running]) -> None:
    """What its worker still says of them reaches nobody."""
    for worker in {run.worker for run in running.values()}:
        worker.tell({"stop": [n for n, run in running.items() if run.worker is worker]})


def _close(workers: list[Child]) -> None:
    for worker in workers:
        worker.close()
