"""The student: a causal model with LoRA adapters, its prompts as token ids, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistill.distill.dataset import Row
from gistill.errors import BadInput

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt and answer; the answer, end token included, begins at `start`."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated. Both penalties look at the prompt too, as in OpenVINO GenAI."""

    max_tokens: int = 160
    beams: int = 1
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.05
    length_penalty: float = 1.0


def native_precision(device: str) -> str:
    """ "bf16" where the device computes in it, else "fp32": emulated bf16 is many times slower."""
    import torch

    if device.startswith("cpu"):
        # Named by torch with an underscore, but the only place that says.
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp32"


def load_base(path: Path, device: str, precision: str | None = None) -> tuple[Any, Any]:
    """(model, tokenizer) from a GGUF file or a transformers folder.

    precision: of the weights, "bf16" or "fp32"; by default what `native_precision` says.

    Raises: BadInput if nothing is there.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not path.exists():
        raise BadInput(f"{path} is missing; run: gistill models get")
    where, extra = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    tokenizer = AutoTokenizer.from_pretrained(where, **extra)
    model: Any = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **extra)
    # Dequantized weights are plain ones: without this peft takes them for GGUF.
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    if (precision or native_precision(device)) == "bf16":
        model = model.to(torch.bfloat16)
    return model.to(device), tokenizer


def add_lora(model: Any, *, rank: int, alpha: int, dropout: float, rslora: bool = False) -> Any:
    """`model` with fp32 LoRA adapters on every linear layer but the output (Hu et al., 2021)."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        use_rslora=rslora,
        target_modules=list(TARGETS),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """One user message through the model's own chat template, ready to be answered."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
    )
    return list(tokenizer(text, add_special_tokens=False).input_ids)


def encode(row: Row, tokenizer: Any) -> Encoded:
    """A row as the model sees it in training."""
    prompt = prompt_ids(tokenizer, row.prompt)
    answer = tokenizer(row.completion, add_special_tokens=False).input_ids
    return Encoded((*prompt, *answer, tokenizer.eos_token_id), len(prompt))


def answers(
    model: Any, tokenizer: Any, prompts: Sequence[str], how: Decoding, batch_tokens: int = 200_000
) -> list[str]:
    """Generated answers, in the order of `prompts`; batches hold `batch_tokens` of prompt."""
    import torch

    model.eval()
    encoded = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    found: dict[int, str] = {}
    for batch in by_length([len(ids) for ids in encoded], batch_tokens // how.beams):
        width = max(len(encoded[i]) for i in batch)
        pad = tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(encoded[i])) + encoded[i] for i in batch])
        mask = torch.tensor(
            [[0] * (width - len(encoded[i])) + [1] * len(encoded[i]) for i in batch]
        )
        with torch.no_grad():
            out = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=how.max_tokens,
                num_beams=how.beams,
                do_sample=False,
                no_repeat_ngram_size=how.no_repeat_ngram,
                repetition_penalty=how.repetition_penalty,
                **({"length_penalty": how.length_penalty} if how.beams > 1 else {}),
                pad_token_id=pad,
                eos_token_id=tokenizer.eos_token_id,
            )
        for i, row in zip(batch, out[:, width:].tolist(), strict=True):
            found[i] = tokenizer.decode(row, skip_special_tokens=True).strip()
    return [found[i] for i in range(len(prompts))]


def by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices in batches of similar length whose padded size stays within `batch_tokens`."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def rouge(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Macro mean F1 x 100 of ROUGE-1, -2, -L and -Lsum (rouge-score, stemmed)."""
    from rouge_score.rouge_scorer import RougeScorer

    from gistill.segmentation import sentences

    names = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    scorer = RougeScorer(list(names), use_stemmer=True)
    total = dict.fromkeys(names, 0.0)
    for text, reference in zip(texts, references, strict=True):
        lines = ["\n".join(sentences.split(t)) for t in (reference, text)]
        for name, score in scorer.score(*lines).items():
            total[name] += 100 * score.fmeasure / len(texts)
    return {name: round(value, 2) for name, value in total.items()}
