from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from safetensors.numpy import save_file

from gistill.errors import BadInput
from gistill.models.adapter import read_adapter
from gistill.models.gguf_file import open_gguf, write_f16


def write_adapter(folder: Path, modules: tuple[str, ...] = ("q_proj",), **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(1)
    tensors = {}
    for module in modules:
        name = f"base_model.model.model.layers.0.self_attn.{module}"
        tensors[f"{name}.lora_A.weight"] = rng.standard_normal((4, 64)).astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = rng.standard_normal((64, 4)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_scale_is_alpha_over_rank_or_its_root(tmp_path: Path) -> None:
    assert read_adapter(write_adapter(tmp_path / "plain")).scale == 2.0
    assert read_adapter(write_adapter(tmp_path / "rs", use_rslora=True)).scale == 4.0


def test_delta_is_scaled_b_times_a(tmp_path: Path) -> None:
    adapter = read_adapter(write_adapter(tmp_path))
    a, b = adapter.targets["blk.0.attn_q.weight"]
    assert np.allclose(adapter.delta("blk.0.attn_q.weight"), 2 * b @ a)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "IA3"}, "not a plain LoRA"),
        ({"bias": "all"}, "not a plain LoRA"),
        ({"use_dora": True}, "use_dora"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
    ],
)
def test_other_kinds_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_adapter(write_adapter(tmp_path, **settings))


def test_modules_that_gguf_has_no_name_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no linear layer of a Llama"):
        read_adapter(write_adapter(tmp_path, modules=("qkv_proj",)))


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a readable peft adapter"):
        read_adapter(tmp_path)


@pytest.mark.filterwarnings("ignore")  # peft's and torch's own
@pytest.mark.parametrize("rslora", [False, True])
def test_a_merged_model_says_what_peft_says(
    tiny_f16: Path, load_gguf: Any, tmp_path: Path, rslora: bool
) -> None:
    """Base weights plus adapter, once by peft on transformers' reading of the file, once merged
    by us into a new file: the permuted rows of q and k must end up in the right places."""
    import peft
    import torch

    torch.manual_seed(5)
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(
        r=4,
        lora_alpha=6,
        use_rslora=rslora,
        target_modules=names,
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    with_adapter = peft.get_peft_model(load_gguf(tiny_f16), config).eval()
    for name, parameter in with_adapter.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.15)
    with_adapter.save_pretrained(tmp_path / "adapter")
    merged = tmp_path / "merged.gguf"
    write_f16(open_gguf(tiny_f16), merged, read_adapter(tmp_path / "adapter"))

    ids = torch.arange(3, 60)[None]
    with torch.no_grad():
        expected = with_adapter(ids).logits
        plain = load_gguf(tiny_f16)(ids).logits
        found = load_gguf(merged)(ids).logits
    error = (found - expected).abs().mean() / (plain - expected).abs().mean()
    assert error < 0.01  # float16 rounding; a wrong row order gives about 1


def test_an_adapter_for_another_model_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    adapter = read_adapter(write_adapter(tmp_path / "adapter", modules=("k_proj",)))
    with pytest.raises(BadInput, match="trained on another model"):
        write_f16(open_gguf(tiny_f16), tmp_path / "merged.gguf", adapter)


def test_an_adapter_for_layers_that_are_not_there_is_refused(
    tiny_f16: Path, tmp_path: Path
) -> None:
    adapter = read_adapter(write_adapter(tmp_path / "adapter"))
    adapter.targets["blk.9.attn_q.weight"] = adapter.targets.pop("blk.0.attn_q.weight")
    with pytest.raises(BadInput, match=r"blk\.9"):
        write_f16(open_gguf(tiny_f16), tmp_path / "merged.gguf", adapter)
    assert GGUFReader(tiny_f16).tensors  # the source is untouched
