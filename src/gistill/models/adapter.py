"""A LoRA adapter as peft saves it, as additions to a GGUF model's weights.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models": W + scale · B·A, with
scale = alpha/r, or alpha/√r for rank-stabilized LoRA (Kalajdzievski 2023).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gistill.errors import BadInput

Array = NDArray[np.float32]

_TENSOR = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.(?:default\.)?weight")
_LAYER = re.compile(r"model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)")
_NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
# Settings under which W + scale · B·A would be another model than peft's.
_UNSUPPORTED = ("use_dora", "modules_to_save", "layer_replication", "alpha_pattern", "rank_pattern")


@dataclass(frozen=True, slots=True)
class Adapter:
    """`targets` maps a GGUF tensor's name to its (A, B): (r, in) and (out, r)."""

    scale: float
    targets: dict[str, tuple[Array, Array]]

    def delta(self, name: str) -> Array:
        """What to add to the weight `name`: (out, in), rows in the original model's order."""
        a, b = self.targets[name]
        return np.float32(self.scale) * (b @ a)


def read_adapter(folder: Path) -> Adapter:
    """Reads `adapter_config.json` and `adapter_model.safetensors`.

    Raises: BadInput for anything but plain LoRA on the linear layers of a Llama.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{folder} is not a readable peft adapter: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        raise BadInput(f"{folder} is not a plain LoRA adapter; train one with bias='none'")
    for name in _UNSUPPORTED:
        if config.get(name):
            raise BadInput(f"{folder} uses {name}, which cannot be merged here; train without it")
    halves: dict[str, dict[str, Array]] = {}
    for name, tensor in tensors.items():
        if not (match := _TENSOR.fullmatch(name)):
            raise BadInput(f"{folder} holds {name}, which is no LoRA weight of a linear layer")
        half = halves.setdefault(_gguf_name(match[1], folder), {})
        half[match[2]] = tensor.astype(np.float32)
    incomplete = [name for name, half in halves.items() if len(half) < 2]
    if incomplete or not halves:
        raise BadInput(f"{folder} is incomplete: {min(incomplete, default='no weights')}")
    rank, alpha = config["r"], config["lora_alpha"]
    return Adapter(
        scale=alpha / (math.sqrt(rank) if config.get("use_rslora") else rank),
        targets={name: (half["A"], half["B"]) for name, half in halves.items()},
    )


def _gguf_name(module: str, folder: Path) -> str:
    match = _LAYER.fullmatch(module)
    if match and match[2] in _NAMES:
        return f"blk.{match[1]}.{_NAMES[match[2]]}.weight"
    raise BadInput(f"{folder} changes {module}, which is no linear layer of a Llama")
