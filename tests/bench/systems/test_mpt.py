from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import MptConfig, MptForCausalLM

from gistill.bench.systems import Options
from gistill.bench.systems.mpt import Mpt
from gistill.errors import BadInput, EngineFailed

HEADS, WIDTH, LAYERS, TRAINED = 4, 32, 2, 64
# What mosaicml/mpt-7b-storywriter has in config.json, with small sizes.
RELEASED = {
    "architectures": ["MPTForCausalLM"],
    "attn_config": {
        "alibi": True,
        "alibi_bias_max": 16,
        "attn_impl": "torch",
        "attn_pdrop": 0,
        "attn_type": "multihead_attention",
        "attn_uses_sequence_id": False,
        "clip_qkv": 6,
        "prefix_lm": False,
        "qk_ln": False,
        "softmax_scale": None,
    },
    "auto_map": {"AutoConfig": "configuration_mpt.MPTConfig"},
    "d_model": WIDTH,
    "emb_pdrop": 0,
    "embedding_fraction": 1.0,
    "expansion_ratio": 4,
    "init_config": {"name": "kaiming_normal_", "verbose": 0},
    "init_device": "cpu",
    "learned_pos_emb": True,
    "logit_scale": None,
    "max_seq_len": TRAINED,
    "model_type": "mpt",
    "n_heads": HEADS,
    "n_layers": LAYERS,
    "no_bias": True,
    "norm_type": "low_precision_layernorm",
    "resid_pdrop": 0,
    "tokenizer_name": "EleutherAI/gpt-neox-20b",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.28.1",
    "use_cache": False,
    "verbose": 0,
    "vocab_size": 400,
}


@pytest.fixture
def folder(release: Any) -> Path:
    torch.manual_seed(3)
    config = MptConfig(
        d_model=WIDTH, n_heads=HEADS, n_layers=LAYERS, vocab_size=400, initializer_range=0.4
    )
    path: Path = release(MptForCausalLM(config), RELEASED)
    return path


def opened(folder: Path, prefill: int = 256, **settings: Any) -> Mpt:
    asked = {"max_seq_len": 1500, "max_new_tokens": 12} | settings
    return Mpt(Options(model=str(folder), **asked), prefill)


