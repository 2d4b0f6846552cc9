"""What the published models share: loading them, decoding without chance, and room for a prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gistill.engines import OpenOptions
from gistill.errors import BadInput, MissingExtra

try:
    import torch
    from transformers import AutoTokenizer, GenerationConfig
except ModuleNotFoundError as error:
    raise MissingExtra("a published model", "torch") from error
from gistill.engines.checkpoint import Checkpoint, device, load, quiet, reading  # isort: skip

# What a checkpoint must say for it to be decoded at all.
_NEEDED = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def open_checkpoint(
    source: str,
    options: OpenOptions,
    model: Any,
    *,
    configure: Callable[[dict[str, Any]], None] | None = None,
    keep: tuple[str, ...] = (),
    **settings: Any,
) -> Checkpoint:
    """Loads `source`, a folder or the id of a model on the hub, as the class `model`.

    `configure` may change what `config.json` holds before a configuration is made of it;
    `settings` go to `from_pretrained`. Of the checkpoint's own decoding settings only those named
    in `keep` stay.

    Raises: BadInput, EngineFailed.
    """

    def read(source: str, *, local: bool) -> tuple[Any, Any]:
        where, dtype = device()
        with reading(source):
            raw, _ = model.config_class.get_config_dict(source, local_files_only=local)
            if configure is not None:
                configure(raw)
            config = model.config_class.from_dict(raw)
            tokenizer = AutoTokenizer.from_pretrained(source, config=config, local_files_only=local)
            loaded = model.from_pretrained(
                source, config=config, dtype=dtype, local_files_only=local, **settings
            )
        if "device_map" not in settings:
            loaded = loaded.to(where)
        return loaded.eval(), tokenizer

    checkpoint = load(source, options, read)
    _settle(checkpoint, keep)
    return checkpoint


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


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` and what it cost; `cut` is how many tokens of the input no model has seen."""

    text: str
    tokens_in: int
    tokens_out: int
    cut: int = 0


def generate(checkpoint: Checkpoint, ids: list[int], cut: int = 0, **settings: Any) -> Answer:
    """Answers one prompt; `settings` are those of transformers' `generate`."""
    model = checkpoint.model
    inputs = torch.tensor([ids], device=model.device)
    with quiet(), torch.inference_mode():
        [output] = model.generate(inputs, attention_mask=torch.ones_like(inputs), **settings)
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


def fit(ids: list[int], room: int, context: int) -> tuple[list[int], int]:
    """The first `room` of `ids`, and how many are cut off.

    Raises: BadInput if there is no room at all in a `context` that large.
    """
    if room < 1:
        raise BadInput(f"the question and the answer leave no room in {context} tokens of context")
    return ids[:room], max(len(ids) - room, 0)
