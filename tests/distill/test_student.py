"""The student on tiny checkpoints: what it reads, what it answers, how it is scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gistill.distill.dataset import Row
from gistill.distill.student import (
    TARGETS,
    Decoding,
    add_lora,
    answers,
    by_length,
    encode,
    load_base,
    prompt_ids,
    rouge,
)
from gistill.errors import BadInput

# peft still asks transformers by a name that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

PROMPTS = ["Ann: We raise the budget.", "Bob?", "Cleo: The remote control needs a new battery."]


@pytest.fixture(scope="module")
def base(llama: Path) -> tuple[Any, Any]:
    return load_base(llama, "cpu", "fp32")


def test_a_missing_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="gistill models get"):
        load_base(tmp_path / "none.gguf", "cpu")


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float)])
def test_weights_are_of_the_precision_asked_for(llama: Path, precision: str, dtype: Any) -> None:
    model, _ = load_base(llama, "cpu", precision)
    assert {weight.dtype for weight in model.parameters()} == {dtype}


def test_adapters_alone_are_trained_and_change_nothing_at_first(llama: Path) -> None:
    model, tokenizer = load_base(llama, "cpu", "fp32")
    ids = torch.tensor([prompt_ids(tokenizer, PROMPTS[0])])
    with torch.no_grad():
        before = model(ids).logits
        student = add_lora(model, rank=4, alpha=8, dropout=0.0).eval()
        assert torch.allclose(student(ids).logits, before, atol=1e-5)
    trained = {name for name, weight in student.named_parameters() if weight.requires_grad}
    assert all("lora_" in name for name in trained)
    layers = model.config.num_hidden_layers
    assert len(trained) == 2 * len(TARGETS) * layers
    assert not any("lm_head" in name for name in trained)


def test_a_prompt_is_one_message_ready_to_be_answered(base: tuple[Any, Any]) -> None:
    _, tokenizer = base
    text = tokenizer.decode(prompt_ids(tokenizer, PROMPTS[0]))
    assert text == f"<|im_start|>user\n{PROMPTS[0]}<|im_end|>\n<|im_start|>assistant\n"


def test_a_row_is_its_prompt_its_answer_and_an_end(base: tuple[Any, Any]) -> None:
    _, tokenizer = base
    row = encode(Row("whole", PROMPTS[0], "We agreed.", "m1"), tokenizer)
    assert list(row.ids[: row.start]) == prompt_ids(tokenizer, PROMPTS[0])
    assert tokenizer.decode(row.ids[row.start : -1]) == "We agreed."
    assert row.ids[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize("how", [Decoding(max_tokens=6), Decoding(max_tokens=6, beams=2)])
def test_answers_do_not_depend_on_their_company(base: tuple[Any, Any], how: Decoding) -> None:
    alone = [answers(*base, [prompt], how)[0] for prompt in PROMPTS]
    assert answers(*base, PROMPTS, how) == alone
    assert len(set(alone)) > 1


def test_answers_keep_their_length(base: tuple[Any, Any]) -> None:
    (short,) = answers(*base, PROMPTS[:1], Decoding(max_tokens=2))
    (long,) = answers(*base, PROMPTS[:1], Decoding(max_tokens=12))
    assert long.startswith(short)
    assert len(long) > len(short)


@given(st.lists(st.integers(1, 100), max_size=60), st.integers(1, 400))
def test_batches_hold_every_index_once_and_fit(lengths: list[int], batch_tokens: int) -> None:
    batches = list(by_length(lengths, batch_tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        width = max(lengths[i] for i in batch)
        assert len(batch) == 1 or width * len(batch) <= batch_tokens
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)


def test_rouge_of_the_same_text_is_100_and_of_another_0() -> None:
    names = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    assert rouge(["The case is rubber."], ["The case is rubber."]) == dict.fromkeys(names, 100.0)
    assert rouge(["Nobody spoke."], ["The case is rubber."]) == dict.fromkeys(names, 0.0)


def test_rouge_is_a_mean_over_texts_by_stems() -> None:
    found = rouge(["It costs two.", "Nobody spoke."], ["It cost two.", "The case."])
    assert found["rouge1"] == 50.0


def test_sentences_in_another_order_count_for_lsum_alone() -> None:
    reference = "The case is made of rubber. Nobody asked about battery life."
    turned = "Nobody asked about battery life. The case is made of rubber."
    found = rouge([turned], [reference])
    assert found["rougeLsum"] == 100.0
    assert found["rougeL"] < 70


def test_each_text_needs_its_reference() -> None:
    with pytest.raises(ValueError, match="zip"):
        rouge(["one", "two"], ["one"])