def plain(model: Any, ids: list[int]) -> Tensor:
    """MPT written down: biases fall linearly with distance, head by head; all (tokens, vocab)."""
    weights = {name: value.double() for name, value in model.state_dict().items()}

    def norm(rows: Tensor, name: str) -> Tensor:
        centred = rows - rows.mean(1, keepdim=True)
        spread = (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
        return centred / spread * weights[f"transformer.{name}.weight"]

    count = len(ids)
    places = torch.arange(count)
    distance = (places[:, None] - places[None, :]).double()
    rows = weights["transformer.wte.weight"][ids]
    for layer in range(LAYERS):
        name = f"transformer.blocks.{layer}"
        inner = norm(rows, f"blocks.{layer}.norm_1") @ weights[f"{name}.attn.Wqkv.weight"].T
        queries, keys, values = inner.clamp(-6, 6).split(WIDTH, dim=1)
        heads = []
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = queries[:, part] @ keys[:, part].T / math.sqrt(WIDTH / HEADS)
            scores = scores - distance * 2 ** (-16 * (head + 1) / HEADS)
            shares = scores.masked_fill(distance < 0, -math.inf).softmax(1)
            heads.append(shares @ values[:, part])
        rows = rows + torch.cat(heads, dim=1) @ weights[f"{name}.attn.out_proj.weight"].T
        inner = norm(rows, f"blocks.{layer}.norm_2") @ weights[f"{name}.ffn.up_proj.weight"].T
        rows = rows + torch.nn.functional.gelu(inner) @ weights[f"{name}.ffn.down_proj.weight"].T
    return norm(rows, "norm_f") @ weights["transformer.wte.weight"].T


@pytest.mark.parametrize("count", [1, TRAINED, 5 * TRAINED])
def test_it_equals_mpt_written_down_past_its_training_context(folder: Path, count: int) -> None:
    model = opened(folder)._checkpoint.model
    ids = torch.randint(3, 400, (count,), generator=torch.Generator().manual_seed(0)).tolist()
    with torch.inference_mode():
        scores = model(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(scores.double(), plain(model, ids), atol=1e-3, rtol=1e-3)


ASKED = "\n\nWhat of it?\nA short summary of the following conversation is:"


def test_the_answer_continues_the_prompt(folder: Path, transcript: str) -> None:
    it = opened(folder)
    ids = it._checkpoint.tokenizer(transcript + ASKED).input_ids
    prompt = len(ids)
    assert prompt > 5 * TRAINED
    made: list[int] = []
    while len(made) < 12 and 2 not in made:
        made.append(int(plain(it._checkpoint.model, ids + made)[-1].argmax()))
    answer = it.summarize(transcript, "What of it?")
    decoded = it._checkpoint.tokenizer.decode(made, skip_special_tokens=True)
    assert answer.text == decoded.strip()
    assert (answer.tokens_in, answer.cut) == (prompt, 0)
    assert answer.tokens_out == len([token for token in made if token != 2])


def test_reading_in_pieces_changes_nothing(folder: Path, transcript: str) -> None:
    answers = {
        opened(folder, prefill=size).summarize(transcript, "Why?") for size in (1500, 256, 100)
    }
    assert len(answers) == 1


def test_what_does_not_fit_is_cut_and_counted(folder: Path, transcript: str) -> None:
    it = opened(folder, max_seq_len=200)
    answer = it.summarize(transcript, "What of it?")
    ids = it._checkpoint.tokenizer(transcript, add_special_tokens=False).input_ids
    kept = it._checkpoint.tokenizer.decode(ids[: -answer.cut])
    assert 180 < answer.tokens_in <= 200 - 12
    assert answer.tokens_in == len(it._checkpoint.tokenizer(kept + ASKED).input_ids)
    with pytest.raises(BadInput, match="leaves no room for the transcript in 28 tokens"):
        opened(folder, max_seq_len=40).summarize(transcript, "What of it?")


def test_the_settings_of_the_checkpoint_are_not_used(folder: Path, transcript: str) -> None:
    expected = opened(folder).summarize(transcript, "Why?")
    settings = {"do_sample": True, "temperature": 9.0, "max_length": 3, "repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert opened(folder).summarize(transcript, "Why?") == expected


@pytest.mark.parametrize("placement", ["cpu", "sequential", "file", "disk"])
def test_placement_changes_nothing(
    folder: Path, transcript: str, placement: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = opened(folder).summarize(transcript, "Why?")
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    if placement in ("file", "disk"):
        where = {
            "transformer.wte": "cpu",
            "transformer.blocks.0": "cpu",
            "transformer.blocks.1": "disk" if placement == "disk" else "cpu",
            "transformer.norm_f": "cpu",
            "lm_head": "cpu",
        }
        placement = str(tmp_path / "map.json")
        Path(placement).write_text(json.dumps(where), encoding="utf-8")
    assert opened(folder, device_map=placement).summarize(transcript, "Why?") == expected


def test_maps_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.json cannot be read"):
        opened(folder, device_map=str(tmp_path / "nowhere.json"))
    path = tmp_path / "list.json"
    path.write_text("[0, 1]", encoding="utf-8")
    with pytest.raises(BadInput, match="maps no modules"):
        opened(folder, device_map=str(path))
    path.write_text('{"": "nowhere"}', encoding="utf-8")
    with pytest.raises(EngineFailed, match="cannot load"):
        opened(folder, device_map=str(path))


def test_a_model_without_alibi_is_refused(folder: Path) -> None:
    config = RELEASED | {"attn_config": {"alibi": False}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BadInput, match="has no ALiBi"):
        opened(folder)


def test_it_is_a_system_of_the_bench(folder: Path, runs: Any) -> None:
    output = runs("mpt-storywriter", Options(model=str(folder), max_new_tokens=5))
    assert (output.tokens_in > 40, output.tokens_out <= 5, output.notes) == (True, True, ())
    cut = runs("mpt-storywriter", Options(model=str(folder), max_seq_len=60, max_new_tokens=5))
    assert cut.tokens_in <= 55
    assert "did not fit, unread" in cut.notes[0]
