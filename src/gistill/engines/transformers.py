"""Any transformers model, sequence-to-sequence or decoder-only, on a GPU when there is one.

Requests of the same settings are sorted by length and run in batches sized to memory. Decoding is
deterministic. Penalties look at the answer only, not at the prompt: a summary must be free to
repeat what it summarizes. With `OpenOptions.speculate` a greedy request that runs alone takes
drafts from its prompt (prompt lookup, Saxena 2023).
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gistill.engines import OnText, OpenOptions, Speed
from gistill.engines.checkpoint import Checkpoint, load, quiet
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.types import Completion, Finish, Request

import torch  # isort: skip  (after checkpoint, which says how to install it)
from transformers import GenerationConfig, StoppingCriteriaList  # isort: skip

from gistill.engines.steps import FADE, Late, Watch, penalties  # isort: skip

# T5's positions are relative: it has no hard limit, but was trained on 512 and fades past this.
_RELATIVE, _TRAINED = 2048, 512
_TOKENS = (
    "bos_token_id",
    "eos_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
)
_SHARE = 0.8  # of free memory: estimates of what a batch takes are estimates
_BATCH = {"cpu": 16, "cuda": 256}
_FLOPS = {"cpu": 5e10, "cuda": 1e14}  # first guesses, corrected by what is measured
_BANDWIDTH = {"cpu": 1e10, "cuda": 1e12}  # bytes/s
_DRAFT = {"cpu": 4, "cuda": 10}  # tokens that prompt lookup drafts: on a CPU each has its price
_NGRAM = 3  # latest tokens that it has to find first, or fewer
_NO_DRAFTS = "speculate: this model, or the profile's beams, cannot take drafts from the prompt"
_ROUNDED = "speculate: in 16-bit math the text may differ from what plain decoding gives"


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request ready to run: its place in the caller's sequence and the ids of its prompt."""

    index: int
    request: Request
    ids: list[int]

    @property
    def settings(self) -> tuple[float, ...]:
        r = self.request
        penalties = (r.no_repeat_ngram, r.repetition_penalty)
        return (r.max_tokens, r.beams, r.length_penalty, *penalties)


