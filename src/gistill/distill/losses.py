"""What is minimized: how unlikely the targets are, and how far the student is from a teacher.

A batch is a sequence of encoded rows in one of three layouts: padded side by side, packed into one
sequence (decoder-only models), or input and target apart (encoder-decoder models).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from gistill.distill.base import Base
from gistill.distill.student import Encoded
from gistill.errors import BadInput

_IGNORED = -100


def autocast(model: Any, device: str) -> Any:
    """Computes in bf16 where the base's weights are kept in it."""
    import torch

    half = any(weight.dtype == torch.bfloat16 for weight in model.parameters())
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=half)


def answer_logits(
    base: Base, model: Any, batch: Sequence[Encoded], *, packed: bool = False
) -> tuple[Any, Any]:
    """(logits, target ids) at every token of the answers, row after row: shapes (tokens, words of
    the vocabulary) and (tokens,). `model` is the base or an adapted one."""
    if base.seq2seq:
        return _seq2seq(base, model, batch)
    return _packed(base, model, batch) if packed else _padded(base, model, batch)


def branch_logits(base: Base, model: Any, batch: Sequence[Encoded]) -> tuple[Any, Any]:
    """As `answer_logits` for answers to one prompt, which is read once: every answer sees it and
    itself. For decoder-only models."""
    import torch

    start = batch[0].start
    answers = [row.ids[start:] for row in batch]
    owner = torch.tensor([0] * start + [i for i, a in enumerate(answers, 1) for _ in a])
    mask = (owner[:, None] == owner[None, :]) | (owner == 0)[None, :]
    mask &= torch.ones(len(owner), len(owner), dtype=torch.bool).tril()
    places = [*range(start), *(start + at for answer in answers for at in range(len(answer)))]
    keep, first = [], start
    for answer in answers:
        keep += [start - 1, *range(first, first + len(answer) - 1)]
        first += len(answer)
    ids = [*batch[0].ids[:start], *(token for answer in answers for token in answer)]
    logits = _kept(
        model,
        torch.tensor(keep).to(base.device),
        input_ids=torch.tensor([ids]).to(base.device),
        position_ids=torch.tensor([places]).to(base.device),
        attention_mask=mask[None, None].to(base.device),
    )
    return logits[0], torch.tensor(ids[start:]).to(base.device)


def cross_entropy(logits: Any, targets: Any, reduction: str = "sum") -> Any:
    """Of the answers' tokens, in nats."""
    from torch.nn import functional

    return functional.cross_entropy(logits.float(), targets, reduction=reduction)


def divergence(student: Any, teacher: Any, temperature: float) -> Any:
    """The sum over tokens of KL(teacher || student) at `temperature`, times its square, so that
    its gradients keep their size (Hinton et al. 2015).

    Tables of embeddings may be padded beyond the common vocabulary: what is over is left out.
    """
    from torch.nn import functional

    size = min(student.shape[-1], teacher.shape[-1])
    ours = functional.log_softmax(student[:, :size].float() / temperature, dim=-1)
    theirs = functional.log_softmax(teacher[:, :size].float() / temperature, dim=-1)
    total = functional.kl_div(ours, theirs, reduction="sum", log_target=True)
    return temperature**2 * total


def check_same_tokenizer(student: Base, teacher: Base) -> None:
    """Raises: BadInput unless both read the same text as the same ids."""
    if student.seq2seq != teacher.seq2seq:
        raise BadInput(
            f"{teacher.name} and {student.name} are not of one kind (one has an encoder); "
            "distil from its texts instead: gistill distill data --teacher"
        )
    if student.tokenizer.get_vocab() != teacher.tokenizer.get_vocab():
        raise BadInput(
            f"{teacher.name} and {student.name} have different tokenizers, so their distributions "
            "cannot be compared; distil from its texts instead: gistill distill data --teacher"
        )


def _padded(base: Base, model: Any, batch: Sequence[Encoded]) -> tuple[Any, Any]:
    """Rows are padded on the right, where no causal position looks: no mask is needed."""
    import torch

    width = max(len(row.ids) for row in batch)
    first = min(row.start for row in batch) - 1
    ids = torch.tensor([list(row.ids) + [0] * (width - len(row.ids)) for row in batch])
    labels = torch.tensor([_labels(row, width)[first + 1 :] for row in batch])
    keep = torch.arange(first, width - 1)
    logits = _kept(model, keep.to(base.device), input_ids=ids.to(base.device))
    labels = labels.to(base.device)
    wanted = labels != _IGNORED
    return logits[wanted], labels[wanted]


def _packed(base: Base, model: Any, batch: Sequence[Encoded]) -> tuple[Any, Any]:
    """One sequence whose positions begin anew with every row: transformers lets rows so marked
    see only themselves."""
    import torch

    ids = torch.tensor([[i for row in batch for i in row.ids]])
    positions = torch.tensor([[at for row in batch for at in range(len(row.ids))]])
    labels = torch.tensor([label for row in batch for label in _labels(row, len(row.ids))])
    keep = (labels != _IGNORED).nonzero().flatten() - 1
    logits = _kept(
        model,
        keep.to(base.device),
        input_ids=ids.to(base.device),
        position_ids=positions.to(base.device),
    )
    return logits[0], labels[keep + 1].to(base.device)


def _seq2seq(base: Base, model: Any, batch: Sequence[Encoded]) -> tuple[Any, Any]:
    import torch

    pad = base.tokenizer.pad_token_id
    width = max(row.start for row in batch)
    length = max(len(row.ids) - row.start for row in batch)
    ids = [[*row.ids[: row.start], *[pad] * (width - row.start)] for row in batch]
    mask = [[1] * row.start + [0] * (width - row.start) for row in batch]
    answers = [row.ids[row.start :] for row in batch]
    targets = [[*answer, *[_IGNORED] * (length - len(answer))] for answer in answers]
    inputs = {
        "input_ids": torch.tensor(ids).to(base.device),
        "attention_mask": torch.tensor(mask).to(base.device),
    }
    if base.model.config.model_type == "led":  # the first token must see all others
        inputs["global_attention_mask"] = torch.zeros_like(inputs["input_ids"])
        inputs["global_attention_mask"][:, 0] = 1
    labels = torch.tensor(targets).to(base.device)
    wanted = labels != _IGNORED
    logits = model(**inputs, labels=labels, use_cache=False).logits
    return logits[wanted], labels[wanted]


def _labels(row: Encoded, width: int) -> list[int]:
    answer = list(row.ids[row.start :])
    return [_IGNORED] * row.start + answer + [_IGNORED] * (width - len(row.ids))


def _kept(model: Any, keep: Any, **inputs: Any) -> Any:
    """Logits at the positions `keep` alone, where the model can leave the others out: over a
    vocabulary of 50,000 they take more memory than all layers together."""
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "logits_to_keep" in inspect.signature(plain.forward).parameters:
        return model(**inputs, logits_to_keep=keep, use_cache=False).logits
    return model(**inputs, use_cache=False).logits[:, keep]
