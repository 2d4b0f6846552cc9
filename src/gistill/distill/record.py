"""What a training leaves to read: `run.json`, a model card, and the curves of loss and score."""

from __future__ import annotations

import io
import json
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from gistill import __version__
from gistill.bench.scores import SCORER
from gistill.distill.base import Base
from gistill.distill.dataset import About, Data
from gistill.distill.run import ADAPTER, LOG
from gistill.errors import MissingExtra

_LIMITS = """\
- It writes what small models write: fluent text that may say what nobody said. gistill grounds each
  sentence and marks what has no support; use it through gistill.
- It was trained on the kinds of threads named above, and is worse on others.
- The figures are of the run that made it, on rows of its own dev split: for figures that can be
  compared, use `gistill bench qmsum`."""


def write(
    out: Path,
    base: Base,
    identity: Mapping[str, Any],
    outcome: Mapping[str, Any],
    data: Data,
    about: About | None,
    source: str,
    seconds: float,
) -> None:
    """Writes `run.json`, `curves.svg` and the adapter's README.md from the log in `out`."""
    about = about or About()
    notes = [json.loads(line) for line in (out / LOG).read_text(encoding="utf-8").splitlines()]
    losses = [note["loss"] for note in notes if "loss" in note]
    record = {
        **identity,
        **outcome,
        "loss": {"first": losses[0], "last": losses[-1]} if losses else {},
        "scorer": SCORER,
        "data_dir": source,
        "data_about": about.description,
        "data_licence": about.licence,
        "rows": {split: len(rows) for split, rows in data.items()},
        "tasks": dict(Counter(row.task for row in data["train"])),
        "teachers": dict(Counter(row.teacher for row in data["train"])),
        "sources": len({row.source for row in data["train"]}),
        "data_fingerprint": identity["data"],
        "base_licence": base.licence,
        "device": base.device,
        "precision": str(base.model.dtype).removeprefix("torch."),
        "seconds": round(seconds, 1),
        "gistill": __version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "packages": {
            name: metadata.version(name) for name in ("torch", "transformers", "peft", "datasets")
        },
    }
    (out / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / "curves.svg").write_text(curves(notes), encoding="utf-8")
    (out / ADAPTER / "README.md").write_text(card(record), encoding="utf-8")


def card(record: Mapping[str, Any]) -> str:
    """The model card of a run, as Markdown with the hub's front matter."""
    best, settings = record["best"], record["settings"]
    scores = ", ".join(f"{name} {best[name]}" for name in best if name != "step")
    chosen = (
        f"the best of {settings['evals']} evaluations, after step {best['step']}: {scores} "
        f"({record['scorer']}; up to {settings['val_rows']} of {record['rows'].get('dev', 0)} rows)"
        if best
        else "the last step's; nothing was evaluated"
    )
    licence = record["base_licence"]
    front = ["base_model: " + record["model"], "library_name: peft", "pipeline_tag: summarization"]
    if licence == "Apache-2.0":
        front.append("license: apache-2.0")
    lines = [
        "---",
        *front,
        "---",
        f"# LoRA student of {record['model']}",
        "",
        "Summarizes parts of long conversations, fuses notes of parts, and answers questions over "
        "located passages. Made by `gistill distill train`; its `run.json` has every setting.",
        "",
        "## Data",
        "",
        record["data_about"] or f"Training data in {record['data_dir'] or 'no named place'}.",
        "",
        f"- {_counted(record['rows'])} rows of {record['sources']} sources; tasks: "
        f"{_counted(record['tasks'])}; {record['left_out']} rows were too long and left out",
        f"- targets by: {_counted(record['teachers'])}",
        f"- fingerprint {record['data_fingerprint']}; licence: "
        + (record["data_licence"] or "not said"),
        "",
        "## Base and licence",
        "",
        f"{record['model']}, licence: {licence}. The adapter is under the same licence as far as "
        "that of the data allows.",
        "",
        "## Training",
        "",
        *_training(record),
        *([f"- begun with adapters {record['start']}"] if record["start"] else []),
        f"- these adapters are {chosen}",
        "",
        "## Limits",
        "",
        _LIMITS,
    ]
    return "\n".join(lines) + "\n"


def _training(record: Mapping[str, Any]) -> list[str]:
    settings, loss = record["settings"], record["loss"]
    return [
        f"- LoRA r {settings['rank']}, alpha {settings['alpha']}, dropout {settings['dropout']}, "
        f"rsLoRA {settings['rslora']}, DoRA {settings['dora']}, on {settings['targets']}",
        f"- {record['step']} of {record['steps']} steps of up to {settings['batch_tokens']} tokens "
        f"x {settings['accumulate'] * record['processes']}, learning rate {settings['lr']}, seed "
        f"{settings['seed']}, {record['precision']} on {record['device'].partition(':')[0]}, "
        f"{record['seconds']:.0f} s",
        f"- token-level distillation: {_distilled(record)}",
        f"- loss {loss.get('first')} at first, {loss.get('last')} at last",
    ]


def curves(notes: Sequence[Mapping[str, Any]]) -> str:
    """Loss and generated ROUGE-Lsum over steps, as SVG; the same notes, the same text.

    Raises: MissingExtra without matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("drawing the curves", "train") from None
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    losses = [(note["step"], note["loss"]) for note in notes if "loss" in note]
    axes.plot(*zip(*losses, strict=True), color="#33658a")
    axes.set(xlabel="step", ylabel="loss of an answer's token, nats")
    scored = [(note["step"], note["rougeLsum"]) for note in notes if "rougeLsum" in note]
    if scored:
        other = axes.twinx()
        other.plot(*zip(*scored, strict=True), "o--", color="#c1666b")
        other.set_ylabel("generated ROUGE-Lsum on dev (dots)")
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "gistill", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _distilled(record: Mapping[str, Any]) -> str:
    if not record["teacher"]:
        return "none; the targets are text"
    settings = record["settings"]
    return f"KL weight {settings['kl']} at temperature {settings['temperature']}, from " + str(
        record["teacher"]
    )
