"""The format of training data: rows of one input and its target, in a Hugging Face `DatasetDict`.

Everything that makes rows (QMSum, runs of the hierarchy, a teacher's answers) makes these, and
everything that trains reads these. An input is a whole user message, made by `gistill.prompts`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from gistill.errors import BadInput, MissingExtra
from gistill.prompts import Task

SPLITS = ("train", "dev", "test")
REFERENCE = "reference"

View = Literal["seq2seq", "completion", "chat"]


@dataclass(frozen=True, slots=True)
class Row:
    """One input and the target that was made from it, with where both come from.

    source: the thread, by the sha256 of what was read, or the meeting, by name. chunks, segments:
        ids of all that the input was made from, segments in its order. query: empty where nothing
        was asked.
    teacher: the id of the engine that wrote the target, or `REFERENCE`. support: the share of the
        target's sentences that the segments support, where that was measured.
    scores, is_gold: one a segment where they are known, else empty: how the locator scored it, and
        whether it is known to hold what the target says. distractors: the share of the segments'
        words that are not gold.
    """

    task: Task
    input: str
    target: str
    source: str
    segments: tuple[str, ...] = ()
    chunks: tuple[str, ...] = ()
    teacher: str = REFERENCE
    query: str = ""
    scores: tuple[float, ...] = ()
    is_gold: tuple[bool, ...] = ()
    distractors: float | None = None
    support: float | None = None

    def __post_init__(self) -> None:
        for name in ("scores", "is_gold"):
            if (found := len(getattr(self, name))) not in (0, len(self.segments)):
                raise ValueError(f"{found} {name} for {len(self.segments)} segments")


Data = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class About:
    """What a model card says of the data."""

    description: str = ""
    licence: str = ""


def save(data: Data, folder: Path, about: About | None = None) -> None:
    """Writes a `DatasetDict` with the columns of `Row` and an `id`, in place of what was there.

    Raises: MissingExtra without the datasets package; BadInput if the splits leak into each other,
    or `folder` holds something else.
    """
    check_splits(data)
    datasets = _datasets("writing training data")
    if folder.exists() and not (folder / "dataset_dict.json").is_file() and any(folder.iterdir()):
        raise BadInput(f"{folder} holds other files; name a folder for the training data")
    datasets.disable_progress_bars()
    features, about = _features(datasets), about or About()
    parts = {}
    for split in SPLITS:
        rows = data.get(split, ())
        # By column: a split without rows keeps its features.
        columns = {f.name: [_plain(getattr(row, f.name)) for row in rows] for f in fields(Row)}
        columns["id"] = [f"{split}-{row.task}-{number:05d}" for number, row in enumerate(rows)]
        info = datasets.DatasetInfo(
            description=about.description, license=about.licence, features=features
        )
        parts[split] = datasets.Dataset.from_dict(columns, features=features, info=info)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    datasets.DatasetDict(parts).save_to_disk(str(partial), num_shards=dict.fromkeys(parts, 1))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load(folder: Path) -> tuple[dict[str, list[Row]], About]:
    """All rows by split, and what is said of them.

    Raises: BadInput if `folder` holds no training data, no row to train on, or splits that leak
    into each other; MissingExtra.
    """
    data = _open(folder)
    rows = {
        split: [
            Row(**{f.name: _frozen(record[f.name]) for f in fields(Row)}) for record in data[split]
        ]
        for split in data
    }
    check_splits(rows)
    if not rows.get("train"):
        raise BadInput(f"{folder} has no row to train on; {_MAKE}")
    info = data["train"].info
    return rows, About(info.description or "", info.license or "")


def view(folder: Path, shape: View) -> Any:
    """The data as other trainers want it, a `DatasetDict`.

    "seq2seq" has `input` and `target`; "completion" has `prompt` and `completion`, and "chat" the
    same as lists of messages, which TRL puts through the model's own chat template.

    Raises: as `load`.
    """
    data = _open(folder).select_columns(["input", "target"])
    if shape == "seq2seq":
        return data
    data = data.rename_columns({"input": "prompt", "target": "completion"})
    return data.map(_messages) if shape == "chat" else data


def check_splits(data: Data) -> None:
    """Raises: BadInput if one split has seen what another holds: the same source or the same
    input, or, where all there is comes from one thread, the same segment of it."""
    alone = len({row.source for rows in data.values() for row in rows}) == 1
    owner: dict[tuple[str, str], str] = {}
    for split, rows in data.items():
        for row in rows:
            whole = [("source", row.source)]
            parts = [("segment", segment) for segment in row.segments] or whole
            for kind, name in [*(parts if alone else whole), ("input", row.input)]:
                if owner.setdefault((kind, name), split) != split:
                    short = " ".join(name.split())[:60]
                    raise BadInput(
                        f"{owner[kind, name]} and {split} share the {kind} {short!r}; "
                        "split by source and build the data again"
                    )


def fingerprint(data: Data) -> str:
    """Twelve hexadecimal digits that change with any input, target or split."""
    total = hashlib.sha256()
    for split in sorted(data):
        for row in data[split]:
            total.update(f"{split}\0{row.input}\0{row.target}\0".encode())
    return total.hexdigest()[:12]


_MAKE = "make training data with: gistill distill data, or scripts/run_hierarchy.py"


def _open(folder: Path) -> Any:
    datasets = _datasets("reading training data")
    if not (folder / "dataset_dict.json").is_file():
        raise BadInput(f"{folder} holds no training data; {_MAKE}")
    try:
        data = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{folder} is damaged ({' '.join(str(error).split())}); {_MAKE}") from error
    missing = {f.name for f in fields(Row)} - set(data.get("train", data).column_names or ())
    if "train" not in data or missing:
        what = ", ".join(sorted(missing)) or "train"
        raise BadInput(f"{folder} has no {what}: not training data of gistill; {_MAKE}")
    return data


def _datasets(feature: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra(feature, "train") from None
    return datasets


def _features(datasets: Any) -> Any:
    text, number = datasets.Value("string"), datasets.Value("float64")
    kinds = {
        "tuple[str, ...]": datasets.List(text),
        "tuple[float, ...]": datasets.List(number),
        "tuple[bool, ...]": datasets.List(datasets.Value("bool")),
        "float | None": number,
    }
    return datasets.Features(
        {"id": text} | {f.name: kinds.get(str(f.type), text) for f in fields(Row)}
    )


def _messages(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": record["prompt"]}],
        "completion": [{"role": "assistant", "content": record["completion"]}],
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
