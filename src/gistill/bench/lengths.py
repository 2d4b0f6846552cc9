"""How long QMSum's inputs and summaries are, in tokens of a model to be trained on them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from gistill.artifacts.files import save
from gistill.bench.alpaca import Row
from gistill.errors import BadInput, MissingExtra

BINS = 100
_BATCH = 8  # rows tokenized at once: whole transcripts are long


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the prompt, and of the answer, of every question in order."""

    inputs: tuple[int, ...]
    summaries: tuple[int, ...]

    def figures(self) -> dict[str, float]:
        """`n`, and the mean (two decimals) and maximum of both."""
        n = len(self.inputs)
        return {
            "n": n,
            "mean_input": round(sum(self.inputs) / n, 2),
            "max_input": max(self.inputs),
            "mean_summary": round(sum(self.summaries) / n, 2),
            "max_summary": max(self.summaries),
        }


def measure(rows: Iterable[Row], tokenizer: Any) -> Lengths:
    """Counts what each row's prompt and answer come to, without special tokens."""
    inputs: list[int] = []
    summaries: list[int] = []
    waiting = iter(rows)
    while batch := list(islice(waiting, _BATCH)):
        inputs += _counts(tokenizer, [row.prompt for row in batch])
        summaries += _counts(tokenizer, [row.output for row in batch])
    return Lengths(tuple(inputs), tuple(summaries))


def open_tokenizer(source: str) -> Any:
    """A tokenizer from a `tokenizer.json`, a folder with one, or a model's id on the hub.

    Raises: BadInput if there is none.
    """
    from tokenizers import Tokenizer

    path = Path(source)
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = (
            Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(source)
        )
    except Exception as error:  # noqa: BLE001 (the library raises Exception itself)
        why = str(error).strip().partition("\n")[0]
        raise BadInput(f"no tokenizer at {source}: {why}; name a tokenizer.json") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def write(lengths: Lengths, title: str, folder: Path) -> list[Path]:
    """Writes `lengths.json` and a histogram of each, as PNG and SVG; returns the paths.

    Raises: BadInput if they cannot be written; MissingExtra without matplotlib.
    """
    record = lengths.figures() | {
        "about": title,
        "inputs": lengths.inputs,
        "summaries": lengths.summaries,
    }
    return [
        save(folder / "lengths.json", [json.dumps(record).encode()]),
        *_histogram(lengths.inputs, f"Input tokens: {title}", folder / "input_lengths"),
        *_histogram(lengths.summaries, f"Summary tokens: {title}", folder / "summary_lengths"),
    ]


def _counts(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(e) for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _histogram(values: Sequence[int], title: str, stem: Path) -> list[Path]:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("drawing histograms", "bench") from None
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=BINS, color="#33658a")
    mean = sum(values) / len(values)
    axes.axvline(mean, color="#f26419", label=f"mean {mean:.0f}")
    axes.set(title=title, xlabel="tokens", ylabel="questions")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    bitmap, vector = io.BytesIO(), io.BytesIO()
    with rc_context({"svg.hashsalt": title}):  # the same figure is the same file
        figure.savefig(bitmap, format="png", dpi=150)
        figure.savefig(vector, format="svg", metadata={"Date": None})
    return [
        save(stem.with_suffix(".png"), [bitmap.getvalue()]),
        save(stem.with_suffix(".svg"), [vector.getvalue()]),
    ]
