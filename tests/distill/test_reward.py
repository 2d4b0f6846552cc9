"""Training on own samples: what is drawn, what it is worth, and which way it pushes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gistill.distill.base import Base
from gistill.distill.dataset import Row
from gistill.distill.losses import answer_logits, cross_entropy
from gistill.distill.reward import (
    Sampling,
    _backward,
    _refresh,
    _sample,
    nearness,
    reinforce,
)
from gistill.distill.settings import Settings
from gistill.distill.student import add_lora, prompt_ids
from gistill.errors import BadInput

PROMPTS = ("Ann: We raise the budget.", "Bob?")
SETTINGS = Settings(lr=1e-2, rank=4, alpha=8, dropout=0.0, average=0.0, batch_tokens=10_000)
SAMPLING = Sampling(
    steps=1, questions=2, samples=3, max_tokens=6, max_prompt=100, evals_every=5, workers=1
)


def rows(source: str) -> list[Row]:
    return [Row("whole", prompt, "The budget is raised.", source) for prompt in PROMPTS]


@pytest.fixture
def student(causal: Base) -> tuple[Base, Any]:
    """A tiny model, and the same with adapters that already say something."""
    torch.manual_seed(0)
    adapted = add_lora(causal, SETTINGS)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    return causal, adapted


words = st.lists(st.sampled_from("the case is made of rubber and plastic".split()), max_size=12)


@examples(deadline=None)
@given(words, words)
def test_a_reward_is_a_share_and_whole_for_the_reference_itself(said: Any, wanted: Any) -> None:
    text, reference = " ".join(said), " ".join(wanted)
    assert 0 <= nearness(text, reference) <= 1
    if len(wanted) > 1:
        assert nearness(reference, reference) == pytest.approx(1)


def test_a_nearer_answer_is_worth_more() -> None:
    reference = "The case will be made of rubber."
    texts = ("Nobody spoke.", "The chip is cheap.", "The case is rubber.", reference)
    rewards = [nearness(text, reference) for text in texts]
    assert rewards == sorted(set(rewards))


def test_samples_of_a_prompt_stand_side_by_side_and_end_once(student: tuple[Base, Any]) -> None:
    base, model = student
    prompts = [prompt_ids(base, prompt) for prompt in PROMPTS]
    torch.manual_seed(0)
    drawn = _sample(model, base.tokenizer, prompts, SAMPLING)
    assert len(drawn) == 2 * SAMPLING.samples
    for i, one in enumerate(drawn):
        prompt = prompts[i // SAMPLING.samples]
        answer = one.ids[one.start :]
        assert list(one.ids[: one.start]) == prompt
        assert 1 <= len(answer) <= SAMPLING.max_tokens
        assert base.tokenizer.eos_token_id not in answer[:-1]
    assert len({one.ids for one in drawn}) > 2


def test_samples_go_on_from_their_whole_prompt(student: tuple[Base, Any]) -> None:
    base, model = student
    prompts = [prompt_ids(base, prompt) for prompt in PROMPTS]
    assert len({len(prompt) for prompt in prompts}) == 2
    cold = replace(SAMPLING, temperature=1e-6)
    for one in _sample(model, base.tokenizer, prompts, cold):
        ids = torch.tensor([one.ids])
        likeliest = model(ids).logits[0, one.start - 1 : -1].argmax(-1)
        assert likeliest.tolist() == list(one.ids[one.start :])


def test_models_with_an_encoder_are_refused(seq2seq: Base, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="encoder"):
        reinforce(seq2seq, seq2seq.model, rows("m"), rows("v"), SETTINGS, SAMPLING, tmp_path)


@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_what_is_better_than_the_others_becomes_likelier(
    student: tuple[Base, Any], advantage: float
) -> None:
    base, model = student
    torch.manual_seed(0)
    prompt = prompt_ids(base, PROMPTS[0])
    drawn = _sample(model, base.tokenizer, [prompt], SAMPLING)[:1]
    before = float(cross_entropy(*answer_logits(base, model, drawn)).detach())
    _backward(base, model, drawn, torch.tensor([advantage]), 6)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 0.01 * weight.grad
    after = float(cross_entropy(*answer_logits(base, model, drawn)).detach())
    assert (before - after) * advantage > 0


def test_gradients_are_those_of_answers_read_apart(student: tuple[Base, Any]) -> None:
    base, model = student
    torch.manual_seed(0)
    drawn = _sample(model, base.tokenizer, [prompt_ids(base, PROMPTS[0])], SAMPLING)
    advantage, total = torch.linspace(-1, 1, len(drawn)), 20
    _backward(base, model, drawn, advantage, total)
    together = [w.grad.clone() for w in model.parameters() if w.grad is not None]
    model.zero_grad()
    for one, worth in zip(drawn, advantage, strict=True):
        (worth * cross_entropy(*answer_logits(base, model, [one])) / total).backward()
    apart = [w.grad for w in model.parameters() if w.grad is not None]
    for ours, theirs in zip(together, apart, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()) + 1e-6)


def test_a_refreshed_sampler_speaks_as_the_student(student: tuple[Base, Any]) -> None:
    base, model = student
    sampler = copy.deepcopy(model).merge_and_unload()
    ids = torch.tensor([prompt_ids(base, PROMPTS[0])])
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight += 0.1
        model.eval()
        assert not torch.allclose(sampler(ids).logits, model(ids).logits, atol=1e-2)
        _refresh(sampler, model)
        assert torch.allclose(sampler(ids).logits, model(ids).logits, atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "every", "evaluated"),
    [
        (1, 5, [0, 1]),  # as it came, and at the end
        (2, 2, [0, 2]),  # the last step is not evaluated twice
        (3, 2, [0, 2, 3]),
        (0, 5, [0]),
    ],
)
def test_training_goes_on_from_what_it_was_given_and_is_no_worse(
    student: tuple[Base, Any], tmp_path: Path, steps: int, every: int, evaluated: list[int]
) -> None:
    base, model = student
    how = replace(SAMPLING, steps=steps, evals_every=every)
    best = reinforce(base, model, rows("m"), rows("v"), SETTINGS, how, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    evaluations = [line for line in lines if "rougeLsum" in line]
    assert [line["step"] for line in evaluations] == evaluated
    found = [line["rougeLsum"] for line in evaluations]
    assert best["rougeLsum"] == max(found) >= found[0]
    made = [line for line in lines if "reward" in line]
    assert len(made) == steps
    assert all(0 <= line["reward"] <= line["best_of"] <= 1 for line in made)
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["samples"], record["done"], record["best"]) == (3, steps, best)
    assert (tmp_path / "lora_student" / "adapter_model.safetensors").is_file()


def test_one_sample_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(BadInput, match="samples is 1; two at least"):
        Sampling(samples=1)


def test_prompts_that_are_all_too_long_are_refused(
    student: tuple[Base, Any], tmp_path: Path
) -> None:
    base, model = student
    short = Sampling(max_prompt=2)
    with pytest.raises(BadInput, match="max_prompt"):
        reinforce(base, model, rows("m"), rows("v"), SETTINGS, short, tmp_path)
