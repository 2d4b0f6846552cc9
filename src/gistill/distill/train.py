"""Trains LoRA adapters on rows: loss on the answers, resumable, the best by generated ROUGE."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gistill.distill import dataset, record
from gistill.distill.base import Base
from gistill.distill.batches import plan_steps, rate
from gistill.distill.dataset import About, Data, Row
from gistill.distill.losses import (
    answer_logits,
    autocast,
    check_same_tokenizer,
    cross_entropy,
    divergence,
)
from gistill.distill.ranks import Ranks
from gistill.distill.run import Run, Show
from gistill.distill.settings import Settings
from gistill.distill.student import (
    Encoded,
    add_lora,
    checkpoint_activations,
    encode,
    load_adapter,
    shape,
)
from gistill.engines.fingerprint import fingerprint
from gistill.errors import BadInput

_BATCH_TOKENS = {"cpu": 2_048, "cuda": 32_768}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training came to: the best evaluation (empty without any), the steps made of those
    planned, the rows that were too long to be used."""

    best: dict[str, float]
    step: int
    steps: int
    left_out: int


def train(
    base: Base,
    data: Data,
    settings: Settings,
    out: Path,
    *,
    about: About | None = None,
    source: str = "",
    start: Path | None = None,
    teacher: Base | None = None,
    ranks: Ranks | None = None,
    show: Show | None = None,
) -> Outcome:
    """Trains on `data["train"]` and leaves in `out` the best adapters by `data["dev"]`
    (`lora_student`, with a model card), `log.jsonl`, `curves.svg` and `run.json`.

    A run that was killed goes on from `out/checkpoint.pt` when called again with the same settings,
    bit for bit on the same device. `start`: adapters to begin with, whose rank, alpha, dropout and
    layers then hold instead of those of `settings`. `teacher` is needed where `settings.kl` is
    above 0; `source` says where the data lies.

    Raises: BadInput for an empty split, rows that are all too long, splits that leak, a teacher
    with another tokenizer, adapters that do not fit, or a checkpoint of another run; Diverged.
    """
    import torch

    ranks = ranks or Ranks()
    settings = replace(
        settings,
        batch_tokens=settings.batch_tokens or _BATCH_TOKENS[base.device.partition(":")[0]],
    )
    sample = _checked(data, settings)
    fitting, left_out = _fitting(data["train"], base, settings)
    if (teacher is None) != (settings.kl == 0):
        raise BadInput("token-level distillation takes both --teacher_model and --kl above 0")
    if teacher is not None:
        check_same_tokenizer(base, teacher)
    if settings.batching == "pack" and base.seq2seq:
        raise BadInput("rows of an encoder-decoder model cannot be packed; use --batching bucket")
    plan = plan_steps([len(row.ids) for row in fitting], settings, ranks.size)
    torch.manual_seed(settings.seed)
    if settings.checkpointing:
        checkpoint_activations(base.model)
    if start is None:
        student = add_lora(base, settings)
    else:
        student = load_adapter(base, start, trainable=True)
        settings = replace(settings, **shape(student))
    run = Run(base, student, settings, out, ranks, show)
    identity = {
        "settings": asdict(settings),
        "model": base.name,
        "start": fingerprint(start) if start else "",
        "teacher": teacher.name if teacher else "",
        "data": dataset.fingerprint(data),
        "steps": len(plan),
        "processes": ranks.size,
    }
    run.resume(identity)
    started = time.monotonic() - run.seconds
    _work(run, plan, fitting, sample, teacher, started)
    if not sample:
        run.save()
    outcome = Outcome(run.best, run.step, len(plan), left_out)
    if ranks.first:
        seconds = time.monotonic() - started
        record.write(out, base, identity, asdict(outcome), data, about, source, seconds)
    return outcome


