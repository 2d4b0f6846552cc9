"""The network that scores a thread's passages for a query, and its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """Standardized features, rectified units, and layers that add to each passage what its
    neighbours hold, each layer looking twice as far apart as the one before (dilated convolutions:
    Yu and Koltun 2016); one score."""

    mean: Scores
    scale: Scores
    hidden: Scores  # (features, units)
    hidden_bias: Scores
    kernels: Scores  # (layers, neighbours, units, units)
    kernel_biases: Scores  # (layers, units)
    out: Scores  # (units,)

    def score(self, features: Scores) -> Scores:
        units = np.maximum((features - self.mean) / self.scale @ self.hidden + self.hidden_bias, 0)
        for layer, (kernel, bias) in enumerate(zip(self.kernels, self.kernel_biases, strict=True)):
            units = units + np.maximum(_convolved(units, kernel, 2**layer) + bias, 0)
        return np.asarray(units @ self.out, dtype=np.float32)


@cache
def network() -> Network:
    """The weights that `scripts/train_locator.py` wrote beside this module."""
    with (resources.files(__package__) / "locator.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        return Network(*(arrays[name] for name in Network.__slots__))


def _convolved(rows: Scores, kernel: Scores, apart: int) -> Scores:
    """For each row the sum over neighbours, `apart` rows from each other, of each times its own
    matrix; beyond the ends there is nothing."""
    reach = len(kernel) // 2 * apart
    padded = np.pad(rows, ((reach, reach), (0, 0)))
    parts = [padded[i * apart : i * apart + len(rows)] @ one for i, one in enumerate(kernel)]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)
