from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from gistill.bench.systems.longllama_model import LongLlamaConfig, LongLlamaForCausalLM, MemoryCache

WINDOW, LAST = 16, 8
SIZES = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": WINDOW,
    "initializer_range": 0.5,  # so that it matters who looks at whom
    "pad_token_id": 0,
}
MEMORY = {"mem_layers": [1, 3], "mem_dtype": "float32", "last_context_length": LAST}


def model(**settings: Any) -> LongLlamaForCausalLM:
    torch.manual_seed(0)
    return LongLlamaForCausalLM(LongLlamaConfig(**(SIZES | MEMORY | settings))).eval()


def some_ids(count: int, rows: int = 1, seed: int = 1) -> Tensor:
    return torch.randint(3, 61, (rows, count), generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def logits(it: LongLlamaForCausalLM, ids: Tensor, **inputs: Any) -> Tensor:
    scores: Tensor = it(ids, **inputs).logits
    return scores


class Plain:
    """The method for one unpadded sequence, written down token by token, in double precision.

    `windows` are read one after the other. Each query scores the keys of its own window up to
    itself, both turned by their distance to the window's first token, and in memory layers the
    keys of all earlier windows, turned by none.
    """

    def __init__(self, it: LongLlamaForCausalLM) -> None:
        self.config = it.config
        self.weights = {name: value.double() for name, value in it.state_dict().items()}
        self.memory: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def __call__(self, windows: list[Tensor]) -> Tensor:
        hidden = torch.cat([self._window(ids) for ids in windows])
        return hidden @ self.weights["lm_head.weight"].T

    def _window(self, ids: Tensor) -> Tensor:
        rows = [self.weights["model.embed_tokens.weight"][i] for i in ids]
        for layer in range(self.config.num_hidden_layers):
            rows = self._layer(layer, rows)
        return torch.stack([self._norm(row, "model.norm") for row in rows])

    def _layer(self, index: int, rows: list[Tensor]) -> list[Tensor]:
        name = f"model.layers.{index}"
        normed = [self._norm(row, f"{name}.input_layernorm") for row in rows]
        queries, keys, values = (
            [self._heads(self.weights[f"{name}.self_attn.{kind}_proj.weight"] @ x) for x in normed]
            for kind in "qkv"
        )
        past = self.memory.setdefault(index, []) if index in self.config.mem_layers else []
        result = []
        for place, row in enumerate(rows):
            query = self._turn(queries[place], place)
            near = [self._turn(keys[i], i) for i in range(place + 1)]
            seen = [key for key, _ in past] + near
            said = [value for _, value in past] + values[: place + 1]
            heads = []
            for head in range(self.config.num_attention_heads):
                kv = head * self.config.num_key_value_heads // self.config.num_attention_heads
                scores = torch.stack([query[head] @ key[kv] for key in seen])
                shares = (scores / math.sqrt(self.config.head_dim)).softmax(0)
                heads.append(shares @ torch.stack([value[kv] for value in said]))
            row = row + self.weights[f"{name}.self_attn.o_proj.weight"] @ torch.cat(heads)
            inner = self._norm(row, f"{name}.post_attention_layernorm")
            gate, up, down = (
                self.weights[f"{name}.mlp.{kind}_proj.weight"] for kind in ("gate", "up", "down")
            )
            result.append(row + down @ (torch.nn.functional.silu(gate @ inner) * (up @ inner)))
        past.extend(zip(keys, values, strict=True))
        return result

    def _heads(self, vector: Tensor) -> Tensor:
        return vector.view(-1, self.config.head_dim)

    def _norm(self, row: Tensor, name: str) -> Tensor:
        scale = (row.pow(2).mean() + self.config.rms_norm_eps).rsqrt()
        return self.weights[f"{name}.weight"] * row * scale

    def _turn(self, heads: Tensor, place: int) -> Tensor:
        half = self.config.head_dim // 2
        angles = place * 10_000.0 ** (-torch.arange(half).double() / half)
        first, second = heads[:, :half], heads[:, half:]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=1)


def windows(ids: Tensor) -> list[Tensor]:
    """As the issue has it: all but the last LAST tokens in windows of WINDOW, then those."""
    early = ids[: max(len(ids) - LAST, 0)]
    return [*early.split(WINDOW), ids[len(early) :]] if len(early) else [ids]


@pytest.mark.parametrize("count", [1, LAST, LAST + 1, WINDOW, 24, 25, 61, 100])
def test_it_equals_the_method_written_down(count: int) -> None:
    it = model()
    ids = some_ids(count)
    expected = Plain(it)(windows(ids[0]))
    torch.testing.assert_close(logits(it, ids)[0].double(), expected, atol=1e-3, rtol=1e-3)


