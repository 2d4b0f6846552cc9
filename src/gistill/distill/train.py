"""Trains LoRA adapters on rows: loss on the answers, resumable, the best by generated ROUGE."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gistill.distill.dataset import Row
from gistill.distill.student import (
    BASE,
    Decoding,
    Encoded,
    add_lora,
    answers,
    by_length,
    encode,
    rouge,
)
from gistill.errors import BadInput, GistillError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run depends on. Lengths and batches are tokens; `average` is the decay of the moving
    average of the adapters that is evaluated and saved (0: none)."""

    lr: float = 8e-4
    epochs: float = 1.0
    max_steps: int = 0  # 0: as many as `epochs` needs
    rank: int = 32
    alpha: int = 64
    dropout: float = 0.05
    rslora: bool = False
    batch_tokens: int = 32_768
    max_length: int = 3_072
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.98
    evals: int = 5  # evenly spaced; the best by ROUGE-Lsum is kept
    val_rows: int = 100
    keep_every: int = 50  # steps between checkpoints
    seed: int = 0


class Diverged(GistillError):
    """The loss stopped being a number."""


def plan_batches(lengths: Sequence[int], settings: Settings, epoch: int) -> list[list[int]]:
    """One epoch's batches: similar lengths together, their order and make-up new each epoch."""
    draw = random.Random(f"{settings.seed}/{epoch}")
    order = list(range(len(lengths)))
    draw.shuffle(order)
    batches = []
    window = max(1, 40 * settings.batch_tokens // max(1, sum(lengths) // len(lengths)))
    for start in range(0, len(order), window):
        some = order[start : start + window]
        batches += [
            [some[i] for i in batch]
            for batch in by_length([lengths[i] for i in some], settings.batch_tokens)
        ]
    draw.shuffle(batches)
    return batches


def autocast(student: Any, device: str) -> Any:
    """Computes in bf16 where the base's weights are kept in it."""
    import torch

    half = any(weight.dtype == torch.bfloat16 for weight in student.parameters())
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=half)


def answer_loss(model: Any, batch: Sequence[Encoded], device: str, reduction: str = "mean") -> Any:
    """Cross entropy of the answers' tokens, row after row; their mean unless `reduction` says.

    Rows are padded on the right, where no causal position looks, so no attention mask is needed;
    only answer positions go through the output layer.
    """
    import torch
    from torch.nn import functional

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([list(row.ids) + [0] * (width - len(row.ids)) for row in batch])
    wanted = torch.tensor(
        [[row.start <= i + 1 < len(row.ids) for i in range(width)] for row in batch]
    )
    targets = torch.cat([torch.tensor(row.ids[row.start :]) for row in batch]).to(device)
    causal = model.get_base_model()
    hidden = causal.model(input_ids=ids.to(device), use_cache=False).last_hidden_state
    logits = causal.lm_head(hidden[wanted.to(device)])
    return functional.cross_entropy(logits.float(), targets, reduction=reduction)


def train(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Row],
    val: Sequence[Row],
    settings: Settings,
    out: Path,
) -> dict[str, float]:
    """Trains and leaves in `out` the best adapters (`lora_student`), `log.jsonl` and `run.json`.

    A run that was killed goes on from `out/checkpoint.pt` when called again with the same settings,
    bit for bit on the same device. Returns the best evaluation.

    Raises: BadInput if no row fits `max_length` or the checkpoint is of other settings; Diverged.
    """
    import torch

    device = str(next(model.parameters()).device)
    encoded = [encode(row, tokenizer) for row in rows]
    fitting = [row for row in encoded if len(row.ids) <= settings.max_length]
    if not fitting:
        raise BadInput(f"no row is within {settings.max_length} tokens; raise --max_length")
    if len(fitting) < len(encoded):
        log.warning("%d of %d rows are too long: left out", len(encoded) - len(fitting), len(rows))
    torch.manual_seed(settings.seed)
    student = add_lora(
        model,
        rank=settings.rank,
        alpha=settings.alpha,
        dropout=settings.dropout,
        rslora=settings.rslora,
    )
    run = Run(student, settings, out)
    lengths = [len(row.ids) for row in fitting]
    batches: list[list[int]] = []
    wanted = settings.max_steps or math.inf
    epoch = 0
    while len(batches) < wanted and epoch < (
        math.ceil(settings.epochs) if wanted == math.inf else 999
    ):
        batches += plan_batches(lengths, settings, epoch)
        epoch += 1
    whole = round(len(batches) * settings.epochs / epoch) if wanted == math.inf else wanted
    steps = max(1, int(min(len(batches), whole)))
    run.start(steps)
    marks = {round(steps * (i + 1) / settings.evals) for i in range(settings.evals)}
    sample = random.Random(0).sample(list(val), min(len(val), settings.val_rows))
    started = time.monotonic()
    for step in range(run.step, steps):
        loss = run.advance([fitting[i] for i in batches[step]], step, steps, device)
        if step % 10 == 0 or step + 1 == steps:
            run.note(step=step, loss=round(loss, 4), seconds=round(time.monotonic() - started, 1))
        if step + 1 in marks and sample:
            run.evaluate(tokenizer, sample, step + 1)
        if (step + 1) % settings.keep_every == 0:
            run.checkpoint(step + 1)
    if not sample:
        run.save()
    (out / "run.json").write_text(
        json.dumps(
            {**asdict(settings), "steps": steps, "rows": len(fitting), "best": run.best}, indent=1
        )
    )
    return run.best


