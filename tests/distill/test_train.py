"""A tiny random Llama on the processor: the loss is the right one, falls, and resumes exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gistill.distill import train as training
from gistill.distill.dataset import Row
from gistill.distill.student import Encoded, add_lora, answers, encode
from gistill.distill.train import Settings, answer_loss, plan_batches, train
from gistill.errors import BadInput

# peft still asks transformers by a name that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

_WORDS = "what is item the good bad small assistant user system a b c d e f g h . ?".split()


@pytest.fixture
def tokenizer():
    marks = ["<pad>", "<end>"]
    vocabulary = {word: i for i, word in enumerate(marks + _WORDS + ["<unk>"])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<end>", pad_token="<pad>", unk_token="<unk>"
    )
    made.chat_template = (
        "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}assistant {% endif %}"
    )
    return made


def tiny() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(_WORDS) + 3,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            tie_word_embeddings=True,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )


def rows(source: str) -> list[Row]:
    names, kinds = "abcdefgh", ("good", "bad", "small")
    return [
        Row("query", f"what is {x} ?" + " the" * i, f"{x} is {kinds[i % 3]} .", f"{source}{i}")
        for i, x in enumerate(names)
    ]


SETTINGS = Settings(
    lr=2e-2, epochs=6, rank=4, alpha=8, batch_tokens=48, evals=1, val_rows=2, keep_every=5
)


def losses(folder: Path) -> list[float]:
    import json

    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def test_the_loss_is_that_of_the_answers_alone(tokenizer):
    model = add_lora(tiny(), rank=4, alpha=8, dropout=0.0)
    batch = [encode(row, tokenizer) for row in rows("m")]
    total = count = 0.0
    for row in batch:
        labels = [-100] * row.start + list(row.ids[row.start :])
        out = model(input_ids=torch.tensor([row.ids]), labels=torch.tensor([labels]))
        total += float(out.loss.detach()) * (len(row.ids) - row.start)
        count += len(row.ids) - row.start
    assert float(answer_loss(model, batch, "cpu").detach()) == pytest.approx(
        total / count, abs=1e-5
    )


def test_an_encoded_row_ends_its_answer(tokenizer):
    row = encode(rows("m")[0], tokenizer)
    assert tokenizer.decode(row.ids[row.start :]).split() == ["a", "is", "good", ".", "<end>"]


def test_batches_hold_every_row_once_and_fit(tokenizer):
    lengths = [5 + i % 23 for i in range(200)]
    batches = plan_batches(lengths, SETTINGS, 0)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    assert all(max(lengths[i] for i in b) * len(b) <= 48 or len(b) == 1 for b in batches)
    assert batches != plan_batches(lengths, SETTINGS, 1)


def test_the_loss_falls(tokenizer, tmp_path):
    train(tiny(), tokenizer, rows("m"), rows("v"), SETTINGS, tmp_path)
    found = losses(tmp_path)
    assert min(found[-3:]) < 0.9 * found[0]
    assert (tmp_path / "lora_student" / "adapter_model.safetensors").is_file()


def test_a_killed_run_goes_on_bit_for_bit(tokenizer, tmp_path, monkeypatch):
    train(tiny(), tokenizer, rows("m"), rows("v"), SETTINGS, tmp_path / "whole")
    advance = training.Run.advance

    def killed(self, batch: list[Encoded], step: int, steps: int, device: str) -> float:
        if step == 7:
            raise KeyboardInterrupt
        return advance(self, batch, step, steps, device)

    monkeypatch.setattr(training.Run, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), tokenizer, rows("m"), rows("v"), SETTINGS, tmp_path / "cut")
    monkeypatch.setattr(training.Run, "advance", advance)
    train(tiny(), tokenizer, rows("m"), rows("v"), SETTINGS, tmp_path / "cut")
    name = "lora_student/adapter_model.safetensors"
    assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_answers_keep_the_order_of_their_prompts(tokenizer):
    from gistill.distill.student import Decoding

    model, prompts = tiny(), [row.prompt for row in rows("m")]
    how = Decoding(max_tokens=3)
    alone = [answers(model, tokenizer, [prompt], how)[0] for prompt in prompts]
    assert answers(model, tokenizer, prompts, how, batch_tokens=40) == alone


def test_rows_that_are_all_too_long_are_refused(tokenizer, tmp_path):
    settings = Settings(max_length=3)
    with pytest.raises(BadInput, match="max_length"):
        train(tiny(), tokenizer, rows("m"), rows("v"), settings, tmp_path)
