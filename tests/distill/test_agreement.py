"""Agreement is whole with oneself, and tells another model apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gistill.distill import agreement
from gistill.distill.agreement import Agreement, Case, Judged, measure
from gistill.distill.base import Base
from gistill.distill.student import prompt_ids

PROMPTS = ["Ann: We decided to raise the budget by 12 percent.", "Bob: nobody objected."]


def cases(base: Base) -> list[Case]:
    return [agreement.case(base, base.model, prompt_ids(base, p), None) for p in PROMPTS]


def test_a_model_agrees_with_itself(base: Base) -> None:
    found = measure(agreement.of_torch(base.model, seq2seq=base.seq2seq), cases(base))
    assert found.greedy == 1.0
    assert found.sound
    assert found.perplexity < base.model.config.vocab_size


def test_perplexity_is_that_of_transformers(causal: Base) -> None:
    prompt = prompt_ids(causal, PROMPTS[0])
    target = causal.tokenizer(PROMPTS[1], add_special_tokens=False).input_ids
    case = Case(prompt, target, target)
    labels = torch.tensor([[-100] * len(prompt) + target])
    loss = causal.model(input_ids=torch.tensor([prompt + target]), labels=labels).loss
    found = measure(agreement.of_torch(causal.model, seq2seq=False), [case])
    assert found.perplexity == pytest.approx(float(loss.detach().exp()), rel=1e-4)


def test_another_model_does_not_agree(base: Base) -> None:
    known = cases(base)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in base.model.parameters():
            weight += 0.3 * torch.randn_like(weight)
    found = measure(agreement.of_torch(base.model, seq2seq=base.seq2seq), known)
    assert found.greedy < agreement.LEAST
    assert not found.sound


def test_shares_are_over_all_tokens() -> None:
    def judge(prompt: list[int], answer: list[int]) -> Judged:
        chosen = np.array(answer)
        chosen[: prompt[0]] += 1  # so many are chosen otherwise
        return Judged(np.full(len(answer), np.log(0.5)), chosen)

    found = measure(judge, [Case([1], [5, 6], [5, 6, 7, 8]), Case([0], [5], [9])])
    assert (found.greedy, found.tokens) == (pytest.approx(4 / 5), 5)
    assert found.perplexity == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("greedy", "tokens", "sound"),
    [(0.9, 1000, True), (0.89, 1000, False), (6 / 7, 7, True), (0.5, 20, False)],
)
def test_few_tokens_are_no_measure(greedy: float, tokens: int, sound: bool) -> None:
    assert Agreement(1.0, greedy, tokens).sound == sound
