"""The student on tiny checkpoints: what it reads, what it answers, how it is scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gistill.bench import scores
from gistill.distill.base import Base, open_base
from gistill.distill.dataset import Row
from gistill.distill.settings import Settings
from gistill.distill.student import (
    Decoding,
    add_lora,
    answers,
    by_length,
    encode,
    prompt_ids,
    rouge,
)
from gistill.engines import open_engine
from gistill.errors import BadInput
from gistill.types import Request

PROMPTS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: nobody objected.",
    "Cleo: The remote control needs a new battery; the plastic one saves 3 euros a unit.",
]
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PLAIN = Settings(rank=4, alpha=8, dropout=0.0)


def test_adapters_alone_are_trained_and_change_nothing_at_first(causal: Base) -> None:
    ids = torch.tensor([prompt_ids(causal, PROMPTS[0])])
    with torch.no_grad():
        before = causal.model(ids).logits
        student = add_lora(causal, PLAIN).eval()
        assert torch.allclose(student(ids).logits, before, atol=1e-5)
    trained = {name for name, weight in student.named_parameters() if weight.requires_grad}
    assert all("lora_" in name for name in trained)
    assert len(trained) == 2 * len(LINEAR) * causal.model.config.num_hidden_layers
    assert not any("lm_head" in name for name in trained)


def test_layers_can_be_chosen(base: Base) -> None:
    wanted = "q_proj,v_proj" if not base.seq2seq else "q,v"
    student = add_lora(base, replace(PLAIN, targets=wanted))
    trained = {n.split(".lora_")[0].split(".")[-1] for n, w in student.named_parameters()
               if w.requires_grad}  # fmt: skip
    assert trained == set(wanted.split(","))


def test_layers_that_are_not_there_are_refused(causal: Base) -> None:
    with pytest.raises(BadInput, match="no adapter fits"):
        add_lora(causal, replace(PLAIN, targets="nose"))


def test_dora_and_rslora_are_what_they_say(causal: Base, llama: Path) -> None:
    config = add_lora(causal, replace(PLAIN, rslora=True)).peft_config["default"]
    assert config.use_rslora
    other = open_base(str(llama), device="cpu", precision="fp32")
    student = add_lora(other, replace(PLAIN, dora=True))
    assert any("magnitude" in n for n, w in student.named_parameters() if w.requires_grad)


def test_a_prompt_is_one_message_ready_to_be_answered(causal: Base) -> None:
    text = causal.tokenizer.decode(prompt_ids(causal, PROMPTS[0]))
    assert text == f"<|im_start|>user\n{PROMPTS[0]}<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("name", ["llama", "t5", "bart"])
def test_the_student_reads_what_the_engine_will_give_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    base = open_base(str(folder), device="cpu", precision="fp32")
    engine = open_engine(f"hf:{folder}")
    for prompt in PROMPTS:
        assert prompt_ids(base, prompt) == engine._ids(prompt)  # type: ignore[attr-defined]
    ours = answers(base, base.model, PROMPTS, Decoding(max_tokens=8, repetition_penalty=1.0))
    done = engine.generate([Request(p, p, 8) for p in PROMPTS])
    assert ours == [c.text for c in sorted(done, key=lambda c: c.index)]


def test_a_row_is_its_input_its_target_and_an_end(base: Base) -> None:
    row = encode(Row("whole", PROMPTS[0], "nobody objected.", "m1"), base)
    assert list(row.ids[: row.start]) == prompt_ids(base, PROMPTS[0])
    assert base.tokenizer.decode(row.ids[row.start : -1]) == "nobody objected."
    assert row.ids[-1] == base.tokenizer.eos_token_id
    assert row.ids[-2] != base.tokenizer.eos_token_id


@pytest.mark.parametrize("how", [Decoding(max_tokens=6), Decoding(max_tokens=6, beams=2)])
def test_answers_do_not_depend_on_their_company(base: Base, how: Decoding) -> None:
    alone = [answers(base, base.model, [prompt], how)[0] for prompt in PROMPTS]
    assert answers(base, base.model, PROMPTS, how) == alone
    assert answers(base, base.model, PROMPTS, how, batch_tokens=30) == alone
    assert len(set(alone)) > 1


def test_answers_keep_their_length(base: Base) -> None:
    (short,) = answers(base, base.model, PROMPTS[:1], Decoding(max_tokens=2))
    (long,) = answers(base, base.model, PROMPTS[:1], Decoding(max_tokens=12))
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


def test_rouge_is_the_benchs_own() -> None:
    texts = ["It costs two. Dr. Who agreed.", "Nobody spoke."]
    references = ["It cost two euros. Dr. Who agreed with it.", "The case is rubber."]
    found = rouge(texts, references)
    frozen = scores.rouge(texts, references)[:, :, 2].mean(axis=0)
    assert list(found.values()) == [round(float(x), 2) for x in frozen]
    assert found["rougeLsum"] > found["rouge2"] > 0


def test_rouge_of_the_same_text_is_100_and_of_another_0() -> None:
    names = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    assert rouge(["The case is rubber."], ["The case is rubber."]) == dict.fromkeys(names, 100.0)
    assert rouge(["Nobody spoke."], ["The case is rubber."]) == dict.fromkeys(names, 0.0)


def test_each_text_needs_its_reference() -> None:
    with pytest.raises(BadInput, match="1 summaries, but 2 references"):
        rouge(["one"], ["one", "two"])
