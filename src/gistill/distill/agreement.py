"""Whether an exported model says what the trained one does.

Both read the same held-out inputs. Perplexity is that of the targets; greedy agreement is the
share of the trained model's own greedy tokens that the exported one would have chosen as well,
given all tokens before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.distill.base import Base

LEAST = 0.9  # of tokens; 8-bit weights move near ties, a wrong conversion stays far below
_TIES = 2  # tokens that may differ beyond that: a few short answers are no measure
_GREEDY = 32  # tokens of an answer that are compared


@dataclass(frozen=True, slots=True)
class Case:
    """Token ids of an input, of a target, and of the trained model's own greedy answer."""

    prompt: list[int]
    target: list[int]
    greedy: list[int]


@dataclass(frozen=True, slots=True)
class Judged:
    """Of each token of an answer: its log-probability, and what would have been chosen instead."""

    log_probs: NDArray[np.float64]
    favourites: NDArray[np.int64]


Judge = Callable[[list[int], list[int]], Judged]


@dataclass(frozen=True, slots=True)
class Agreement:
    """`perplexity` of the targets; `greedy`, the share of `tokens` chosen alike."""

    perplexity: float
    greedy: float
    tokens: int

    @property
    def sound(self) -> bool:
        """Whether what differs can be put down to fewer bits."""
        return (1 - self.greedy) * self.tokens <= (1 - LEAST) * self.tokens + _TIES


def measure(judge: Judge, cases: Sequence[Case]) -> Agreement:
    """How a model that answers through `judge` fares on `cases`."""
    total, tokens, same, greedy = 0.0, 0, 0, 0
    for case in cases:
        total -= float(judge(case.prompt, case.target).log_probs.sum())
        tokens += len(case.target)
        found = judge(case.prompt, case.greedy).favourites
        same += int((found == np.array(case.greedy)).sum())
        greedy += len(case.greedy)
    return Agreement(float(np.exp(total / tokens)), same / greedy, greedy)


def case(base: Base, model: Any, prompt: list[int], target: list[int] | None) -> Case:
    """A case of the trained `model`; without a target, its own greedy answer is one."""
    import torch

    with torch.no_grad():
        out = model.generate(
            input_ids=torch.tensor([prompt]).to(base.device),
            attention_mask=torch.ones((1, len(prompt)), dtype=torch.int64).to(base.device),
            max_new_tokens=_GREEDY,
            do_sample=False,
            pad_token_id=base.tokenizer.pad_token_id,
            eos_token_id=base.tokenizer.eos_token_id,
        )
    greedy = out[0].tolist()[1 if base.seq2seq else len(prompt) :]
    return Case(prompt, target or greedy, greedy)


def of_torch(model: Any, *, seq2seq: bool) -> Judge:
    """A transformers or peft model."""
    import torch

    def judge(prompt: list[int], answer: list[int]) -> Judged:
        with torch.no_grad():
            if seq2seq:
                labels = torch.tensor([answer]).to(model.device)
                ids = torch.tensor([prompt]).to(model.device)
                logits = model(input_ids=ids, labels=labels).logits[0]
            else:
                ids = torch.tensor([prompt + answer]).to(model.device)
                logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        return _judged(logits.float().cpu().numpy(), answer)

    return judge


def of_openvino(folder: Path) -> Judge:
    """An OpenVINO folder, computing in float32."""
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", options)
    request = compiled.create_infer_request()

    def judge(prompt: list[int], answer: list[int]) -> Judged:
        ids = prompt + answer
        request.reset_state()
        request.infer(
            {
                "input_ids": np.array([ids]),
                "attention_mask": np.ones((1, len(ids)), np.int64),
                "position_ids": np.arange(len(ids))[None],
                "beam_idx": np.zeros(1, np.int32),
            }
        )
        logits = request.get_tensor("logits").data[0]
        return _judged(logits[len(prompt) - 1 : -1], answer)

    return judge


def of_openvino_unmerged(folder: Path, adapter: Path, scale: float) -> Judge:
    """An OpenVINO folder with an adapter added as it runs; it tells no probabilities."""
    import openvino
    import openvino_genai as genai

    config = genai.AdapterConfig()
    config.add(genai.Adapter(str(adapter / "adapter_model.safetensors")), scale)
    options = {"INFERENCE_PRECISION_HINT": "f32", "adapters": config}
    pipeline = genai.LLMPipeline(str(folder), "CPU", **options)

    def judge(prompt: list[int], answer: list[int]) -> Judged:
        settings = genai.GenerationConfig(max_new_tokens=1, do_sample=False)
        chosen = []
        for at in range(len(answer)):
            ids = openvino.Tensor(np.array([prompt + answer[:at]]))
            chosen += pipeline.generate(ids, settings).tokens[0]
        return Judged(np.full(len(answer), np.nan), np.array(chosen))

    return judge


def of_ct2(folder: Path, tokenizer: Any, *, seq2seq: bool) -> Judge:
    """A CTranslate2 folder."""
    import ctranslate2

    kind = ctranslate2.Translator if seq2seq else ctranslate2.Generator
    model = kind(str(folder), device="cpu")

    def decoder_only(prompt: list[int], answer: list[int]) -> Judged:
        tokens = tokenizer.convert_ids_to_tokens(prompt + answer)
        found = model.forward_batch([tokens], return_log_probs=True)
        return _judged(np.array(found)[0][len(prompt) - 1 : -1], answer)

    def encoder_decoder(prompt: list[int], answer: list[int]) -> Judged:
        source = tokenizer.convert_ids_to_tokens(prompt)
        target = tokenizer.convert_ids_to_tokens(answer)
        ended = answer[-1] == tokenizer.eos_token_id
        plain = target[:-1] if ended else target  # the end is scored by itself
        (scored,) = model.score_batch([source], [plain], max_input_length=0)
        log_probs = np.array(scored.log_probs, np.float64)[: len(answer)]
        # It tells no other token's probability: every position is asked for by its own prefix.
        results = model.translate_batch(
            [source] * len(target),
            target_prefix=[target[:at] for at in range(len(target))],
            beam_size=1,
            max_decoding_length=len(target),
            max_input_length=0,
        )
        texts = [result.hypotheses[0] for result in results]
        chosen = [
            tokenizer.convert_tokens_to_ids(text[at]) if at < len(text) else tokenizer.eos_token_id
            for at, text in enumerate(texts)
        ]
        return Judged(log_probs, np.array(chosen))

    return encoder_decoder if seq2seq else decoder_only


def _judged(logits: NDArray[np.float32], answer: list[int]) -> Judged:
    """From scores of every word at every place of `answer`, shape (places, words)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    log_probs = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return Judged(log_probs[np.arange(len(answer)), answer], logits.argmax(axis=1))
