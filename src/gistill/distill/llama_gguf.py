"""A Llama from transformers as a GGUF file, the form that OpenVINO is built from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from gistill.errors import BadInput

_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write(model: Any, tokenizer: Any, path: Path) -> None:
    """Writes `model`, with its tokenizer and chat template, to `path`: matrices in 16 bits.

    How a tokenizer splits text into words does not go into a GGUF file but by name: readers may
    split otherwise.

    Raises: BadInput for anything but a plain Llama with a BPE tokenizer.
    """
    config = model.config
    scaling = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if config.model_type != "llama" or config.attention_bias or config.mlp_bias:
        raise BadInput(
            f"only plain Llamas can be written for OpenVINO here, and this is a "
            f"{config.model_type}; export to hf or ct2"
        )
    if scaling != "default":
        raise BadInput(f"rope scaling {scaling!r} cannot be written here; export to hf or ct2")
    writer = gguf.GGUFWriter(path, arch="llama")
    try:
        _write_header(writer, config)
        _write_vocabulary(writer, tokenizer, config.vocab_size)
        embeddings = model.get_input_embeddings().weight
        for name, weight in model.state_dict().items():
            stored = _name(name)
            if stored == "output" and weight.data_ptr() == embeddings.data_ptr():
                continue  # tied, whatever the configuration says
            values = weight.detach().float().cpu().numpy()
            if stored.endswith(("attn_q", "attn_k")):
                heads = config.num_attention_heads
                if stored.endswith("attn_k"):
                    heads = config.num_key_value_heads
                values = _interleaved(values, heads)
            kept = values.astype(np.float32 if values.ndim == 1 else np.float16)
            writer.add_tensor(f"{stored}.weight", np.ascontiguousarray(kept))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _name(name: str) -> str:
    module = name.removesuffix(".weight")
    if module in _TOP:
        return _TOP[module]
    _, _, layer, rest = [*module.split(".", 3), "", "", ""][:4]
    if rest not in _LAYER:
        raise BadInput(f"{name} is no weight of a plain Llama; export to hf or ct2")
    return f"blk.{layer}.{_LAYER[rest]}"


def _interleaved(rows: Any, heads: int) -> Any:
    """llama.cpp keeps the two halves of every head's rotary pairs as neighbours."""
    out, inputs = rows.shape
    halves = rows.reshape(heads, 2, out // heads // 2, inputs)
    return halves.swapaxes(1, 2).reshape(out, inputs)


def _write_header(writer: Any, config: Any) -> None:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if head * config.num_attention_heads != config.hidden_size:
        raise BadInput("heads of another size than hidden_size/heads cannot be written here")
    theta = (getattr(config, "rope_parameters", None) or {}).get("rope_theta", 10_000.0)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(float(theta))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _write_vocabulary(writer: Any, tokenizer: Any, size: int) -> None:
    raw = json.loads(tokenizer.backend_tokenizer.to_str())
    if raw["model"]["type"] != "BPE":
        raise BadInput("only models with BPE tokenizers can be written for OpenVINO here")
    added = {token["id"]: token for token in raw.get("added_tokens", [])}
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    tokens += [f"<unused{number}>" for number in range(size - len(tokens))]
    control, own, plain = (int(getattr(gguf.TokenType, n)) for n in
                           ("CONTROL", "USER_DEFINED", "NORMAL"))  # fmt: skip
    kinds = [
        (control if added[i].get("special") else own) if i in added else plain
        for i in range(len(tokens))
    ]
    merges = [m if isinstance(m, str) else " ".join(m) for m in raw["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    ids = {
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "pad": tokenizer.pad_token_id,
        "unk": tokenizer.unk_token_id,
    }
    for name, value in ids.items():
        if value is not None:
            getattr(writer, f"add_{name}_token_id")(value)
    writer.add_add_bos_token(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)