class Run:
    """The moving parts of one training: optimizer, average, log, checkpoint."""

    def __init__(self, student: Any, settings: Settings, out: Path) -> None:
        import torch

        out.mkdir(parents=True, exist_ok=True)
        self.student, self.settings, self.out = student, settings, out
        self.weights = [p for p in student.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.weights]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.step = self.steps = 0
        self.best: dict[str, float] = {}

    def start(self, steps: int) -> None:
        import torch

        self.steps = steps
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        kept = torch.load(path, map_location=self.weights[0].device, weights_only=True)
        if kept["settings"] != {**asdict(self.settings), "steps": steps}:
            raise BadInput(f"{path} is of a run with other settings; name another folder")
        with torch.no_grad():
            for to, value in zip(self.weights, kept["weights"], strict=True):
                to.copy_(value)
        self.average = kept["average"]
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step, self.best = kept["step"], kept["best"]

    def advance(self, batch: list[Encoded], step: int, steps: int, device: str) -> float:
        import torch

        settings = self.settings
        self.student.train()
        # Dropout depends on the step alone, so that a resumed run repeats the unbroken one.
        torch.manual_seed(settings.seed * 1_000_003 + step)
        rate = settings.lr * schedule(step, steps, settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with autocast(self.student, device):
            loss = answer_loss(self.student, batch, device)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Diverged(f"the loss is {value} at step {step}; lower --learning_rate")
        loss.backward()
        self.update(step)
        return value

    def update(self, step: int) -> None:
        """One optimizer step from the gradients at hand, and of the average."""
        import torch

        settings = self.settings
        torch.nn.utils.clip_grad_norm_(self.weights, settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # A short memory at first, so that the start is soon forgotten.
        decay = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                mean.lerp_(weight, 1 - decay)

    def evaluate(self, tokenizer: Any, rows: Sequence[Row], step: int) -> None:
        """Generates with the averaged adapters; keeps them if they are the best so far."""
        self._swap()
        texts = answers(self.student, tokenizer, [row.prompt for row in rows], Decoding())
        scores = rouge(texts, [row.completion for row in rows])
        words = sum(len(text.split()) for text in texts) / len(texts)
        self.note(step=step, words=round(words, 1), **scores, example=texts[0])
        if scores["rougeLsum"] > self.best.get("rougeLsum", -1.0):
            self.best = {"step": step, **scores}
            self._write()
        self._swap()

    def save(self) -> None:
        """Keeps the averaged adapters without an evaluation."""
        self._swap()
        self._write()
        self._swap()

    def _write(self) -> None:
        self.student.peft_config["default"].base_model_name_or_path = BASE
        # Without False, peft looks the base up on the hub to see whether embeddings changed.
        self.student.save_pretrained(self.out / "lora_student", save_embedding_layers=False)

    def checkpoint(self, step: int) -> None:
        import torch

        state = {
            "settings": {**asdict(self.settings), "steps": self.steps},
            "weights": [w.detach() for w in self.weights],
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": step,
            "best": self.best,
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        os.replace(partial, self.out / "checkpoint.pt")

    def note(self, **what: Any) -> None:
        line = json.dumps(what)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        log.info("%s", line)

    def _swap(self) -> None:
        """Exchanges the adapters with their average; twice is no change."""
        import torch

        if not self.settings.average:
            return
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                kept = weight.detach().clone()
                weight.copy_(mean)
                mean.copy_(kept)


def schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up to 1, then a half cosine to 0."""
    rise = max(1, int(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
