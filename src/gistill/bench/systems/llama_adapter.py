"""LLaMA with LLaMA-Adapter (Zhang et al. 2023, arXiv:2303.16199): windows, then a whole.

Ten learned tokens before each of the upper 30 layers made LLaMA follow instructions written the way
Alpaca's are. Its context is 2,048 tokens, so a transcript is summarized in windows of about 400 and
the question answered from these summaries; while they are too many, they are summarized likewise.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gistill.bench import alpaca
from gistill.bench.systems import Options
from gistill.bench.systems.pretrained import (
    Answer,
    Published,
    encode,
    fill,
    generate,
    open_checkpoint,
)
from gistill.engines.checkpoint import Checkpoint, quiet
from gistill.errors import BadInput, MissingExtra
from gistill.home import expanded

import torch  # isort: skip  (after pretrained, which may miss it)
from transformers import LlamaForCausalLM  # isort: skip

try:
    from peft import AdaptionPromptConfig, get_peft_model
except ModuleNotFoundError as error:
    raise MissingExtra("the system llama-adapter", "train") from error

MODEL = "huggyllama/llama-7b"
RELEASED = "llama_adapter_len10_layer30_release.pth"
CONTEXT, WINDOW, MAX_TOKENS = 2048, 400, 100
PART_TOKENS = 100  # of a window's summary
LENGTH = 10  # learned tokens a layer
PART = "Summarize this part of a meeting."
PROMPT = alpaca.PROMPT.replace("{input}", "{text}")


class LlamaAdapter:
    """Summaries of parts are kept for the next question about the same transcript.

    What an answer cost includes them, whether they were kept or not.
    """

    def __init__(self, options: Options) -> None:
        """Raises: BadInput, EngineFailed."""
        if options.adapter is None:
            raise BadInput(
                f"llama-adapter needs the adapter's weights: give --adapter {RELEASED}, "
                "a file of the first release at github.com/OpenGVLab/LLaMA-Adapter"
            )
        if options.device_map is not None:
            raise BadInput("llama-adapter runs on one device; leave --device-map out")
        self.context = options.max_seq_len or CONTEXT
        self.max_tokens = options.max_new_tokens or MAX_TOKENS
        path = expanded(options.adapter)
        weights = _read_adapter(path)
        base = open_checkpoint(options, MODEL, LlamaForCausalLM)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        self._checkpoint = dataclasses.replace(
            base, id=f"{base.id}+{digest}", model=adapted(base.model, weights)
        )
        self._kept: tuple[str, Answer] | None = None

    def settings(self) -> Mapping[str, Any]:
        return {
            "model": self._checkpoint.id,
            "context": self.context,
            "window": WINDOW,
            "max_new_tokens": self.max_tokens,
            "prompt": PROMPT,
            "part": PART,
        }

    def summarize(self, transcript: str, query: str) -> Answer:
        """Answers from the summaries of all parts."""
        if self._kept is None or self._kept[0] != transcript:
            self._kept = transcript, self._condense(transcript)
        parts = self._kept[1]
        answer = self._ask(query, parts.text, self.max_tokens)
        notes = parts.notes
        if answer.cut:
            notes += (f"{answer.cut} tokens of the parts' summaries did not fit, unread.",)
        return dataclasses.replace(
            answer,
            tokens_in=answer.tokens_in + parts.tokens_in,
            tokens_out=answer.tokens_out + parts.tokens_out,
            cut=parts.cut,
            notes=notes,
        )

    def _condense(self, text: str) -> Answer:
        """Summaries of parts, one a line, and what they cost: summarized again until they take
        at most half of the context, which leaves room for a question."""
        tokens_in = tokens_out = cut = 0
        parts = windows(self._checkpoint, text.splitlines(), WINDOW)
        while True:
            answers = [self._ask(PART, part, PART_TOKENS) for part in parts]
            tokens_in += sum(answer.tokens_in for answer in answers)
            tokens_out += sum(answer.tokens_out for answer in answers)
            cut += sum(answer.cut for answer in answers)
            text = "\n".join(filter(None, (" ".join(a.text.split()) for a in answers)))
            again = windows(self._checkpoint, text.splitlines(), WINDOW)
            # A model that answers with noise may write more tokens than it was allowed: noise has
            # no spelling of its own. Then it is no use to go on.
            if len(encode(self._checkpoint, text)) <= self.context // 2 or len(again) >= len(parts):
                return Answer(text, tokens_in, tokens_out, cut)
            parts = again

    def _ask(self, query: str, text: str, limit: int) -> Answer:
        prompt = PROMPT.replace("{instruction}", query)
        ids, cut = fill(self._checkpoint, prompt, text, self.context - limit)
        return generate(self._checkpoint, ids, cut, max_new_tokens=limit)


def windows(checkpoint: Checkpoint, lines: Sequence[str], size: int) -> list[str]:
    """Runs of whole lines of at most `size` tokens; a longer line is cut into several."""
    runs: list[str] = []
    held: list[str] = []
    for line in lines:
        for piece in _pieces(checkpoint, line, size):
            if held and len(encode(checkpoint, "\n".join([*held, piece]))) > size:
                runs.append("\n".join(held))
                held = []
            held.append(piece)
    return [*runs, "\n".join(held)] if held else runs


def _pieces(checkpoint: Checkpoint, line: str, size: int) -> list[str]:
    if len(encode(checkpoint, line)) <= size:
        return [line]
    words, pieces = line.split(" "), [""]
    for word in words:
        longer = f"{pieces[-1]} {word}" if pieces[-1] else word
        if pieces[-1] and len(encode(checkpoint, longer)) > size:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces


def _read_adapter(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise BadInput(f"{path} is missing; give the path of {RELEASED}")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever pickle does
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise BadInput(f"{path} holds no weights that torch can read: {cause}") from error
    if not isinstance(weights, dict) or "adapter_query.weight" not in weights:
        raise BadInput(f"{path} holds no adapter_query.weight; give the path of {RELEASED}")
    return weights


def adapted(model: Any, weights: Mapping[str, torch.Tensor]) -> Any:
    """`model` with the learned tokens and gates of a released file put into peft's layers.

    `adapter_query.weight` is (tokens x layers, hidden size), for the uppermost layers in order;
    `layers.N.attention.gate` belongs to layer N of the model. The first release has one gate a
    layer, used as it is; later training code one a head, (1, heads, 1, 1), which goes through tanh
    (llama/model.py and alpaca_finetuning_v1/llama/model.py of its repository).

    Raises: BadInput if they do not fit the model.
    """
    prompts = weights["adapter_query.weight"]
    hidden, depth = model.config.hidden_size, model.config.num_hidden_layers
    count = prompts.shape[0] // LENGTH
    if prompts.shape[1] != hidden or prompts.shape[0] != count * LENGTH or not 0 < count <= depth:
        raise BadInput(
            f"an adapter of shape {tuple(prompts.shape)} does not fit a model of {depth} layers "
            f"and hidden size {hidden}; give the LLaMA it was made for (--model)"
        )
    config = AdaptionPromptConfig(
        adapter_len=LENGTH, adapter_layers=count, task_type="CAUSAL_LM", inference_mode=True
    )
    with quiet():
        wrapped = get_peft_model(model, config)
    layers = model.model.layers[depth - count :]
    learned_prompts = prompts.view(count, 1, LENGTH, hidden)
    for number, layer, prompt in zip(
        range(depth - count, depth), layers, learned_prompts, strict=True
    ):
        gate = weights.get(f"layers.{number}.attention.gate")
        if gate is None:
            raise BadInput(f"the adapter has no gate for layer {number}")
        attention = layer.self_attn
        learned = attention.adaption_prompt
        attention.adaption_prompt = torch.nn.Parameter(prompt.to(learned), False)
        gate = gate if gate.numel() == 1 else gate.tanh()
        attention.adaption_gate = torch.nn.Parameter(gate.to(learned), False)
    return wrapped.eval()


def open(name: str, options: Options) -> Published:
    """Raises: BadInput, EngineFailed, MissingExtra."""
    return Published(name, LlamaAdapter(options))
