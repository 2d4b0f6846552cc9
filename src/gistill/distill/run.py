"""The moving parts of one training: optimizer, averaged adapters, log, checkpoint."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gistill.distill.base import Base
from gistill.distill.dataset import Row
from gistill.distill.ranks import Ranks
from gistill.distill.settings import Settings
from gistill.distill.student import Decoding, answers, rouge
from gistill.errors import BadInput

ADAPTER, CHECKPOINT, LOG = "lora_student", "checkpoint.pt", "log.jsonl"

Note = Mapping[str, Any]
Show = Callable[[Note], None]


class Diverged(BadInput):
    """The loss stopped being a number, or kept rising."""


class Run:
    """One training of `student` in the folder `out`.

    best: step and scores of the best evaluation so far. stale: evaluations since then. seconds:
    spent in earlier sittings.
    """

    def __init__(
        self,
        base: Base,
        student: Any,
        settings: Settings,
        out: Path,
        ranks: Ranks | None = None,
        show: Show | None = None,
    ) -> None:
        import torch

        out.mkdir(parents=True, exist_ok=True)
        self.base, self.student, self.settings, self.out = base, student, settings, out
        self.ranks, self._show = ranks or Ranks(), show
        self.weights = [p for p in student.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.weights]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.step = self.stale = 0
        self.seconds = 0.0
        self.best: dict[str, float] = {}
        self._opening: list[float] = []
        self._smooth = 0.0

    def resume(self, identity: Mapping[str, Any]) -> None:
        """Goes on from the checkpoint in `out`, if there is one.

        Raises: BadInput if it is of a run that `identity` does not describe.
        """
        import torch

        self.identity = dict(identity)
        path = self.out / CHECKPOINT
        if not path.exists():
            self._rewind(0)
            return
        kept = torch.load(path, map_location=self.weights[0].device, weights_only=True)
        if other := [
            name for name, value in identity.items() if kept["identity"].get(name) != value
        ]:
            raise BadInput(
                f"{self.out} holds a run with another {', '.join(other)}; name another --out_dir, "
                "or give --restart to begin anew there"
            )
        with torch.no_grad():
            for to, value in zip(self.weights, kept["weights"], strict=True):
                to.copy_(value)
        self.average = kept["average"]
        self.optimizer.load_state_dict(kept["optimizer"])
        for name in ("step", "best", "stale", "seconds"):
            setattr(self, name, kept[name])
        self._opening, self._smooth = kept["opening"], kept["smooth"]
        self._rewind(self.step)

    def _rewind(self, step: int) -> None:
        """Takes from the log what a killed sitting wrote after its last checkpoint."""
        path = self.out / LOG
        if self.ranks.first and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and _step(line) <= step]
            path.write_text("".join(kept), encoding="utf-8")

    def checkpoint(self, step: int, seconds: float) -> None:
        """Keeps everything that the steps after `step` depend on."""
        import torch

        if not self.ranks.first:
            return
        state = {
            "identity": self.identity,
            "weights": [w.detach() for w in self.weights],
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": step,
            "best": self.best,
            "stale": self.stale,
            "seconds": seconds,
            "opening": self._opening,
            "smooth": self._smooth,
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        os.replace(partial, self.out / CHECKPOINT)

    def watch(self, loss: float, step: int) -> None:
        """Raises: Diverged if `loss` is no number, or if the smoothed loss has risen to half as
        much again as it was in the first steps, and by one nat at least."""
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {step + 1}; lower --learning_rate")
        if len(self._opening) < 10:
            self._opening.append(loss)
            self._smooth = sum(self._opening) / len(self._opening)
            return
        self._smooth = 0.9 * self._smooth + 0.1 * loss
        start = sum(self._opening) / len(self._opening)
        if self._smooth > max(1.5 * start, start + 1):
            raise Diverged(
                f"the loss rose from {start:.2f} to {self._smooth:.2f} by step {step + 1}; "
                "lower --learning_rate or lengthen --warmup"
            )

    def update(self, step: int) -> None:
        """One optimizer step from the gradients at hand, and of the average.

        Raises: Diverged if a gradient is no number.
        """
        import torch

        settings = self.settings
        norm = torch.nn.utils.clip_grad_norm_(self.weights, settings.clip)
        if not torch.isfinite(norm):
            raise Diverged(f"a gradient is no number at step {step + 1}; lower --learning_rate")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # A short memory at first, so that the start is soon forgotten.
        decay = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                mean.lerp_(weight, 1 - decay)

    def evaluate(self, rows: Sequence[Row], step: int) -> None:
        """Generates with the averaged adapters; keeps them if they are the best so far."""
        self._swap()
        mine = [row.input for row in self.ranks.share(rows)]
        how = Decoding(max_tokens=self.settings.val_tokens)
        texts = self.ranks.gather(answers(self.base, self.student, mine, how) if mine else [])
        scores = rouge(texts, [row.target for row in rows])
        words = sum(len(text.split()) for text in texts) / len(texts)
        self.note(step=step, words=round(words, 1), **scores, example=texts[0])
        if scores["rougeLsum"] > self.best.get("rougeLsum", -1.0):
            self.best, self.stale = {"step": step, **scores}, 0
            self._write()
        else:
            self.stale += 1
        self._swap()

    def save(self) -> None:
        """Keeps the averaged adapters without an evaluation."""
        self._swap()
        self._write()
        self._swap()

    def _write(self) -> None:
        """In one step: a kill leaves the adapters of before or of now, never half of each."""
        if not self.ranks.first:
            return
        self.student.peft_config["default"].base_model_name_or_path = self.base.name
        folder, partial = self.out / ADAPTER, self.out / f".{ADAPTER}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        # Without False, peft looks the base up on the hub to see whether embeddings changed.
        self.student.save_pretrained(partial, save_embedding_layers=False)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    def note(self, **what: Any) -> None:
        """A line in the log, and for whoever watches."""
        if not self.ranks.first:
            return
        with (self.out / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(what, ensure_ascii=False) + "\n")
        if self._show is not None:
            self._show(what)

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


def _step(line: str) -> int:
    try:
        return int(json.loads(line).get("step", 0))
    except ValueError:
        return 1 << 62  # a line that a kill cut short
