"""What the published models share: loading them, decoding without chance, and room for a prompt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gistill.bench.systems import Options, Output
from gistill.distill.qmsum import Meeting, Question
from gistill.engines import OpenOptions
from gistill.errors import BadInput, EngineFailed, MissingExtra
from gistill.home import expanded, home
from gistill.segmentation.render import render

try:
    import accelerate  # noqa: F401  (transformers places models with it)
    import torch
    from tokenizers import Regex, normalizers
    from transformers import AutoTokenizer, GenerationConfig
    from transformers.utils.hub import cached_file
except ModuleNotFoundError as error:
    raise MissingExtra("a published model", "torch") from error
# After torch, for the lack of which it would blame another feature.
from gistill.engines.checkpoint import Checkpoint, device, load, quiet, reading  # isort: skip

# What a checkpoint must say for it to be decoded at all.
_NEEDED = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` and what it cost; the last `cut` tokens of the transcript were not read."""

    text: str
    tokens_in: int
    tokens_out: int
    cut: int = 0
    notes: tuple[str, ...] = ()


class Summarizer(Protocol):
    """A model with its way of asking."""

    def settings(self) -> Mapping[str, Any]: ...

    def summarize(self, transcript: str, query: str) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Published:
    """The system made of a model: it reads a meeting as lines of `speaker: text`."""

    name: str
    model: Summarizer

    def settings(self) -> Mapping[str, Any]:
        return {"system": self.name, **self.model.settings()}

    def answer(self, meeting: Meeting, question: Question) -> Output:
        began = time.monotonic()
        transcript = "\n".join(filter(None, map(render, meeting.segments)))
        try:
            answer = self.model.summarize(transcript, question.text)
        except (torch.OutOfMemoryError, MemoryError):  # the next meeting may be shorter
            answer = Answer("", 0, 0, notes=("There was not enough memory for this meeting.",))
        except (RuntimeError, IndexError) as error:
            raise EngineFailed(f"{self.name} stopped answering: {error}") from error
        notes = answer.notes
        if answer.cut:
            notes += (f"The last {answer.cut} tokens of the transcript did not fit, unread.",)
        return Output(
            answer.text,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            seconds=time.monotonic() - began,
            notes=notes,
        )


def open_checkpoint(
    options: Options,
    source: str,
    model: Any,
    *,
    configure: Callable[[dict[str, Any]], None] | None = None,
    keep: tuple[str, ...] = (),
) -> Checkpoint:
    """Loads `options.model`, else `source`, as the class `model`: a folder or a hub id.

    `configure` may change what `config.json` holds before a configuration is made of it. Of the
    checkpoint's own decoding settings only those named in `keep` stay.

    Raises: BadInput, EngineFailed.
    """
    if options.device_map is not None and options.device is not None:
        raise BadInput("--device and --device-map both say where the model goes; leave one out")
    placed = _placed(options.device_map)
    where, dtype = _device(options.device)
    if options.dtype is not None:
        if options.dtype not in _DTYPES:
            raise BadInput(f"unknown type {options.dtype!r}; choose one of {', '.join(_DTYPES)}")
        dtype = getattr(torch, options.dtype)

    def read(source: str, *, local: bool) -> tuple[Any, Any]:
        with reading(source):
            raw, _ = model.config_class.get_config_dict(source, local_files_only=local)
            if configure is not None:
                configure(raw)
            config = model.config_class.from_dict(raw)
            tokenizer = AutoTokenizer.from_pretrained(source, config=config, local_files_only=local)
            _normalize(tokenizer, source, local=local)
            loaded = model.from_pretrained(
                source, config=config, dtype=dtype, local_files_only=local, **placed
            )
            if not placed:
                loaded = loaded.to(where)
        return loaded.eval(), tokenizer

    checkpoint = load(options.model or source, OpenOptions(offline=options.offline), read)
    _settle(checkpoint, keep)
    return checkpoint


def _device(named: str | None) -> tuple[str, torch.dtype]:
    """Where a model goes, the best place if none is named, and the type of its weights there."""
    where, dtype = device()
    if named is None:
        return where, dtype
    try:
        kind = torch.empty(0, device=named).device.type
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a GPU
        cause = str(error).partition("\n")[0].partition(": ")[0]
        raise BadInput(f"the device {named!r} cannot be used: {cause}; try --device cpu") from None
    return named, dtype if kind == where.partition(":")[0] else torch.float32


