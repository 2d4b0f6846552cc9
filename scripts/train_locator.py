"""Trains the locator's network on QMSum train and writes src/gistill/retrieval/locator.npz.

    python scripts/train_locator.py --data DIR

Each passage's label is the share of its words that belong to gold turns; the loss is the cross
entropy of that share plus that of the whole ranking. Val is only reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (its customary name)

from gistill.distill.qmsum import read
from gistill.retrieval.rank import Index

NEIGHBOURS = 5  # passages that a layer looks at, its own among them
Row = tuple[torch.Tensor, torch.Tensor]


class Net(torch.nn.Module):
    """`gistill.retrieval.network.Network`, to be trained."""

    def __init__(self, features: int, units: int, layers: int) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(features, units)
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv1d(units, units, NEIGHBOURS, dilation=2**i, padding=NEIGHBOURS // 2 * 2**i)
            for i in range(layers)
        )
        self.out = torch.nn.Linear(units, 1)
        self.drop = torch.nn.Dropout(0.35)

    def forward(self, features: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Scores (threads, passages) of features (threads, passages, features); `real` is 1 where
        a thread has a passage and 0 where it is filled up."""
        units = self.drop(F.relu(self.hidden(features))).mT * real[:, None]
        for layer in self.layers:
            units = (units + self.drop(F.relu(layer(units)))) * real[:, None]
        return self.out(units.mT).squeeze(2)

    def arrays(self) -> dict[str, np.ndarray]:
        kernels = [layer.weight.detach().permute(2, 1, 0).numpy() for layer in self.layers]
        return {
            "hidden": self.hidden.weight.detach().numpy().T,
            "hidden_bias": self.hidden.bias.detach().numpy(),
            "kernels": np.stack(kernels),
            "kernel_biases": np.stack([layer.bias.detach().numpy() for layer in self.layers]),
            "out": self.out.weight.detach().numpy()[0],
        }


def rows(data: Path, split: str) -> list[Row]:
    """(features, share of gold words) for every specific query."""
    found = []
    for meeting in read(data, split):
        index = Index(meeting.segments)
        passages = index.passages
        for question in meeting.specific:
            gold = meeting.gold(question)
            isgold = np.array([piece.id in gold for piece in passages.pieces])
            length = np.array(passages.lengths)
            share = [
                (isgold[a:b] * length[a:b]).sum() / length[a:b].sum() for a, b in passages.runs
            ]
            features = torch.tensor(index.features(question.text))
            found.append((features, torch.tensor(share, dtype=torch.float32)))
    return found


def loss(score: torch.Tensor, share: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    chances = torch.log_softmax(score.masked_fill(real == 0, -1e4), 1)
    ranking = -(chances * share).sum(1) / (share.sum(1) + 1e-6)
    each = F.binary_cross_entropy_with_logits(score, share, reduction="none") * real
    return (each.sum(1) / real.sum(1) + ranking).mean()


def filled(found: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(found), batch_first=True)


def recall(score: torch.Tensor, share: torch.Tensor, passages: int) -> float:
    best = score.argsort(descending=True)[:passages]
    return float(share[best].sum() / share.sum().clamp(min=1e-6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the qmsum-*.jsonl.gz")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--units", type=int, default=48)
    parser.add_argument("--layers", type=int, default=3, help="that look at neighbours")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("src/gistill/retrieval/locator.npz"))
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    train, val = rows(options.data, "train"), rows(options.data, "val")
    everything = torch.cat([features for features, _ in train])
    mean, scale = everything.mean(0), everything.std(0) + 1e-6
    train = [((features - mean) / scale, share) for features, share in train]
    val = [((features - mean) / scale, share) for features, share in val]
    net = Net(len(mean), options.units, options.layers)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = options.epochs * (len(train) // 16 + 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(options.epochs):
        net.train()
        total = 0.0
        for batch in torch.randperm(len(train)).split(16):
            real = filled([torch.ones(len(train[i][1])) for i in batch])
            seen = filled([train[i][0] for i in batch])
            value = loss(net(seen, real), filled([train[i][1] for i in batch]), real)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item() * len(batch)
        net.eval()
        with torch.no_grad():
            scores = [net(seen[None], torch.ones(1, len(seen)))[0] for seen, _ in val]
        found = [recall(score, share, 14) for score, (_, share) in zip(scores, val, strict=True)]
        print(
            f"{epoch} loss {total / len(train):.4f} val recall@14 {np.mean(found):.4f}", flush=True
        )
    np.savez(
        options.out,
        mean=mean.numpy(),
        scale=scale.numpy(),
        **net.arrays(),
    )


if __name__ == "__main__":
    main()
