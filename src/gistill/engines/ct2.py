"""CTranslate2 model folders: T5, BART, Pegasus and their like, and decoder-only models.

The folder holds what `ct2-transformers-converter` writes, with the tokenizer beside it. Greedy
decoding stops before the step that would miss a deadline. Reading a prompt and beam search cannot
be stopped: what is not done by the deadline is left behind, and ends unheard. So under a deadline
beams are used only where they should be done in time; otherwise the completion says that they were
not. Nor can they be wound down: an answer at its limit says so.
`ct2:FOLDER?context=N` sets the context of a model whose positions have no limit of their own.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gistill.engines import OnText, OpenOptions, Speed, machine
from gistill.engines.chat import renderer
from gistill.engines.ct2_bell import FADE, Bell, decoded
from gistill.engines.ct2_file import CONVERT, header
from gistill.engines.fingerprint import fingerprint
from gistill.errors import BadInput, EngineFailed, MissingExtra, Overflow
from gistill.home import expanded
from gistill.types import Completion, Finish, Request

try:
    import ctranslate2
except ModuleNotFoundError as error:
    raise MissingExtra("the ct2 engine", "ct2") from error
from tokenizers import Tokenizer

_UNBOUNDED = 2048  # where neither a table of positions nor the tokenizer sets a limit
_TRAINED = 512  # tokens that T5 and its kind were trained on
_BATCH = 16
_BATCH_TOKENS = 8192
_POLL = 0.003  # seconds
_CUT = "wind_down: beams cannot be ended early, so the answer is cut at its limit"
_GREEDY = "beams: greedy instead, to be done by the deadline"


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request ready to run; `beams` is what it gets."""

    index: int
    request: Request
    tokens: list[str]
    beams: int
    degraded: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[float, ...]:
        r = self.request
        penalties = (r.no_repeat_ngram, r.repetition_penalty)
        return (r.max_tokens, self.beams, r.length_penalty, *penalties)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is under way: its requests, and results that CTranslate2 fills in meanwhile."""

    asks: list[_Ask]
    bell: Bell
    results: list[Any]
    submitted: float


class CTranslate2:
    """The engine. `context` of an encoder-decoder model is its encoder's alone, since the answer
    takes no room there."""

    def __init__(self, folder: Path, context: int | None) -> None:
        spec, positions = header(folder / "model.bin")
        self._seq2seq = spec == "TransformerSpec"
        kind = ctranslate2.Translator if self._seq2seq else ctranslate2.Generator
        try:
            self._model = kind(str(folder), device="auto", intra_threads=min(machine.cores(), 8))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises no narrower one
            raise EngineFailed(f"CTranslate2 cannot load {folder}: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._chat = None if self._seq2seq else renderer(folder, "ct2")
        self._end = _setting(folder / "config.json", "eos_token")
        self.id = f"ct2:{folder.resolve().name}@{fingerprint(folder)}:{self._model.compute_type}"
        trained = _setting(folder / "tokenizer_config.json", "model_max_length")
        trained = int(trained) if trained and trained < 1e6 else None
        if self._seq2seq:
            self.context = context or positions.get("encoder", _UNBOUNDED)
            self.window = min(self.context, trained or positions.get("encoder", _TRAINED))
        else:
            self.context = context or positions.get("decoder", trained or _UNBOUNDED)
            self.window = min(self.context // 2, 1024)
        self._answer_limit = positions.get("decoder", self.context + 1) - 1
        self.overhead = len(self._tokens("x")) - self.count("x")
        size = (folder / "model.bin").stat().st_size
        self.speed = Speed(prefill=5e10 / size, decode=1e10 / size)
        self._measured = False
        self._refused = False  # whether the last call left out what could not be read in time
        self._step = 0.0  # seconds that one takes, once known
        self._left: list[Any] = []  # results left behind, which the model still works at

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """Yields batch by batch, longest prompts first; `seconds` is a request's share of its
        batch. A batch is not started when, at the speed measured so far, its prompts alone could
        not be read before `deadline`.
        """
        asks = [_Ask(i, r, self._tokens(r.prompt), r.beams) for i, r in enumerate(requests)]
        for ask in asks:
            needed = len(ask.tokens) + (0 if self._seq2seq else ask.request.max_tokens)
            if needed > self.context:
                raise Overflow(needed, self.context)
            if ask.request.max_tokens > self._answer_limit:
                raise Overflow(ask.request.max_tokens, self._answer_limit)
        return self._generate(asks, deadline, on_text)

    def _generate(
        self, asks: list[_Ask], deadline: float | None, on_text: OnText | None
    ) -> Iterator[Completion]:
        self._doubt()
        waiting = sorted(asks, key=lambda ask: (ask.settings, len(ask.tokens)), reverse=True)
        running: deque[_Batch] = deque()
        ahead = 2 if deadline is None else 1  # the next batch must not wait for this consumer
        while not _done(self._left) and not _past(deadline):
            time.sleep(_POLL)
        self._left = [result for result in self._left if not result.done()]
        free = time.monotonic()  # since when the model has had nothing older to do
        try:
            while waiting or running:
                while waiting and len(running) < ahead:
                    size = self._fitting(waiting, deadline)
                    if size == 0:
                        ask = waiting.pop(0)
                        yield Completion(ask.index, "", len(ask.tokens), 0, "deadline", 0.0)
                    else:
                        running.append(self._submit(waiting[:size], deadline, on_text))
                        del waiting[:size]
                if running:
                    began = max(running[0].submitted, free)
                    done = self._collect(running[0], began, deadline, on_text)
                    running.popleft()
                    free = time.monotonic()
                    yield from done
        finally:
            for batch in running:
                self._leave(batch)

    def _submit(self, asks: list[_Ask], deadline: float | None, on_text: OnText | None) -> _Batch:
        if deadline is not None and asks[0].beams > 1 and not self._in_time(asks, deadline):
            asks = [replace(ask, beams=1, degraded=(_GREEDY,)) for ask in asks]
        first, request = asks[0], asks[0].request
        rows = [(ask.index, ask.request) for ask in asks]
        bell = Bell(rows, self._tokenizer, deadline, self._step, on_text is not None)
        settings = {
            "beam_size": first.beams,
            "length_penalty": request.length_penalty if first.beams > 1 else 1.0,
            "no_repeat_ngram_size": request.no_repeat_ngram,
            "repetition_penalty": request.repetition_penalty,
            "return_end_token": True,
            "asynchronous": True,
            "callback": bell if first.beams == 1 else None,
        }
        tokens = [ask.tokens for ask in asks]
        if self._seq2seq:
            results = self._model.translate_batch(
                tokens,
                max_input_length=0,  # it would cut at 1,024 without a word
                max_decoding_length=request.max_tokens,
                min_decoding_length=0,
                **settings,
            )
        else:
            results = self._model.generate_batch(
                tokens,
                max_length=request.max_tokens,
                include_prompt_in_result=False,
                **settings,
            )
        return _Batch(asks, bell, results, time.monotonic())

    def _collect(
        self, batch: _Batch, began: float, deadline: float | None, on_text: OnText | None
    ) -> list[Completion]:
        while not _done(batch.results) and not _past(deadline):
            batch.bell.hand_over(on_text)
            time.sleep(_POLL)  # waiting inside CTranslate2 would hold up an interrupt
        batch.bell.hand_over(on_text)
        late = not _done(batch.results)
        if late:
            self._leave(batch)
            outputs = batch.bell.written()
        else:
            try:
                results = [result.result() for result in batch.results]
            except (RuntimeError, ValueError) as error:
                raise EngineFailed(f"{self.id} stopped answering: {error}") from error
            outputs = [r.hypotheses[0] if self._seq2seq else r.sequences[0] for r in results]
        seconds = time.monotonic() - began
        self._learn(batch, outputs, began, seconds, late)
        self._step = batch.bell.step
        return [
            self._completion(batch, row, tokens, seconds / len(outputs))
            for row, tokens in enumerate(outputs)
        ]

    def _leave(self, batch: _Batch) -> None:
        batch.bell.cancelled = True
        self._left += batch.results

    def _completion(self, batch: _Batch, row: int, tokens: list[str], seconds: float) -> Completion:
        ask, degraded = batch.asks[row], batch.asks[row].degraded
        ends = self._end if isinstance(self._end, list) else [self._end]
        finish: Finish = "length"
        if tokens and tokens[-1] in ends:
            tokens, finish = tokens[:-1], "stop"
        elif row not in batch.bell.ended and len(tokens) < ask.request.max_tokens:
            finish = "deadline"
        if finish == "length" and ask.request.wind_down and ask.beams > 1:
            degraded = (*degraded, _CUT)
        n, text = len(ask.tokens), decoded(self._tokenizer, tokens).strip()
        return Completion(ask.index, text, n, len(tokens), finish, seconds, degraded)

    def _tokens(self, prompt: str) -> list[str]:
        if self._chat is not None:  # it writes the special tokens itself
            encoded = self._tokenizer.encode(self._chat(prompt), add_special_tokens=False)
        else:
            encoded = self._tokenizer.encode(prompt)
        tokens: list[str] = encoded.tokens
        return tokens

    def _fitting(self, waiting: list[_Ask], deadline: float | None) -> int:
        """How many of `waiting`, from the first, go into one batch."""
        first = waiting[0]
        size = 1  # prompts of a decoder gain nothing together: all but the shortest are forced
        if self._seq2seq:
            alike = sum(ask.settings == first.settings for ask in waiting[:_BATCH])
            size = max(1, min(alike, _BATCH_TOKENS // len(first.tokens)))
        if deadline is None:
            return size
        left = deadline - time.monotonic()
        in_time = int(max(left, 0.0) * self.speed.prefill / len(first.tokens))
        if in_time == 0 and left > 0:
            self._refused = self._measured
            return int(not self._measured)  # the guess may be wrong: try
        return min(size, in_time)

    def _in_time(self, asks: list[_Ask], deadline: float) -> bool:
        first = asks[0]
        tokens_in = sum(len(ask.tokens) for ask in asks)
        tokens_out = sum(ask.request.max_tokens for ask in asks) * first.beams
        seconds = tokens_in / self.speed.prefill + tokens_out / self.speed.decode
        return time.monotonic() + seconds < deadline

    def _doubt(self) -> None:
        """What was measured in a bad moment must not stand for good: what is refused is not
        measured anew."""
        self._step *= FADE
        if self._refused:
            self.speed = Speed(self.speed.prefill / FADE, self.speed.decode)
            self._refused = False

    def _learn(
        self, batch: _Batch, outputs: list[list[str]], began: float, seconds: float, late: bool
    ) -> None:
        """Takes the speed of reading prompts from the time to the first step, and that of writing
        from the steps after it. Without steps, as with beams, both are corrected by how much
        longer or shorter the batch took; one left behind takes longer than it had."""
        asks, first = batch.asks, batch.bell.first
        beams, limit = asks[0].beams, asks[0].request.max_tokens
        tokens_in = sum(len(ask.tokens) for ask in asks)
        longest = limit if late and beams > 1 else max(len(tokens) for tokens in outputs)
        tokens_out = longest * len(asks) * beams
        prefill, decode = self.speed.prefill, self.speed.decode
        if first is None:
            ratio = (tokens_in / prefill + tokens_out / decode) / max(seconds, 1e-6)
            ratio = min(ratio, 1.0) if late else ratio
            prefill, decode = prefill * ratio, decode * ratio
        else:
            prefill = tokens_in / max(first - began, 1e-6)
            if tokens_out > len(asks):
                decode = (tokens_out - len(asks)) / max(began + seconds - first, 1e-6)
        if self._measured:
            prefill = math.sqrt(prefill * self.speed.prefill)
            decode = math.sqrt(decode * self.speed.decode)
        self.speed = Speed(prefill, decode)
        self._measured = True


def _done(results: list[Any]) -> bool:
    return all(result.done() for result in results)


def _past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _setting(path: Path, name: str) -> Any:
    return json.loads(path.read_text(encoding="utf-8")).get(name) if path.is_file() else None


def open(name: str, argument: str, options: OpenOptions) -> CTranslate2:
    """Raises: BadInput for a folder that is no model; MissingExtra; EngineFailed."""
    path, _, settings = argument.partition("?")
    key, _, value = settings.partition("=")
    if settings and (key != "context" or not value.isdigit() or int(value) < 2):
        raise BadInput(f"ct2 takes FOLDER or FOLDER?context=N, and got {argument!r}")
    folder = expanded(path)
    if not path or not (folder / "model.bin").is_file():
        raise BadInput(f"{path or 'ct2:'} is no CTranslate2 model folder; {CONVERT}")
    if not (folder / "tokenizer.json").is_file():
        raise BadInput(f"{folder} holds no tokenizer.json; {CONVERT}")
    return CTranslate2(folder, int(value) if value else None)