def test_keys_may_be_shared_by_heads() -> None:
    it = model(num_key_value_heads=2)
    ids = some_ids(50)
    expected = Plain(it)(windows(ids[0]))
    torch.testing.assert_close(logits(it, ids)[0].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"mem_layers": []}])
def test_one_window_is_plain_llama(settings: dict[str, Any]) -> None:
    it = model(**settings)
    plain = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    plain.load_state_dict(it.state_dict())  # the same names
    counts = [1, 5, LAST] if it.config.mem_layers else [1, LAST, WINDOW, 40]
    for count in counts:
        ids = some_ids(count, rows=2)
        torch.testing.assert_close(logits(it, ids), logits(plain, ids), atol=1e-5, rtol=1e-5)
    ids = some_ids(5, rows=2)
    greedy = {"max_new_tokens": 8, "do_sample": False}
    assert it.generate(ids, **greedy).tolist() == plain.generate(ids, **greedy).tolist()


def test_memory_changes_what_is_read() -> None:
    it = model()
    ids = some_ids(40)
    other = ids.clone()
    other[0, 2] = (other[0, 2] + 1) % 50 + 3  # in the first window of three
    assert not torch.allclose(logits(it, ids)[0, -1], logits(it, other)[0, -1], atol=1e-4)


def test_only_memory_layers_remember() -> None:
    """With its memory in no layer the last window knows nothing of those before."""
    it = model()
    for layer in it.model.layers:
        layer.self_attn.config = LongLlamaConfig(**SIZES)
    cache = MemoryCache(LongLlamaConfig(**SIZES))
    ids = some_ids(40)
    alone = logits(it, ids[:, -LAST:])
    torch.testing.assert_close(logits(it, ids, past_key_values=cache)[:, -LAST:], alone)


@pytest.mark.parametrize("padding", [1, 7, 20, 33, 45])
def test_left_padding_does_not_leak_into_memory(padding: int) -> None:
    it = model()
    ids = some_ids(50, rows=3)
    mask = torch.ones_like(ids)
    ids[1, :padding], mask[1, :padding] = 0, 0
    alone = logits(it, ids[1:2, padding:])
    for filler in (0, 9):
        ids[1, :padding] = filler
        together = logits(it, ids, attention_mask=mask)
        torch.testing.assert_close(together[1:2, padding:], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together[::2], logits(it, ids[::2]), atol=1e-5, rtol=1e-5)


def by_hand(it: LongLlamaForCausalLM, ids: Tensor, steps: int) -> list[int]:
    """Greedy continuation by the plain method: the local context grows until a window is full,
    then all of it goes to memory."""
    plain = Plain(it)
    *early, local = windows(ids[0])
    if early:
        plain(early)
    made: list[int] = []
    for _ in range(steps):
        saved = {layer: list(held) for layer, held in plain.memory.items()}
        chosen = int(plain([local])[-1].argmax())
        made.append(chosen)
        if len(local) < WINDOW:
            plain.memory = saved
            local = torch.cat([local, torch.tensor([chosen])])
        else:
            local = torch.tensor([chosen])
    return made


@pytest.mark.parametrize("count", [3, 30])
def test_generation_goes_on_past_a_full_window(count: int) -> None:
    it = model(eos_token_id=None)
    ids = some_ids(count)
    made = it.generate(ids, max_new_tokens=25, do_sample=False)[0, count:].tolist()
    assert made == by_hand(it, ids, 25)


def test_the_local_cache_holds_at_most_a_window() -> None:
    it = model()
    cache = MemoryCache(it.config)
    ids = some_ids(60)
    with torch.inference_mode():
        it(ids[:, :30], past_key_values=cache)
        assert cache.local_mask is not None
        assert cache.local_mask.shape[1] == LAST
        for place in range(30, 60):
            it(ids[:, place : place + 1], past_key_values=cache)
            assert cache.local_mask.shape[1] <= WINDOW
            assert cache.local[0][0].shape[2] == cache.local_mask.shape[1]
    assert cache.get_seq_length() == 60
    assert set(cache.memory) == {1, 3}
    assert cache.memory_mask is not None
    keys, values = cache.memory[1]
    assert keys.shape == values.shape == (1, 4, cache.memory_mask.shape[1], 8)
    assert cache.memory_mask.shape[1] + cache.local_mask.shape[1] == 60


def test_rows_and_beams_generate_as_they_do_alone() -> None:
    it = model(eos_token_id=None)
    ids = some_ids(45, rows=2)
    mask = torch.ones_like(ids)
    ids[0, :11], mask[0, :11] = 0, 0
    for settings in ({"num_beams": 1}, {"num_beams": 3}):
        greedy = settings | {"max_new_tokens": 14, "do_sample": False}
        both = it.generate(ids, attention_mask=mask, **greedy)[:, 45:]
        first = it.generate(ids[:1, 11:], **greedy)[0, 34:]
        second = it.generate(ids[1:], **greedy)[0, 45:]
        assert both.tolist() == [first.tolist(), second.tolist()]


