"""The student: a model with LoRA adapters, what it reads as token ids, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistill.bench import scores
from gistill.distill.base import Base
from gistill.distill.dataset import Row
from gistill.distill.settings import ALL_LINEAR, Settings
from gistill.errors import BadInput, MissingExtra


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of input and target; the target, end token included, begins at `start`."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated. Both penalties look at the prompt too."""

    max_tokens: int = 160
    beams: int = 1
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.05
    length_penalty: float = 1.0


def add_lora(base: Base, settings: Settings) -> Any:
    """The base with new fp32 LoRA adapters (Hu et al., 2021), which alone are trained.

    Raises: BadInput for layers that it does not have; MissingExtra.
    """
    from gistill.engines.checkpoint import quiet

    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingExtra("training an adapter", "train") from None
    names = settings.targets
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        target_modules=names if names == ALL_LINEAR else names.split(","),
        task_type="SEQ_2_SEQ_LM" if base.seq2seq else "CAUSAL_LM",
    )
    try:
        with quiet():
            return get_peft_model(base.model, config)
    except ValueError as error:
        raise BadInput(f"no adapter fits {base.name}: {str(error).split('. ')[0]}") from error


def shape(student: Any) -> dict[str, Any]:
    """What `Settings` says of a student's adapters."""
    config = student.peft_config["default"]
    layers = config.target_modules
    return {
        "rank": config.r,
        "alpha": config.lora_alpha,
        "dropout": config.lora_dropout,
        "rslora": config.use_rslora,
        "dora": config.use_dora,
        "targets": layers if isinstance(layers, str) else ",".join(sorted(layers)),
    }


def checkpoint_activations(model: Any) -> None:
    """Makes `model` compute activations twice instead of keeping them."""
    # transformers is renaming it; the old name warns.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})


def load_adapter(base: Base, folder: Path, *, trainable: bool = False) -> Any:
    """The base with the adapters of `folder`, unmerged.

    Raises: BadInput if there are none or they do not fit; MissingExtra.
    """
    from gistill.engines.checkpoint import quiet

    if not (folder / "adapter_config.json").is_file():  # peft would ask the hub for it
        raise BadInput(f"{folder} holds no adapter; name a folder with adapter_config.json")

    try:
        from peft import PeftModel
    except ImportError:
        raise MissingExtra("a LoRA adapter", "train") from None
    try:
        with quiet():
            model = PeftModel.from_pretrained(base.model, str(folder), is_trainable=trainable)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        cause = " ".join(str(error).split())[:160]
        raise BadInput(
            f"the adapter {folder} does not fit its base {base.name}: {cause}"
        ) from error
    return model if trainable else model.eval()


def prompt_ids(base: Base, prompt: str) -> list[int]:
    """What the model reads of a prompt, as gistill's engines give it to it: through the chat
    template where there is one, with the tokenizer's own special tokens where there is none."""
    tokenizer = base.tokenizer
    if base.seq2seq or not tokenizer.chat_template:
        return list(tokenizer(prompt, verbose=False).input_ids)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,  # templates that know no thinking ignore it
    )
    return list(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


def encode(row: Row, base: Base) -> Encoded:
    """A row as the model sees it in training."""
    prompt, end = prompt_ids(base, row.input), base.tokenizer.eos_token_id
    if base.seq2seq:
        answer = list(base.tokenizer(text_target=row.target, verbose=False).input_ids)
    else:
        answer = list(base.tokenizer(row.target, add_special_tokens=False, verbose=False).input_ids)
    if not answer or answer[-1] != end:
        answer.append(end)
    return Encoded((*prompt, *answer), len(prompt))


def answers(
    base: Base, model: Any, prompts: Sequence[str], how: Decoding, batch_tokens: int = 200_000
) -> list[str]:
    """Answers of `model`, which is the base or an adapted one, in the order of `prompts`; batches
    hold `batch_tokens` of prompt."""
    import torch

    model.eval()
    encoded = [prompt_ids(base, prompt) for prompt in prompts]
    pad, found = base.tokenizer.pad_token_id, dict[int, str]()
    for batch in by_length([len(ids) for ids in encoded], batch_tokens // how.beams):
        width = max(len(encoded[i]) for i in batch)
        gaps = [width - len(encoded[i]) for i in batch]
        rows, masks = [], []
        for i, gap in zip(batch, gaps, strict=True):
            fill, hide, show = [pad] * gap, [0] * gap, [1] * len(encoded[i])
            left = not base.seq2seq  # decoder-only models go on from the last position
            rows.append(fill + encoded[i] if left else encoded[i] + fill)
            masks.append(hide + show if left else show + hide)
        with torch.no_grad():
            out = model.generate(
                input_ids=torch.tensor(rows).to(base.device),
                attention_mask=torch.tensor(masks).to(base.device),
                max_new_tokens=how.max_tokens,
                num_beams=how.beams,
                do_sample=False,
                no_repeat_ngram_size=how.no_repeat_ngram,
                repetition_penalty=how.repetition_penalty,
                **({"length_penalty": how.length_penalty} if how.beams > 1 else {}),
                pad_token_id=pad,
                eos_token_id=base.tokenizer.eos_token_id,
            )
        for i, ids in zip(batch, out[:, 1 if base.seq2seq else width :].tolist(), strict=True):
            found[i] = base.tokenizer.decode(ids, skip_special_tokens=True).strip()
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
    """Macro mean F1 x 100 of ROUGE-1, -2, -L and -Lsum, by the bench's frozen scorer.

    Raises: BadInput for another number of texts than references; MissingExtra.
    """
    found = scores.rouge(texts, references)[:, :, scores.PARTS.index("f1")].mean(axis=0)
    return {name: round(float(value), 2) for name, value in zip(scores.METRICS, found, strict=True)}