def _work(
    run: Run,
    plan: Sequence[Sequence[Sequence[int]]],
    rows: Sequence[Encoded],
    sample: Sequence[Row],
    teacher: Base | None,
    started: float,
) -> None:
    """The steps of `plan` that are left, with evaluations on `sample` and checkpoints."""
    settings, steps = run.settings, len(plan)
    marks = {round(steps * (i + 1) / settings.evals) for i in range(settings.evals)}
    for step in range(run.step, steps):
        if settings.patience and run.stale >= settings.patience:
            return
        batches = [[rows[i] for i in one] for one in plan[step]]
        loss = advance(run, batches, step, steps, teacher)
        if step % 10 == 0 or step + 1 == steps:
            seconds = round(time.monotonic() - started, 1)
            run.note(step=step + 1, of=steps, loss=round(loss, 4), seconds=seconds)
        run.step = step + 1
        if step + 1 in marks and sample:
            run.evaluate(sample, step + 1)
        if (step + 1) % settings.keep_every == 0 or step + 1 == steps:
            run.checkpoint(step + 1, time.monotonic() - started)


def advance(
    run: Run, batches: Sequence[Sequence[Encoded]], step: int, steps: int, teacher: Base | None
) -> float:
    """One step over `batches`, of which this process takes its share; returns the mean loss of an
    answer's token.

    Raises: Diverged.
    """
    import torch

    settings, base = run.settings, run.base
    run.student.train()
    for group in run.optimizer.param_groups:
        group["lr"] = settings.lr * rate(step, steps, settings.warmup)
    count = sum(len(row.ids) - row.start for batch in batches for row in batch)
    total = torch.zeros((), device=base.device)
    for number, batch in run.ranks.share(list(enumerate(batches))):
        # Dropout depends on step and batch alone, so that a resumed run repeats the unbroken one.
        torch.manual_seed((settings.seed * 1_000_003 + step) * 1_009 + number)
        with autocast(run.student, base.device):
            loss = _loss(run, batch, teacher) / count
        loss.backward()
        total += loss.detach()
    run.ranks.add([total])
    run.watch(float(total), step)
    if run.ranks.size > 1:
        for weight in run.weights:
            if weight.grad is None:  # no batch was left for this process
                weight.grad = torch.zeros_like(weight)
        run.ranks.add([weight.grad for weight in run.weights])
    run.update(step)
    return float(total)


def _loss(run: Run, batch: Sequence[Encoded], teacher: Base | None) -> Any:
    """The summed loss of a batch's answer tokens."""
    import torch

    settings, packed = run.settings, run.settings.batching == "pack"
    logits, targets = answer_logits(run.base, run.student, batch, packed=packed)
    loss = cross_entropy(logits, targets)
    if teacher is None:
        return loss
    with torch.no_grad():
        theirs, _ = answer_logits(teacher, teacher.model, batch, packed=packed)
    apart = divergence(logits, theirs.to(logits.device), settings.temperature)
    return (1 - settings.kl) * loss + settings.kl * apart


def _checked(data: Data, settings: Settings) -> list[Row]:
    """The rows to evaluate on. Raises: BadInput for splits that are empty or leak."""
    dataset.check_splits(data)
    if not data.get("train"):
        raise BadInput("the split train holds no row; nothing to train on")
    if not settings.evals:
        return []
    dev = list(data.get("dev", ()))
    if not dev:
        raise BadInput(
            "the split dev holds no row to choose the best by; give --evals 0 to train without, "
            "or more or longer threads to gistill distill data"
        )
    return random.Random(0).sample(dev, min(len(dev), settings.val_rows))


def _fitting(rows: Sequence[Row], base: Base, settings: Settings) -> tuple[list[Encoded], int]:
    """The rows that are short enough, encoded, and how many are not."""
    encoded = [encode(row, base) for row in rows]
    size = base.model.get_input_embeddings().num_embeddings
    if max(max(row.ids) for row in encoded) >= size:
        raise BadInput(f"the tokenizer of {base.name} makes ids beyond the model's {size}")
    limit = base.limit or settings.max_length
    fitting = [
        row
        for row in encoded
        if len(row.ids) <= settings.max_length
        and (max(row.start, len(row.ids) - row.start) if base.seq2seq else len(row.ids)) <= limit
    ]
    if not fitting:
        raise BadInput(
            f"no row is within {min(limit, settings.max_length)} tokens; raise --max_length, or "
            "build the data with shorter contexts"
        )
    return fitting, len(encoded) - len(fitting)
