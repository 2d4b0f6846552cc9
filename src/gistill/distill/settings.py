"""What a training run depends on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from gistill.errors import BadInput

ALL_LINEAR = "all-linear"  # peft's name for every linear layer but the output


@dataclass(frozen=True, slots=True)
class Settings:
    """All but the data and the model. Lengths are tokens.

    targets: "all-linear", or names of layers with commas between. batch_tokens: of one pass,
    padding included; 0 takes what suits the device. accumulate: passes whose gradients make one
    step. batching: "bucket" pads rows of similar length to the same, "pack" puts rows one behind
    the other in one sequence whose rows do not see each other.
    average: decay of the moving average of the adapters, which is what is evaluated and saved
    (Polyak averaging; 0: none). evals: evenly spaced; the best by generated ROUGE-Lsum is kept.
    patience: evaluations without a better one after which training stops (0: never).
    kl: weight of the Kullback-Leibler divergence from the teacher's distribution over tokens, the
    rest being the cross entropy of the target (Hinton et al. 2015); temperature: of both softmaxes.
    """

    lr: float = 8e-4
    epochs: float = 1.0
    max_steps: int = 0  # 0: as many as `epochs` needs
    rank: int = 32
    alpha: int = 64
    dropout: float = 0.05
    rslora: bool = False
    dora: bool = False
    targets: str = ALL_LINEAR
    batch_tokens: int = 0
    accumulate: int = 1
    batching: Literal["bucket", "pack"] = "bucket"
    max_length: int = 3_072
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.98
    checkpointing: bool = False
    evals: int = 5
    val_rows: int = 100
    val_tokens: int = 160
    patience: int = 0
    kl: float = 0.0
    temperature: float = 1.0
    keep_every: int = 50  # steps between checkpoints
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"rank": 1, "alpha": 1, "accumulate": 1, "max_length": 2, "keep_every": 1}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < least.get(field.name, 0):
                raise BadInput(f"{field.name} is {value}; give at least {least.get(field.name, 0)}")
        for name in ("dropout", "average", "warmup", "kl"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is {getattr(self, name)}; give a value from 0 to 1")
        if not self.lr > 0 or not self.temperature > 0 or not self.epochs > 0:
            raise BadInput("learning rate, epochs and temperature are above 0")
        if self.batching not in ("bucket", "pack"):
            raise BadInput(f"unknown batching {self.batching!r}; choose bucket or pack")
