"""A tiny Llama with random weights as a GGUF file, as llama.cpp's converter would write it."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from tokenizers import pre_tokenizers

HIDDEN, HEADS, KV_HEADS, FFN, LAYERS, CONTEXT = 64, 4, 2, 128, 2, 512
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "a n", "i n", "Ġ a", "n d", "Ġa nd", "o n", "e r"]
CHAT = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def vocabulary() -> list[str]:
    joined = [merge.replace(" ", "") for merge in MERGES]
    tokens = SPECIALS + sorted(pre_tokenizers.ByteLevel.alphabet()) + joined
    return tokens + [f"<extra{i}>" for i in range(-len(tokens) % 32)]


def shapes() -> dict[str, tuple[int, ...]]:
    """GGUF tensor names and (out, in) shapes."""
    head = HIDDEN // HEADS
    layer = {
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (KV_HEADS * head, HIDDEN),
        "attn_v": (KV_HEADS * head, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        "ffn_gate": (FFN, HIDDEN),
        "ffn_up": (FFN, HIDDEN),
        "ffn_down": (HIDDEN, FFN),
        "attn_norm": (HIDDEN,),
        "ffn_norm": (HIDDEN,),
    }
    names = {f"blk.{i}.{n}.weight": shape for i in range(LAYERS) for n, shape in layer.items()}
    return {
        "token_embd.weight": (len(vocabulary()), HIDDEN),
        **names,
        "output_norm.weight": (HIDDEN,),
    }


def write_gguf(
    path: Path,
    kind: str = "F16",
    architecture: str = "llama",
    size: float = 0.3,
    seed: int = 0,
    context: int = CONTEXT,
) -> Path:
    """`kind` is the ggml type of the matrices, `size` the spread of their weights."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, arch=architecture)
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary()))
    file_type = "ALL_F32" if kind == "F32" else f"MOSTLY_{kind}"
    writer.add_file_type(gguf.LlamaFileType[file_type])  # OpenVINO's reader goes by it
    tokens = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT)
    matrix = gguf.GGMLQuantizationType[kind]
    for name, shape in shapes().items():
        if len(shape) == 1:
            writer.add_tensor(name, rng.uniform(0.5, 1.5, shape).astype(np.float32))
        else:
            weight = rng.standard_normal(shape).astype(np.float32) * size
            writer.add_tensor(name, gguf.quants.quantize(weight, matrix), raw_dtype=matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