def test_beams_equal_beams_without_a_cache() -> None:
    """While the windows stay where they are, reading all again must give the same."""
    it = model(eos_token_id=None)
    ids = some_ids(5)
    settings = {"num_beams": 3, "max_new_tokens": 3, "do_sample": False}
    cached = it.generate(ids, **settings)
    assert cached.tolist() == it.generate(ids, use_cache=False, **settings).tolist()


@pytest.mark.parametrize("grouping", [(1, 7), (3, 5), (4, 2048)])
def test_grouping_changes_nothing(grouping: tuple[int, int]) -> None:
    ids = some_ids(50, rows=2)
    grouped = logits(model(mem_attention_grouping=grouping), ids)
    torch.testing.assert_close(grouped, logits(model(), ids), atol=1e-5, rtol=1e-5)


def test_memory_is_kept_in_its_type() -> None:
    it = model(mem_dtype="bfloat16")
    cache = MemoryCache(it.config)
    ids = some_ids(40)
    coarse = logits(it, ids, past_key_values=cache)
    assert {tensor.dtype for pair in cache.memory.values() for tensor in pair} == {torch.bfloat16}
    exact = logits(model(), ids)
    torch.testing.assert_close(coarse[:, :WINDOW], exact[:, :WINDOW])
    assert not torch.equal(coarse[:, -1], exact[:, -1])


def test_last_context_length_of_a_call() -> None:
    ids = some_ids(40)
    expected = logits(model(last_context_length=12), ids)
    torch.testing.assert_close(logits(model(), ids, last_context_length=12), expected)
    made = model().generate(ids, last_context_length=12, max_new_tokens=1, do_sample=False)
    assert made[0, -1] == expected[0, -1].argmax()


def test_only_the_logits_asked_for() -> None:
    it = model()
    ids = some_ids(40)
    torch.testing.assert_close(logits(it, ids, logits_to_keep=3), logits(it, ids)[:, -3:])


def test_embeddings_may_be_given() -> None:
    it = model()
    ids = some_ids(40)
    with torch.inference_mode():
        embeds = it.model.embed_tokens(ids)
        torch.testing.assert_close(it(inputs_embeds=embeds).logits, logits(it, ids))


def test_loss_is_llamas() -> None:
    it = model()
    ids = some_ids(40)
    with torch.inference_mode():
        loss = it(ids, labels=ids).loss
    expected = torch.nn.functional.cross_entropy(logits(it, ids)[0, :-1], ids[0, 1:])
    torch.testing.assert_close(loss, expected)


def test_a_filled_cache_of_another_kind_is_refused() -> None:
    cache = DynamicCache()
    cache.update(torch.zeros(1, 4, 2, 8), torch.zeros(1, 4, 2, 8), 0)
    with pytest.raises(ValueError, match="not a MemoryCache"):
        model()(some_ids(3), past_key_values=cache)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mem_layers": [4]}, "names a layer"),
        ({"mem_dtype": "float31"}, "no type of torch"),
        ({"last_context_length": 0}, "less than 1"),
        ({"mem_attention_grouping": [4]}, "pair of positive"),
        ({"mem_positionals": False}, "not supported"),
    ],
)
def test_configurations_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        LongLlamaConfig(**(SIZES | MEMORY | settings))


def test_a_released_folder_loads(tmp_path: Path) -> None:
    """The layout of syzymon/long_llama_3b: its config's keys, remote code named, and the buffers
    that Llama checkpoints of 2023 held."""
    it = model()
    config = SIZES | {
        "architectures": ["LongLlamaForCausalLM"],
        "auto_map": {"AutoConfig": "configuration_longllama.LongLlamaConfig"},
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "mem_attention_grouping": None,
        "mem_dtype": "bfloat16",
        "mem_layers": [1, 3],
        "mem_positionals": True,
        "model_type": "longllama",
        "rms_norm_eps": 1e-06,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.30.0",
        "use_cache": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = dict(it.state_dict())
    for layer in range(4):
        weights[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    torch.save(weights, tmp_path / "pytorch_model.bin")
    loaded, report = LongLlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert loaded.config.last_context_length == 1024
    ids = some_ids(40)
    settings = {"last_context_length": LAST}
    expected = logits(model(mem_dtype="bfloat16"), ids)
    torch.testing.assert_close(logits(loaded.eval(), ids, **settings), expected)
    loaded.save_pretrained(tmp_path / "again")
    again = LongLlamaForCausalLM.from_pretrained(tmp_path / "again").eval()
    torch.testing.assert_close(logits(again, ids, **settings), expected)


def test_answers_do_not_vary() -> None:
    ids = some_ids(45)
    first, second = (
        model().generate(ids, max_new_tokens=20, do_sample=False).tolist() for _ in range(2)
    )
    assert first == second
