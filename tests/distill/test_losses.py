"""Losses: of the answers alone, the same in any layout, and zero from oneself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gistill.distill.base import Base, open_base
from gistill.distill.dataset import Row
from gistill.distill.losses import (
    answer_logits,
    branch_logits,
    check_same_tokenizer,
    cross_entropy,
    divergence,
)
from gistill.distill.student import Encoded, encode
from gistill.errors import BadInput


def encoded(base: Base, data: dict[str, list[Row]]) -> list[Encoded]:
    return [encode(row, base) for row in data["train"][:5]]


def plain(base: Base, row: Encoded) -> tuple[float, int]:
    """The loss by transformers' own way, and its tokens."""
    answer = list(row.ids[row.start :])
    if base.seq2seq:
        out = base.model(
            input_ids=torch.tensor([row.ids[: row.start]]), labels=torch.tensor([answer])
        )
    else:
        labels = torch.tensor([[-100] * row.start + answer])
        out = base.model(input_ids=torch.tensor([row.ids]), labels=labels)
    return float(out.loss.detach()) * len(answer), len(answer)


def test_the_loss_is_that_of_the_answers_alone(base: Base, data: dict[str, list[Row]]) -> None:
    batch = encoded(base, data)
    assert len({row.start for row in batch}) > 1
    logits, targets = answer_logits(base, base.model, batch)
    assert targets.tolist() == [i for row in batch for i in row.ids[row.start :]]
    expected = [plain(base, row) for row in batch]
    found = float(cross_entropy(logits, targets).detach())
    assert found == pytest.approx(sum(loss for loss, _ in expected), rel=1e-4)
    each = cross_entropy(logits, targets, reduction="none").detach()
    first = expected[0]
    assert float(each[: first[1]].sum()) == pytest.approx(first[0], rel=1e-4)


def test_packed_rows_do_not_see_each_other(causal: Base, data: dict[str, list[Row]]) -> None:
    batch = encoded(causal, data)
    side_by_side, targets = answer_logits(causal, causal.model, batch)
    packed, same = answer_logits(causal, causal.model, batch, packed=True)
    assert torch.equal(targets, same)
    assert torch.allclose(packed, side_by_side, atol=1e-4)
    other = [batch[-1], *batch[1:]]  # another first row changes nothing for the second
    changed, _ = answer_logits(causal, causal.model, other, packed=True)
    first, count = len(batch[0].ids) - batch[0].start, len(batch[1].ids) - batch[1].start
    last = len(batch[-1].ids) - batch[-1].start
    assert torch.allclose(changed[last : last + count], packed[first : first + count], atol=1e-4)


def test_answers_to_one_prompt_see_it_and_themselves(
    causal: Base, data: dict[str, list[Row]]
) -> None:
    first, *others = encoded(causal, data)
    prompt = first.ids[: first.start]
    batch = [first, *(Encoded((*prompt, *o.ids[o.start :]), first.start) for o in others)]
    assert len({len(row.ids) for row in batch}) > 1
    apart, targets = answer_logits(causal, causal.model, batch)
    branched, same = branch_logits(causal, causal.model, batch)
    assert torch.equal(targets, same)
    assert torch.allclose(branched, apart, atol=1e-4)


def test_models_without_a_choice_of_positions_give_the_same(
    causal: Base, data: dict[str, list[Row]]
) -> None:
    class Whole:
        """Gives logits everywhere, as older models do."""

        def forward(self, input_ids: Any, use_cache: bool) -> Any:
            return causal.model(input_ids=input_ids, use_cache=use_cache)

        __call__ = forward

    batch = encoded(causal, data)
    whole, _ = answer_logits(causal, Whole(), batch)
    some, _ = answer_logits(causal, causal.model, batch)
    assert torch.allclose(whole, some, atol=1e-5)


def test_divergence_is_zero_from_oneself_and_kl_otherwise() -> None:
    torch.manual_seed(0)
    ours, theirs = torch.randn(6, 11), torch.randn(6, 11)
    assert float(divergence(ours, ours, 2.0)) == pytest.approx(0, abs=1e-5)
    p, q = theirs.softmax(-1), ours.softmax(-1)
    expected = float((p * (p.log() - q.log())).sum())
    assert float(divergence(ours, theirs, 1.0)) == pytest.approx(expected, rel=1e-4)
    # At high temperatures it goes to half the squared distance of the centred logits a word.
    apart = (ours - ours.mean(-1, keepdim=True)) - (theirs - theirs.mean(-1, keepdim=True))
    assert float(divergence(ours, theirs, 200.0)) == pytest.approx(
        float((apart**2).sum() / 2 / 11), rel=0.05
    )


def test_padding_of_the_vocabulary_is_left_out() -> None:
    torch.manual_seed(0)
    ours, theirs = torch.randn(3, 8), torch.randn(3, 8)
    padded = torch.cat([theirs, torch.full((3, 4), 9.0)], dim=1)
    assert torch.equal(divergence(ours, padded, 1.0), divergence(ours, theirs, 1.0))


def test_only_the_same_tokenizer_is_comparable(llama: Path, bart: Path, t5: Path) -> None:
    one, other = (open_base(str(llama), device="cpu") for _ in range(2))
    check_same_tokenizer(one, other)
    with pytest.raises(BadInput, match="not of one kind"):
        check_same_tokenizer(one, open_base(str(t5), device="cpu"))
    with pytest.raises(BadInput, match="different tokenizers"):
        check_same_tokenizer(open_base(str(bart), device="cpu"), open_base(str(t5), device="cpu"))