def _normalize(tokenizer: Any, source: str, *, local: bool) -> None:
    """Makes the tokenizer treat text as its SentencePiece model does, if it comes from one.

    transformers 5.23 takes the pieces and leaves the normalizer behind, which for OpenLLaMA joins
    spaces (github.com/openlm-research/open_llama/issues/40).
    """
    missing: Any = {"_raise_exceptions_for_missing_entries": False, "local_files_only": local}
    if cached_file(source, "tokenizer.json", **missing) is not None:
        return
    path = cached_file(source, "tokenizer.model", **missing)
    if path is None:
        return
    from sentencepiece import sentencepiece_model_pb2

    pieces: Any = sentencepiece_model_pb2  # its classes are made when it is imported
    spec = pieces.ModelProto.FromString(Path(path).read_bytes()).normalizer_spec
    steps: list[Any] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    if steps:
        tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)


def _placed(device_map: str | None) -> dict[str, Any]:
    """A strategy of accelerate's ("auto", "balanced", …), a device, or a JSON file that maps
    modules to devices: GPUs by number, "cpu", "disk"."""
    if device_map is None:
        return {}
    if not device_map.endswith(".json"):
        return {"device_map": device_map}
    try:
        chosen = json.loads(expanded(device_map).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the map of devices {device_map} cannot be read: {error}") from error
    if not isinstance(chosen, dict):
        raise BadInput(f'{device_map} maps no modules to devices; write {{"lm_head": 0, …}}')
    return {"device_map": chosen, "offload_folder": str(home() / "offload")}


def _settle(checkpoint: Checkpoint, keep: tuple[str, ...]) -> None:
    """Drops the checkpoint's decoding settings, which would be used wherever ours are unset."""
    theirs, tokenizer = checkpoint.model.generation_config, checkpoint.tokenizer
    kept = {name: getattr(theirs, name, None) for name in (*_NEEDED, *keep)}
    if kept["eos_token_id"] is None:
        kept["eos_token_id"] = tokenizer.eos_token_id
    if kept["pad_token_id"] is None:
        end = kept["eos_token_id"]
        kept["pad_token_id"] = end[0] if isinstance(end, list) else end
    make: Any = GenerationConfig  # it is not annotated
    checkpoint.model.generation_config = make(do_sample=False, **kept)


def generate(checkpoint: Checkpoint, ids: list[int], cut: int = 0, **settings: Any) -> Answer:
    """Answers one prompt; `settings` are those of transformers' `generate`."""
    model = checkpoint.model
    inputs = torch.tensor([ids], device=model.device)
    with quiet(), torch.inference_mode():
        [output] = model.generate(
            input_ids=inputs, attention_mask=torch.ones_like(inputs), **settings
        )
    skip = 1 if model.config.is_encoder_decoder else len(ids)
    made = output[skip:].tolist()
    end = model.generation_config.eos_token_id
    ends = end if isinstance(end, list) else [end]
    text = checkpoint.tokenizer.decode(
        made, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    count = next((i for i, token in enumerate(made) if token in ends), len(made))
    return Answer(text.strip(), len(ids), count, cut)


def encode(checkpoint: Checkpoint, text: str, *, special: bool = False) -> list[int]:
    """Token ids of `text`, with the special tokens around a whole input if `special`."""
    ids: list[int] = checkpoint.tokenizer(text, add_special_tokens=special, verbose=False).input_ids
    return ids


def fill(checkpoint: Checkpoint, prompt: str, text: str, room: int) -> tuple[list[int], int]:
    """Ids of `prompt` with `text` in the place of `{text}`, and how many tokens of `text` had to be
    cut off its end for them to be at most `room`. The whole is encoded as one, so that no token
    ends at the seams only because they are seams.

    Raises: BadInput if there is no room for any of `text`.
    """
    ids = encode(checkpoint, prompt.replace("{text}", text), special=True)
    if len(ids) <= room:
        return ids, 0
    ends = checkpoint.tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    ).offset_mapping
    keep = len(ends)
    while len(ids) > room:
        keep -= len(ids) - room
        if keep < 1:
            raise BadInput(f"the question leaves no room for the transcript in {room} tokens")
        kept = text[: ends[keep - 1][1]]
        ids = encode(checkpoint, prompt.replace("{text}", kept), special=True)
    return ids, len(ends) - keep
