"""CTranslate2 model folders: T5, BART, Pegasus and their like, and decoder-only models.

The folder holds what `ct2-transformers-converter` writes, with the tokenizer beside it. Greedy
decoding stops at a deadline within a step. Beam search cannot be stopped, so under a deadline it
is used only where it should be done in time; otherwise the completion says that it was not.
`ct2:FOLDER?context=N` sets the context of a model whose positions have no limit of their own.
"""

from __future__ import annotations

import json
import os
import struct
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from gistill.engines import OpenOptions, Speed
from gistill.engines.chat import renderer
from gistill.engines.fingerprint import fingerprint
from gistill.errors import BadInput, EngineFailed, MissingExtra, Overflow
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
_POLL = 0.005  # seconds
_GREEDY = "beams: greedy instead, to be done by the deadline"
_CONVERT = (
    "make it with: ct2-transformers-converter --model MODEL --output_dir FOLDER "
    "--quantization int8 --copy_files tokenizer.json tokenizer_config.json"
)


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
    results: list[Any]
    submitted: float


class CTranslate2:
    """The engine. `context` of an encoder-decoder model is its encoder's alone, since the answer
    takes no room there."""

    def __init__(self, folder: Path, context: int | None) -> None:
        spec, positions = _header(folder / "model.bin")
        self._seq2seq = spec == "TransformerSpec"
        kind = ctranslate2.Translator if self._seq2seq else ctranslate2.Generator
        try:
            self._model = kind(str(folder), device="auto", intra_threads=_threads())
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

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def generate(
        self, requests: Sequence[Request], *, deadline: float | None = None
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
        return self._generate(asks, deadline)

    def _generate(self, asks: list[_Ask], deadline: float | None) -> Iterator[Completion]:
        waiting = sorted(asks, key=lambda ask: (ask.settings, len(ask.tokens)), reverse=True)
        running: deque[_Batch] = deque()
        ahead = 2 if deadline is None else 1  # the next batch must not wait for this consumer
        bell = _Bell(deadline)
        free = time.monotonic()  # since when the model has had nothing older to do
        try:
            while waiting or running:
                while waiting and len(running) < ahead:
                    size = self._fitting(waiting, deadline)
                    if size == 0:
                        ask = waiting.pop(0)
                        yield Completion(ask.index, "", len(ask.tokens), 0, "deadline", 0.0)
                    else:
                        running.append(self._submit(waiting[:size], deadline, bell))
                        del waiting[:size]
                if running:
                    batch = running.popleft()
                    began = max(batch.submitted, free)
                    done = self._collect(batch, bell, began)
                    free = time.monotonic()
                    yield from done
        finally:
            bell.cancelled = True

    def _submit(self, asks: list[_Ask], deadline: float | None, bell: _Bell) -> _Batch:
        if deadline is not None and asks[0].beams > 1 and not self._in_time(asks, deadline):
            asks = [replace(ask, beams=1, degraded=(_GREEDY,)) for ask in asks]
        first, request = asks[0], asks[0].request
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
        return _Batch(asks, results, time.monotonic())

    def _collect(self, batch: _Batch, bell: _Bell, began: float) -> list[Completion]:
        try:
            while not all(result.done() for result in batch.results):
                time.sleep(_POLL)  # waiting inside CTranslate2 would hold up an interrupt
            results = [result.result() for result in batch.results]
        except (RuntimeError, ValueError) as error:
            raise EngineFailed(f"{self.id} stopped answering: {error}") from error
        seconds = time.monotonic() - began
        outputs = [r.hypotheses[0] if self._seq2seq else r.sequences[0] for r in results]
        self._learn(batch.asks, outputs, seconds)
        return [
            self._completion(ask, tokens, bell, seconds / len(outputs))
            for ask, tokens in zip(batch.asks, outputs, strict=True)
        ]

    def _completion(self, ask: _Ask, tokens: list[str], bell: _Bell, seconds: float) -> Completion:
        ends = self._end if isinstance(self._end, list) else [self._end]
        finish: Finish = "length"
        if tokens and tokens[-1] in ends:
            tokens, finish = tokens[:-1], "stop"
        elif bell.rang and len(tokens) < ask.request.max_tokens:
            finish = "deadline"
        found = [self._tokenizer.token_to_id(token) for token in tokens]
        text = self._tokenizer.decode([i for i in found if i is not None])
        return Completion(
            ask.index, text.strip(), len(ask.tokens), len(tokens), finish, seconds, ask.degraded
        )

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
        if in_time == 0 and left > 0 and not self._measured:
            return 1  # the guess may be wrong: try
        return min(size, in_time)

    def _in_time(self, asks: list[_Ask], deadline: float) -> bool:
        first = asks[0]
        tokens_in = sum(len(ask.tokens) for ask in asks)
        tokens_out = sum(ask.request.max_tokens for ask in asks) * first.beams
        seconds = tokens_in / self.speed.prefill + tokens_out / self.speed.decode
        return time.monotonic() + seconds < deadline

    def _learn(self, asks: list[_Ask], outputs: list[list[str]], seconds: float) -> None:
        """Corrects both speeds by how much longer or shorter a batch took than they said."""
        tokens_in = sum(len(ask.tokens) for ask in asks)
        tokens_out = max(len(tokens) for tokens in outputs) * len(asks) * asks[0].beams
        expected = tokens_in / self.speed.prefill + tokens_out / self.speed.decode
        ratio = expected / max(seconds, 1e-6)
        self.speed = Speed(self.speed.prefill * ratio, self.speed.decode * ratio)
        self._measured = True


class _Bell:
    """Called by CTranslate2 at each greedy step; a true answer ends the batch."""

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self.cancelled = False
        self.rang = False

    def __call__(self, step: Any) -> bool:
        self.rang = self.rang or (self._deadline is not None and time.monotonic() >= self._deadline)
        return self.rang or self.cancelled


def _header(path: Path) -> tuple[str, dict[str, int]]:
    """The kind of a model, and how many positions its encoder and its decoder have tables for.

    Raises: BadInput if `path` is not a CTranslate2 model.
    """
    positions = {}
    try:
        with path.open("rb") as file:
            version = _unpack(file, "I")
            if version < 6:
                raise BadInput(f"{path} is of an old CTranslate2; convert the model again")
            spec = _string(file)
            _unpack(file, "I")  # revision
            for _ in range(_unpack(file, "I")):
                name = _string(file)
                shape = [_unpack(file, "I") for _ in range(_unpack(file, "B"))]
                _unpack(file, "B")  # type
                file.seek(_unpack(file, "I"), os.SEEK_CUR)
                if name.endswith("position_encodings/encodings"):
                    positions[name.partition("/")[0]] = shape[0]
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise BadInput(f"{path} is not a CTranslate2 model; {_CONVERT}") from error
    if spec not in ("TransformerSpec", "TransformerDecoderSpec"):
        raise BadInput(f"{path} is a {spec}, which writes no text; give a T5, BART or Llama kind")
    return spec, positions


def _unpack(file: BinaryIO, kind: str) -> int:
    layout = struct.Struct(f"<{kind}")
    (value,) = layout.unpack(file.read(layout.size))
    return int(value)


def _string(file: BinaryIO) -> str:
    return file.read(_unpack(file, "H")).rstrip(b"\0").decode("ascii")


def _setting(path: Path, name: str) -> Any:
    return json.loads(path.read_text(encoding="utf-8")).get(name) if path.is_file() else None


def _threads() -> int:
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return min(cores, 8)


def open(name: str, argument: str, options: OpenOptions) -> CTranslate2:
    """Raises: BadInput for a folder that is no model; MissingExtra; EngineFailed."""
    path, _, settings = argument.partition("?")
    key, _, value = settings.partition("=")
    if settings and (key != "context" or not value.isdigit() or int(value) < 2):
        raise BadInput(f"ct2 takes FOLDER or FOLDER?context=N, and got {argument!r}")
    folder = Path(path).expanduser()
    if not path or not (folder / "model.bin").is_file():
        raise BadInput(f"{path or 'ct2:'} is no CTranslate2 model folder; {_CONVERT}")
    if not (folder / "tokenizer.json").is_file():
        raise BadInput(f"{folder} holds no tokenizer.json; {_CONVERT}")
    return CTranslate2(folder, int(value) if value else None)
