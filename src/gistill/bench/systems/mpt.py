"""MPT-7B-StoryWriter (MosaicML 2023): the whole transcript, then a summary as its continuation.

Trained on 65,536 tokens; its distances are linear biases (ALiBi, Press et al. 2022), so the context
can be raised past that, and its makers wrote with 84k tokens.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from gistill.bench.systems.pretrained import Answer, encode, fit, generate, open_checkpoint
from gistill.engines import OpenOptions
from gistill.errors import BadInput
from gistill.home import home

from transformers import MptForCausalLM  # isort: skip  (after pretrained, which may miss it)

MODEL = "mosaicml/mpt-7b-storywriter"
CONTEXT = 83_968
MAX_TOKENS = 100
ENDING = "\n\n{query}\nA short summary of the following conversation is:"
# Attention scores are held as a whole, in float32: of so many rows at a time, by all columns.
PREFILL = 256
_PLACEMENTS = ("auto", "balanced", "balanced_low_0", "sequential")


class Mpt:
    """`context` counts prompt and answer; a longer transcript loses its end."""

    def __init__(
        self,
        source: str = MODEL,
        options: OpenOptions | None = None,
        *,
        context: int = CONTEXT,
        placement: str | None = None,
        max_tokens: int = MAX_TOKENS,
        prefill: int = PREFILL,
    ) -> None:
        """`placement` spreads the model over GPUs and the CPU: a strategy of accelerate's ("auto",
        "balanced", …), a device, or a JSON file that maps modules to devices.

        Raises: BadInput, EngineFailed.
        """

        def raise_context(config: dict[str, Any]) -> None:
            attention = config.get("attn_config", {})
            if not attention.get("alibi", True):
                raise BadInput(f"{source} has no ALiBi, so its context cannot be raised")
            if attention.get("clip_qkv") is not None:
                # The released file says 6, and transformers 5.23 takes no int for a float.
                attention["clip_qkv"] = float(attention["clip_qkv"])
            config["max_seq_len"] = context

        self._checkpoint = open_checkpoint(
            source,
            options or OpenOptions(),
            MptForCausalLM,
            configure=raise_context,
            **_placed(placement),
        )
        _keep_slopes(self._checkpoint.model)
        self.id = self._checkpoint.id
        self.context, self.max_tokens, self.prefill = context, max_tokens, prefill

    def answer(self, transcript: str, query: str) -> Answer:
        """Reads `transcript` and writes what follows the words that announce a summary."""
        ending = encode(self._checkpoint, ENDING.format(query=query))
        room = self.context - self.max_tokens - len(ending)
        ids, cut = fit(encode(self._checkpoint, transcript, special=True), room, self.context)
        return generate(
            self._checkpoint,
            ids + ending,
            cut,
            max_new_tokens=self.max_tokens,
            prefill_chunk_size=self.prefill,
            use_cache=True,
        )


def _keep_slopes(model: Any) -> None:
    """Gives the biases the steepness that the checkpoint was trained with, 16 for StoryWriter.

    transformers 5.23 reads `alibi_bias_max` and then uses 8 whatever it says.
    """
    body = model.transformer
    steepness = model.config.attn_config.alibi_bias_max
    body.build_mpt_alibi_tensor = functools.partial(
        body.build_mpt_alibi_tensor, alibi_bias_max=steepness
    )


def _placed(placement: str | None) -> dict[str, Any]:
    if placement is None:
        return {}
    if not placement.endswith(".json"):
        return {"device_map": placement}
    try:
        chosen = json.loads(Path(placement).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the map of devices {placement} cannot be read: {error}") from error
    if not isinstance(chosen, dict):
        raise BadInput(f'{placement} maps no modules to devices; write {{"transformer.wte": 0, …}}')
    return {"device_map": chosen, "offload_folder": str(home() / "offload")}