class Transformers:
    """The engine. `context` of an encoder-decoder model is its encoder's alone, since the answer
    takes no room there; its decoder's limit is checked apart."""

    def __init__(self, checkpoint: Checkpoint, options: OpenOptions) -> None:
        self.id = checkpoint.id
        self._model, self._tokenizer = checkpoint.model, checkpoint.tokenizer
        self._config = self._model.config.get_text_config(decoder=True)
        self._seq2seq: bool = self._model.config.is_encoder_decoder
        self._device: str = self._model.device.type
        self._max_memory = options.max_memory
        self._speculate = bool(options.speculate)
        self._measured = False
        self._refused = False  # whether the last call left out what could not be read in time
        self._step = 0.0  # seconds that one takes, once known
        self._own()
        self.context, self._answer_limit = self._limits()
        parameters = self._model.num_parameters()
        self.window = self._window(parameters)
        self.overhead = len(self._ids("x")) - self.count("x")
        self.speed = Speed(
            prefill=_FLOPS[self._device] / (2 * parameters),
            decode=_BANDWIDTH[self._device] / (parameters * self._model.dtype.itemsize),
        )

    def count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """Yields batch by batch, longest prompts first; `seconds` is a request's share of its
        batch. A batch is not started when, at the speed measured so far, its prompts alone could
        not be read before `deadline`; on a CPU, reading that takes longer is broken off.
        """
        asks = [_Ask(i, request, self._ids(request.prompt)) for i, request in enumerate(requests)]
        for ask in asks:
            self._check(ask)
        return self._generate(asks, deadline, on_text)

    def _generate(
        self, asks: list[_Ask], deadline: float | None, on_text: OnText | None
    ) -> Iterator[Completion]:
        self._doubt()
        waiting = sorted(asks, key=lambda ask: (ask.settings, len(ask.ids)), reverse=True)
        largest = _BATCH[self._device]
        while waiting:
            size = min(largest, self._fitting(waiting, deadline))
            if size == 0:
                ask = waiting.pop(0)
                yield Completion(ask.index, "", len(ask.ids), 0, "deadline", 0.0)
                continue
            batch = waiting[:size]
            try:
                done = self._run(batch, deadline, on_text)
            except (torch.OutOfMemoryError, MemoryError) as error:
                if size == 1:
                    raise EngineFailed(
                        f"not enough memory for one prompt of {len(batch[0].ids)} tokens; "
                        "lower --max-tokens or use a smaller model"
                    ) from error
                largest = size // 2
                continue
            except (RuntimeError, ValueError, IndexError) as error:
                raise EngineFailed(f"{self.id} stopped answering: {error}") from error
            del waiting[:size]
            yield from done

    def _run(
        self, batch: list[_Ask], deadline: float | None, on_text: OnText | None
    ) -> list[Completion]:
        began = time.monotonic()
        inputs = self._inputs(batch)
        width = inputs["input_ids"].shape[1]
        skip = 1 if self._seq2seq else width

        def show(row: int, text: str) -> None:
            if on_text is not None:
                on_text(batch[row].index, text)

        requests = [ask.request for ask in batch]
        watch = Watch(
            requests, skip, self._ends, self._decode, deadline, self._step, on_text and show
        )
        drafted = len(batch) == 1 and self._speculate and self._can_draft(requests[0])
        watch.guard(self._model)
        try:
            with quiet(), torch.inference_mode():
                output = self._model.generate(
                    **inputs,
                    generation_config=self._settings(requests[0], drafted),
                    logits_processor=penalties(requests[0], skip),
                    stopping_criteria=StoppingCriteriaList([watch]),
                )
            answers = output[:, skip:].tolist()
        except Late:
            watch.rang, answers = True, [[] for _ in batch]
        finally:
            watch.release()
        self._learn(len(batch), len(batch) * width, watch, began)
        seconds = (time.monotonic() - began) / len(batch)
        return [
            self._completion(ask, answers[row], watch, row, seconds)
            for row, ask in enumerate(batch)
        ]

    def _inputs(self, batch: list[_Ask]) -> dict[str, Any]:
        width = max(len(ask.ids) for ask in batch)
        pad = self._tokenizer.pad_token_id
        left = not self._seq2seq  # decoder-only models go on from the last position
        rows, masks = [], []
        for ask in batch:
            gap = width - len(ask.ids)
            fill, hide, show = [pad] * gap, [0] * gap, [1] * len(ask.ids)
            rows.append(fill + ask.ids if left else ask.ids + fill)
            masks.append(hide + show if left else show + hide)
        inputs = {
            "input_ids": torch.tensor(rows, device=self._device),
            "attention_mask": torch.tensor(masks, device=self._device),
        }
        if self._config.model_type == "led":  # the first token must see all others
            inputs["global_attention_mask"] = torch.zeros_like(inputs["input_ids"])
            inputs["global_attention_mask"][:, 0] = 1
        return inputs

    def _completion(
        self, ask: _Ask, ids: list[int], watch: Watch, row: int, seconds: float
    ) -> Completion:
        finish: Finish = "deadline" if watch.rang else "length"
        ending = watch.ending(row, ids)
        if ending is not None:
            ids, finish = ids[:ending], "length"
        for place, token in enumerate(ids):
            if token in self._ends:
                ids, finish = ids[:place], "stop"
                break
        n, text = len(ask.ids), self._decode(ids).strip()
        return Completion(
            ask.index, text, n, len(ids), finish, seconds, self._degraded(ask.request)
        )

    def _degraded(self, request: Request) -> tuple[str, ...]:
        if not self._speculate:
            return ()
        if not self._can_draft(request):
            return (_NO_DRAFTS,)
        return () if self._model.dtype == torch.float32 else (_ROUNDED,)

    def _can_draft(self, request: Request) -> bool:
        """Drafts come from what the decoder has seen, and have to be taken back if wrong."""
        return request.beams == 1 and not self._seq2seq and not self._model._is_stateful

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _settings(self, request: Request, drafted: bool) -> Any:
        settings = copy.deepcopy(self._model.generation_config)
        settings.max_new_tokens = request.max_tokens
        if drafted:
            settings.prompt_lookup_num_tokens = _DRAFT[self._device]
            settings.max_matching_ngram_size = _NGRAM
        if request.beams > 1:
            settings.num_beams = request.beams
            settings.length_penalty = request.length_penalty
            settings.early_stopping = True
        return settings

    def _ids(self, prompt: str) -> list[int]:
        special = True
        if not self._seq2seq and self._tokenizer.chat_template:
            prompt = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # templates that know no thinking ignore it
            )
            special = False  # they are in the template
        ids: list[int] = self._tokenizer(
            prompt, add_special_tokens=special, verbose=False
        ).input_ids
        return ids

    def _check(self, ask: _Ask) -> None:
        answer = ask.request.max_tokens
        needed = len(ask.ids) + (0 if self._seq2seq else answer)
        if needed > self.context:
            raise Overflow(needed, self.context)
        if answer > self._answer_limit:
            raise Overflow(answer, self._answer_limit)

    def _own(self) -> None:
        """Keeps of the checkpoint's settings only what it needs to decode at all. The others,
        BART's n-grams, lengths and forced end for one, would be used wherever ours are unset."""
        theirs = self._model.generation_config
        kept = {name: getattr(theirs, name, None) for name in _TOKENS}
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        if self._tokenizer.pad_token_id is None:
            raise BadInput(f"the tokenizer of {self.id} has neither a padding nor an end token")
        kept["pad_token_id"] = self._tokenizer.pad_token_id
        if kept["eos_token_id"] is None:
            kept["eos_token_id"] = self._tokenizer.eos_token_id
        ends = kept["eos_token_id"]
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])
        make: Any = GenerationConfig  # it is not annotated
        self._model.generation_config = make(do_sample=False, **kept)

    def _limits(self) -> tuple[int, int]:
        """Tokens that the prompt (with the answer, unless there is an encoder) and the answer may
        have."""
        whole = self._model.config
        names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
        found = [value for name in names if (value := getattr(self._config, name, None))]
        if not self._seq2seq:
            limit = int(found[0]) if found else min(self._tokenizer.model_max_length, _RELATIVE)
            return limit, limit
        if whole.model_type in ("t5", "mt5", "umt5", "longt5", "switch_transformers"):
            limit = 16_384 if whole.model_type == "longt5" else _RELATIVE
            return limit, _RELATIVE
        prompt = getattr(whole, "max_encoder_position_embeddings", None) or found[0]
        answer = getattr(whole, "max_decoder_position_embeddings", None) or found[0]
        return int(prompt), int(answer) - 1  # the start token takes a place

    def _window(self, parameters: int) -> int:
        """Models under a billion parameters lose track of more than a page or two; an encoder
        handles what it was trained on."""
        if self._seq2seq:
            trained = self._tokenizer.model_max_length
            unknown = trained > self.context and self.context == _RELATIVE
            return _TRAINED if unknown else int(min(self.context, trained))
        return min(self.context // 2, 1024 if parameters < 1e9 else 8192)

    def _fitting(self, waiting: list[_Ask], deadline: float | None) -> int:
        """How many of `waiting`, from the first, run together in memory and in time."""
        first = waiting[0]
        alike = sum(ask.settings == first.settings for ask in waiting[: _BATCH[self._device]])
        size = max(1, min(alike, self._free() // self._cost(len(first.ids), first.request)))
        if deadline is None:
            return size
        left = deadline - time.monotonic()
        reading = len(first.ids) / self.speed.prefill
        if left <= 0:
            return 0
        if left < reading and self._measured:  # if it is not, the guess may be wrong: try
            self._refused = True
            return 0
        writing = self._step * first.request.max_tokens
        return max(1, min(size, int((left - writing) / reading)))

    def _free(self) -> int:
        if self._max_memory is not None:
            return self._max_memory
        if self._device == "cuda":
            free: int = torch.cuda.mem_get_info()[0]
            return int(_SHARE * free)
        try:
            pages = os.sysconf("SC_AVPHYS_PAGES")
        except (ValueError, OSError, AttributeError):  # not every system tells
            return 4_000_000_000
        return int(_SHARE * pages * os.sysconf("SC_PAGE_SIZE"))

    def _cost(self, prompt: int, request: Request) -> int:
        """Bytes that one request takes while it runs: caches, the widest activations, logits."""
        config, item = self._config, self._model.dtype.itemsize
        heads = getattr(config, "num_attention_heads", 1)  # Mamba has none
        head = getattr(config, "head_dim", None) or getattr(config, "d_kv", None)
        head = head or config.hidden_size // heads
        layers = getattr(config, "decoder_layers", None) or config.num_hidden_layers
        kept = 2 * layers * (getattr(config, "num_key_value_heads", None) or heads) * head * item
        tokens = prompt + request.max_tokens
        wide = 16 * config.hidden_size * prompt * item
        if self._seq2seq or self._model.config._attn_implementation == "eager":
            # Attention with relative positions, and the plain one, is held as a whole.
            wide += 3 * heads * prompt * prompt * item
        return int(request.beams * (kept * tokens + 16 * config.vocab_size) + wide)

    def _doubt(self) -> None:
        """What was measured in a bad moment must not stand for good: what is refused is not
        measured anew."""
        self._step *= FADE
        if self._refused:
            self.speed = Speed(self.speed.prefill / FADE, self.speed.decode)
            self._refused = False

    def _learn(self, rows: int, tokens: int, watch: Watch, began: float) -> None:
        """Takes the speed of reading prompts from the time to the first step, or from how much
        was not read by the deadline, and that of writing from the steps after it."""
        self._step = watch.step
        prefill, decode = self.speed.prefill, self.speed.decode
        rate = tokens / max((watch.first or time.monotonic()) - began, 1e-6)
        known = watch.first is not None or rate < prefill
        if known:
            mixed = self._measured and watch.first is not None
            prefill = math.sqrt(rate * prefill) if mixed else rate
        if watch.step:
            decode = rows / watch.step
        self.speed = Speed(prefill, decode)
        self._measured = self._measured or known


def open(name: str, argument: str, options: OpenOptions) -> Transformers:
    """Raises: BadInput for something that is no model; EngineFailed if the hub cannot be reached;
    MissingExtra without torch, or for an adapter without peft."""
    if not argument:
        raise BadInput("hf needs a model: hf:FOLDER or hf:HUB_ID, as in hf:google/flan-t5-small")
    return Transformers(load(argument, options), options)
