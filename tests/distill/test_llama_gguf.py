"""A Llama as a GGUF file reads back as the same model, and what is none is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gistill.distill.base import Base, open_base
from gistill.distill.llama_gguf import write
from gistill.distill.student import prompt_ids
from gistill.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own, on GGUF files
PROMPT = "Ann: We decided to raise the budget by 12 percent, naïvely, in 日本."


@pytest.mark.parametrize("tied", [False, True])
def test_it_reads_back_as_the_same_model(llama: Path, tmp_path: Path, tied: bool) -> None:
    base = open_base(str(llama), device="cpu", precision="fp32")
    if tied:
        base.model.lm_head.weight = base.model.model.embed_tokens.weight
    write(base.model, base.tokenizer, tmp_path / "tiny.gguf")
    again = open_base(str(tmp_path / "tiny.gguf"), device="cpu", precision="fp32")
    ids = prompt_ids(base, PROMPT)
    assert prompt_ids(again, PROMPT) == ids
    assert again.tokenizer.eos_token_id == base.tokenizer.eos_token_id
    with torch.no_grad():
        wanted = base.model(torch.tensor([ids])).logits
        found = again.model(torch.tensor([ids])).logits
    assert float((wanted - found).abs().mean()) < 0.01 * float(wanted.abs().mean())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "qwen2"}, "only plain Llamas"),
        ({"attention_bias": True}, "only plain Llamas"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope scaling 'yarn'"),
    ],
)
def test_other_models_are_refused(
    causal: Base, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    for name, value in change.items():
        setattr(causal.model.config, name, value)
    with pytest.raises(BadInput, match=said):
        write(causal.model, causal.tokenizer, tmp_path / "tiny.gguf")


def test_other_tokenizers_are_refused(causal: Base, seq2seq: Base, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="only models with BPE tokenizers"):
        write(causal.model, seq2seq.tokenizer, tmp_path / "tiny.gguf")
