"""Trains adapters on their own samples, by how near each comes to the reference and to its source.

Cross entropy teaches each word given the reference's own words before it, whether or not the prompt
holds what they tell; here whole answers are drawn, scored by ROUGE against the reference and by
their support in the prompt, and made likelier or less likely by how they compare with the others of
their question (REINFORCE with the group's mean as baseline: Rennie et al. 2017, Ahmadian et al.
2024). Only train references are ever looked at.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gistill.distill.base import Base
from gistill.distill.dataset import Row
from gistill.distill.losses import autocast, branch_logits, cross_entropy
from gistill.distill.run import Run, Show
from gistill.distill.settings import Settings
from gistill.distill.student import Encoded, prompt_ids, rouge
from gistill.distill.support import mean_support
from gistill.errors import BadInput


@dataclass(frozen=True, slots=True)
class Sampling:
    """questions: prompts a step. samples: answers drawn for each, which are compared with each
    other. support: weight of an answer's support in its prompt. seconds: stop when they are over.
    max_prompt: longer prompts are not drawn from, in tokens."""

    steps: int = 60
    questions: int = 64
    samples: int = 8
    max_tokens: int = 144
    max_prompt: int = 1_200
    temperature: float = 1.0
    support: float = 0.0
    evals_every: int = 10
    seconds: float = 400.0
    workers: int = 12

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise BadInput(f"samples is {self.samples}; two at least, to compare one with another")


def nearness(text: str, reference: str) -> float:
    """Mean F1 of ROUGE-1, -2 and -Lsum, 0 to 1."""
    scores = rouge([text], [reference])
    return (scores["rouge1"] + scores["rouge2"] + scores["rougeLsum"]) / 300


def reinforce(
    base: Base,
    student: Any,
    rows: Sequence[Row],
    val: Sequence[Row],
    settings: Settings,
    sampling: Sampling,
    out: Path,
    show: Show | None = None,
) -> dict[str, float]:
    """Goes on training `student`, `base` with trainable adapters; keeps the best in `out`.

    The adapters as they came are evaluated first, so that the result is never worse on `val`.

    Raises: BadInput if no prompt is within `max_prompt`.
    """
    if base.seq2seq:
        raise BadInput(f"{base.name} has an encoder; answers are drawn from decoder-only models")
    prompts = [prompt_ids(base, row.input) for row in rows]
    usable = [i for i, ids in enumerate(prompts) if len(ids) <= sampling.max_prompt]
    if not usable:
        raise BadInput(f"no prompt is within {sampling.max_prompt} tokens; raise max_prompt")
    sampler = copy.deepcopy(student).merge_and_unload()
    run = Run(base, student, settings, out, show=show)
    run.evaluate(val, 0)
    evaluated = done = 0
    draw = random.Random(settings.seed)
    context = multiprocessing.get_context("spawn")
    started = time.monotonic()
    with ProcessPoolExecutor(sampling.workers, context) as pool:
        while done < sampling.steps and time.monotonic() - started <= sampling.seconds:
            chosen = draw.sample(usable, min(sampling.questions, len(usable)))
            some = [(prompts[i], rows[i]) for i in chosen]
            note = _step(run, sampler, some, sampling, pool, done)
            done += 1
            run.note(step=done, **note, seconds=round(time.monotonic() - started, 1))
            if done % sampling.evals_every == 0:
                run.evaluate(val, done)
                evaluated = done
    if evaluated < done:
        run.evaluate(val, done)
    record = {**asdict(settings), **asdict(sampling), "done": done, "best": run.best}
    (out / "run.json").write_text(json.dumps(record, indent=1))
    return run.best


def _step(
    run: Run,
    sampler: Any,
    some: Sequence[tuple[Sequence[int], Row]],
    sampling: Sampling,
    pool: Executor,
    step: int,
) -> dict[str, float]:
    """Draws answers to prompts, weighs them against the references, and makes one step."""
    import torch

    settings, base = run.settings, run.base
    torch.manual_seed(settings.seed * 1_000_003 + step)
    drawn = _sample(sampler, base.tokenizer, [prompt for prompt, _ in some], sampling)
    texts = [base.tokenizer.decode(r.ids[r.start :], skip_special_tokens=True) for r in drawn]
    asked = [row for _, row in some for _ in range(sampling.samples)]
    near = torch.tensor(
        list(pool.map(nearness, texts, [row.target for row in asked], chunksize=16))
    )
    inputs = [row.input for row in asked]
    sound = torch.tensor(list(pool.map(mean_support, texts, inputs, chunksize=16)))
    scores = near + sampling.support * sound
    # An answer that had to be cut off is worth less than one that came to its end.
    ended = torch.tensor([row.ids[-1] == base.tokenizer.eos_token_id for row in drawn])
    scores = torch.where(ended, scores, 0.7 * scores).view(len(some), sampling.samples)
    spread = scores.std(dim=1, keepdim=True) + 0.02
    advantage = ((scores - scores.mean(dim=1, keepdim=True)) / spread).flatten()
    for group in run.optimizer.param_groups:
        group["lr"] = settings.lr * min(1.0, (step + 1) / 4)
    total = sum(len(row.ids) - row.start for row in drawn)
    for start in range(0, len(drawn), sampling.samples):
        one = slice(start, start + sampling.samples)
        _backward(base, run.student, drawn[one], advantage[one], total)
    run.update(step)
    _refresh(sampler, run.student)
    return {
        "reward": round(float(scores.mean()), 4),
        "best_of": round(float(scores.max(dim=1).values.mean()), 4),
        "near": round(float(near.mean()), 4),
        "support": round(float(sound.mean()), 4),
        "words": round(sum(len(t.split()) for t in texts) / len(texts), 1),
        "ended": round(float(ended.float().mean()), 3),
    }


def _sample(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> list[Encoded]:
    """`sampling.samples` answers to each prompt, those of one prompt side by side. Each prompt is
    read once."""
    import torch

    width, pad, many = max(map(len, prompts)), tokenizer.pad_token_id, sampling.samples
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts]).to(model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts]).to(model.device)
    model.eval()
    with torch.no_grad():
        # All but the last token, from which an answer begins.
        cache = model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=(mask[:, :-1].cumsum(dim=1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values
        cache.batch_repeat_interleave(many)
        out = model.generate(
            input_ids=ids.repeat_interleave(many, dim=0),
            attention_mask=mask.repeat_interleave(many, dim=0),
            past_key_values=cache,
            do_sample=True,
            temperature=sampling.temperature,
            top_k=0,
            top_p=1.0,
            max_new_tokens=sampling.max_tokens,
            pad_token_id=pad,
            eos_token_id=tokenizer.eos_token_id,
        )
    found = []
    for i, row in enumerate(out[:, width:].tolist()):
        if tokenizer.eos_token_id in row:
            row = row[: row.index(tokenizer.eos_token_id) + 1]
        prompt = prompts[i // many]
        found.append(Encoded((*prompt, *row), len(prompt)))
    return found


def _backward(
    base: Base, student: Any, drawn: Sequence[Encoded], advantage: Any, total: int
) -> None:
    """Gradients of the advantage-weighted log-likelihood of the answers to one prompt, per token
    of the `total` of a step."""
    import torch

    student.eval()  # the samples were drawn without dropout: so is their likelihood
    lengths = torch.tensor([len(row.ids) - row.start for row in drawn])
    weight = torch.repeat_interleave(advantage, lengths).to(base.device)
    with autocast(student, base.device):
        losses = cross_entropy(*branch_logits(base, student, drawn), reduction="none")
    ((losses * weight).sum() / total).backward()


def _refresh(sampler: Any, student: Any) -> None:
    """Makes `sampler`, a plain model, equal to `student` with its adapters merged."""
    import torch

    with torch.no_grad():
        for name, module in student.get_base_model().named_modules():
            if hasattr(module, "get_delta_weight"):
                weight = module.base_layer.weight
                merged = weight.float() + module.get_delta_weight("default").float()
                sampler.get_submodule(name).weight.copy_(merged)
