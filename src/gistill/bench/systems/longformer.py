"""The Longformer encoder-decoder (Beltagy et al. 2020), here a BART trained to update summaries.

Plain, it is given the transcript alone. With `instruct` the question follows the transcript, which
is cut to leave room for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gistill.bench.systems import Options
from gistill.bench.systems.pretrained import (
    Answer,
    Published,
    encode,
    generate,
    open_checkpoint,
)
from gistill.errors import BadInput

import torch  # isort: skip  (after pretrained, which may miss it)
from transformers import LEDForConditionalGeneration  # isort: skip

MODEL = "hyesunyun/update-summarization-bart-large-longformer"
INSTRUCTION = " Instruction: {query} Summary:"
# How long a summary is belongs to what the checkpoint learned (128 to 512 tokens, as released).
_THEIRS = ("min_length", "max_length", "length_penalty", "early_stopping")
DECODING = {
    "num_beams": 4,
    "no_repeat_ngram_size": 3,
    "encoder_no_repeat_ngram_size": 3,
    "repetition_penalty": 3.5,
}


class Longformer:
    """`context` is the encoder's, 16,384 tokens as released; the answer takes no room there."""

    def __init__(self, options: Options) -> None:
        """`max_new_tokens` takes the place of the checkpoint's own least and most.

        Raises: BadInput, EngineFailed.
        """
        self._checkpoint = open_checkpoint(
            options, MODEL, LEDForConditionalGeneration, keep=_THEIRS
        )
        self.instruct = options.instruct
        self.context: int = self._checkpoint.model.config.max_encoder_position_embeddings
        self._decoding: dict[str, Any] = dict(DECODING)
        if options.max_new_tokens is not None:
            self._decoding |= {"max_new_tokens": options.max_new_tokens, "min_length": 0}

    def settings(self) -> Mapping[str, Any]:
        theirs = self._checkpoint.model.generation_config
        return {
            "model": self._checkpoint.id,
            "context": self.context,
            "instruction": INSTRUCTION if self.instruct else None,
            **{name: getattr(theirs, name) for name in _THEIRS},
            **self._decoding,
        }

    def summarize(self, transcript: str, query: str) -> Answer:
        """Summarizes `transcript`; without `instruct`, whatever the question is."""
        asked = encode(self._checkpoint, INSTRUCTION.format(query=query)) if self.instruct else []
        first, *said, last = encode(self._checkpoint, transcript, special=True)
        room = self.context - len(asked) - 2
        if room < 1:
            raise BadInput(
                f"the question leaves no room for the transcript in {self.context} tokens"
            )
        cut = max(len(said) - room, 0)
        ids = [first, *said[:room], *asked, last]
        return generate(
            self._checkpoint,
            ids,
            cut,
            global_attention_mask=self._looked_at_by_all(len(ids), len(asked)),
            **self._decoding,
        )

    def _looked_at_by_all(self, count: int, asked: int) -> Any:
        """The mask, (1, count), of tokens that see and are seen everywhere: the first one and the
        instruction, which stands before the last."""
        mask = torch.zeros(1, count, dtype=torch.long, device=self._checkpoint.model.device)
        mask[:, 0] = 1
        mask[:, count - 1 - asked : -1] = 1
        return mask


def open(name: str, options: Options) -> Published:
    """Raises: BadInput, EngineFailed, MissingExtra."""
    return Published(name, Longformer(options))
