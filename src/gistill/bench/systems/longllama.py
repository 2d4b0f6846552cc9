"""LongLLaMA 3B (Tworkowski et al. 2023): the whole transcript through its memory layers.

The model is a base model, so the summary is asked for as a continuation.
"""

from __future__ import annotations

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

# After pretrained, which says what is missing.
from transformers import AutoConfig, AutoTokenizer, LlamaTokenizer  # isort: skip
from gistill.bench.systems.longllama_model import (  # isort: skip
    LongLlamaConfig,
    LongLlamaForCausalLM,
)

MODEL = "syzymon/long_llama_3b"
CONTEXT = 262_144  # as far as its makers tried
MAX_TOKENS = 100
PROMPT = "{text}\n\nQuestion about the conversation above: {query}\nAnswer:"

AutoConfig.register("longllama", LongLlamaConfig, exist_ok=True)
AutoTokenizer.register(LongLlamaConfig, LlamaTokenizer, exist_ok=True)  # type: ignore[no-untyped-call]


class LongLlama:
    """`context` counts prompt and answer; a longer transcript loses its end."""

    def __init__(self, options: Options) -> None:
        """Raises: BadInput, EngineFailed."""
        self.context = options.max_seq_len or CONTEXT
        self.max_tokens = options.max_new_tokens or MAX_TOKENS
        self._checkpoint = open_checkpoint(options, MODEL, LongLlamaForCausalLM)
        self._config: LongLlamaConfig = self._checkpoint.model.config
        if not self._config.mem_layers:
            raise BadInput(
                f"{options.model or MODEL} has no mem_layers in config.json; give a LongLLaMA"
            )

    def settings(self) -> Mapping[str, Any]:
        return {
            "model": self._checkpoint.id,
            "context": self.context,
            "max_new_tokens": self.max_tokens,
            "mem_layers": list(self._config.mem_layers),
            "mem_dtype": self._config.mem_dtype,
            "window": self._config.max_position_embeddings,
            "last_context_length": self._config.last_context_length,
            "prompt": PROMPT,
        }

    def summarize(self, transcript: str, query: str) -> Answer:
        """Reads `transcript` window by window and continues with what answers the question."""
        prompt = PROMPT.replace("{query}", query)
        ids, cut = fill(self._checkpoint, prompt, transcript, self.context - self.max_tokens)
        return generate(self._checkpoint, ids, cut, max_new_tokens=self.max_tokens)


def open(name: str, options: Options) -> Published:
    """Raises: BadInput, EngineFailed, MissingExtra."""
    return Published(name, LongLlama(options))
