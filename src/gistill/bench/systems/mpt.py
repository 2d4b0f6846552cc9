"""MPT-7B-StoryWriter (MosaicML 2023): the whole transcript, then a summary as its continuation.

Trained on 65,536 tokens; its distances are linear biases (ALiBi, Press et al. 2022), so the context
can be raised past that, and its makers wrote with 84k tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gistill.bench.systems import Options
from gistill.bench.systems.pretrained import (
    Answer,
    Published,
    fill,
    generate,
    open_checkpoint,
)
from gistill.errors import BadInput

from transformers import MptForCausalLM  # isort: skip  (after pretrained, which may miss it)

MODEL = "mosaicml/mpt-7b-storywriter"
CONTEXT = 83_968
MAX_TOKENS = 100
PROMPT = "{text}\n\n{query}\nA short summary of the following conversation is:"
# Attention scores are held as a whole, in float32: of so many rows at a time, by all columns.
PREFILL = 256


class Mpt:
    """`context` counts prompt and answer; a longer transcript loses its end."""

    def __init__(self, options: Options, prefill: int = PREFILL) -> None:
        """Raises: BadInput, EngineFailed."""
        self.context = options.max_seq_len or CONTEXT
        self.max_tokens = options.max_new_tokens or MAX_TOKENS
        self.prefill = prefill
        self._checkpoint = open_checkpoint(
            options, MODEL, MptForCausalLM, configure=self._raise_context
        )
        _keep_slopes(self._checkpoint.model)

    def settings(self) -> Mapping[str, Any]:
        return {
            "model": self._checkpoint.id,
            "context": self.context,
            "max_new_tokens": self.max_tokens,
            "prompt": PROMPT,
        }

    def summarize(self, transcript: str, query: str) -> Answer:
        """Reads `transcript` and writes what follows the words that announce a summary."""
        prompt = PROMPT.replace("{query}", query)
        ids, cut = fill(self._checkpoint, prompt, transcript, self.context - self.max_tokens)
        return generate(
            self._checkpoint,
            ids,
            cut,
            max_new_tokens=self.max_tokens,
            prefill_chunk_size=self.prefill,
            use_cache=True,
        )

    def _raise_context(self, config: dict[str, Any]) -> None:
        attention = config.get("attn_config", {})
        if not attention.get("alibi", True):
            raise BadInput("this MPT has no ALiBi, so its context cannot be raised")
        if attention.get("clip_qkv") is not None:
            # The released file says 6, and transformers 5.23 takes no int for a float.
            attention["clip_qkv"] = float(attention["clip_qkv"])
        config["max_seq_len"] = self.context


def _keep_slopes(model: Any) -> None:
    """Gives the biases the steepness that the checkpoint was trained with, 16 for StoryWriter.

    transformers 5.23 reads `alibi_bias_max` and then uses 8 whatever it says.
    """
    body = model.transformer
    steepness = model.config.attn_config.alibi_bias_max
    body.build_mpt_alibi_tensor = functools.partial(
        body.build_mpt_alibi_tensor, alibi_bias_max=steepness
    )


def open(name: str, options: Options) -> Published:
    """Raises: BadInput, EngineFailed, MissingExtra."""
    return Published(name, Mpt(options))
