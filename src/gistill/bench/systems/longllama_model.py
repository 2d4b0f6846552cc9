"""LongLLaMA: a Llama of which some layers also attend to everything that was read before.

The method is the Focused Transformer (Tworkowski et al. 2023, arXiv:2307.03170). How the released
checkpoints use it at inference is taken from the README and the configurations of
github.com/CStanKonrad/long_llama: input longer than `last_context_length` is read in windows of
`max_position_embeddings`; after each, the keys and values of the memory layers go into a memory,
keys as if they stood at position 0; the last `last_context_length` tokens stay in a local cache.
When that would exceed a window during generation, what it holds goes into the memory of the memory
layers and is dropped elsewhere. The code is our own: the released one does not load any more.

Weights and their names are Llama's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.llama.modeling_llama import LlamaAttention, repeat_kv


@strict
class LongLlamaConfig(LlamaConfig):  # type: ignore[no-untyped-call]
    """Llama's configuration and that of the memory.

    mem_layers: indices of the layers that have one (6, 12 and 18 in the 3B model).
    mem_dtype: the torch type in which memory is kept.
    last_context_length: how many tokens at the end of a long input are not put into memory.
    mem_attention_grouping: (heads, queries) that a memory layer handles at once; less memory, more
        time, the same result.
    """

    model_type = "longllama"

    mem_layers: list[int] | tuple[int, ...] = ()
    mem_positionals: bool = True
    mem_dtype: str = "bfloat16"
    last_context_length: int = 1024
    mem_attention_grouping: list[int] | tuple[int, ...] | None = None

    def validate_memory(self) -> None:
        """Called by `strict`, as are the other methods named so."""
        if any(not 0 <= layer < self.num_hidden_layers for layer in self.mem_layers):
            raise ValueError(
                f"mem_layers {list(self.mem_layers)} names a layer that the model's "
                f"{self.num_hidden_layers} do not include"
            )
        if not isinstance(getattr(torch, self.mem_dtype, None), torch.dtype):
            raise ValueError(f"mem_dtype {self.mem_dtype!r} is no type of torch")
        if self.last_context_length < 1:
            raise ValueError("last_context_length is less than 1")
        grouping = self.mem_attention_grouping
        if grouping is not None and (len(grouping) != 2 or min(grouping) < 1):
            raise ValueError("mem_attention_grouping is not a pair of positive numbers")
        if not self.mem_positionals:
            raise ValueError("memory layers without positions (mem_positionals) are not supported")


class MemoryCache(Cache):
    """The local context of every layer and the memory of the memory layers.

    Keys are kept unrotated: local ones are rotated by where they stand in the local context, those
    in memory are not, which is what rotating to position 0 means. Keys and values have the shape
    (batch, key heads, tokens, head size); `local_mask` and `memory_mask`, which all layers share,
    are (batch, tokens), true for what may be attended to.
    """

    def __init__(self, config: LongLlamaConfig) -> None:
        super().__init__(layers=[])
        self.window = config.max_position_embeddings
        self.dtype = getattr(torch, config.mem_dtype)
        self.memory: dict[int, tuple[Tensor, Tensor]] = {}
        self.local: dict[int, tuple[Tensor, Tensor]] = {}
        self.memory_layers = frozenset(config.mem_layers)
        self.memory_mask: Tensor | None = None
        self.local_mask: Tensor | None = None
        self.seen = 0

    def make_room(self, mask: Tensor) -> None:
        """Prepares for tokens of this `mask`, moving the local context away if they do not fit."""
        if self.local_mask is not None and self.local_mask.shape[1] + mask.shape[1] > self.window:
            self.memorize()
        self.local_mask = _join(self.local_mask, mask)
        self.seen += mask.shape[1]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Appends to the local context of a layer; returns all of it."""
        keys, values = self.local.get(layer_idx, (None, None))
        grown = _join(keys, key_states, dim=2), _join(values, value_states, dim=2)
        self.local[layer_idx] = grown
        return grown

    def memorize(self) -> None:
        """Moves the local context into memory; layers that have none forget it."""
        if self.local_mask is None:
            return
        for layer in self.memory_layers:
            old = self.memory.get(layer, (None, None))
            new = self.local[layer]
            self.memory[layer] = (
                _join(old[0], new[0].to(self.dtype), dim=2),
                _join(old[1], new[1].to(self.dtype), dim=2),
            )
        self.memory_mask = _join(self.memory_mask, self.local_mask)
        self.local, self.local_mask = {}, None

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens read so far, wherever they went."""
        return self.seen

    def reorder_cache(self, beam_idx: Tensor) -> None:
        for held in (self.local, self.memory):
            for layer, (keys, values) in held.items():
                chosen = beam_idx.to(keys.device)
                held[layer] = keys.index_select(0, chosen), values.index_select(0, chosen)
        if self.local_mask is not None:
            self.local_mask = self.local_mask[beam_idx.to(self.local_mask.device)]
        if self.memory_mask is not None:
            self.memory_mask = self.memory_mask[beam_idx.to(self.memory_mask.device)]


class MemoryAttention(LlamaAttention):
    """Attention over the local context, and in memory layers over memory too: one softmax."""

    def forward(  # type: ignore[override]  # the model passes nothing but this
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor,
        past_key_values: MemoryCache,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        """`position_embeddings` are those of the whole local context, each (batch, local, head
        size); `attention_mask` is (batch, 1, tokens, memory + local), true where one may look."""
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        queries = self.q_proj(hidden_states).view(shape).transpose(1, 2)
        new_keys = self.k_proj(hidden_states).view(shape).transpose(1, 2)
        new_values = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        keys, values = past_key_values.update(new_keys, new_values, self.layer_idx)
        cos, sin = (table.unsqueeze(1) for table in position_embeddings)
        count = queries.shape[2]
        queries = _rotate(queries, cos[:, :, -count:], sin[:, :, -count:])
        keys = _rotate(keys, cos, sin)
        if memory := past_key_values.memory.get(self.layer_idx):
            keys = torch.cat([memory[0].to(keys.dtype), keys], dim=2)
            values = torch.cat([memory[1].to(values.dtype), values], dim=2)
        keys = repeat_kv(keys, self.num_key_value_groups)
        values = repeat_kv(values, self.num_key_value_groups)
        mask = attention_mask[..., -keys.shape[2] :]
        attended = torch.empty_like(queries)
        for heads, rows in self._groups(queries):
            attended[:, heads, rows] = scaled_dot_product_attention(
                queries[:, heads, rows],
                keys[:, heads],
                values[:, heads],
                mask[:, :, rows],
                scale=self.scaling,
            )
        return self.o_proj(attended.transpose(1, 2).flatten(2)), None

    def _groups(self, queries: Tensor) -> Iterator[tuple[slice, slice]]:
        heads, count = queries.shape[1:3]
        grouping = self.config.mem_attention_grouping
        if grouping is None or self.layer_idx not in self.config.mem_layers:
            grouping = heads, count
        for head in range(0, heads, grouping[0]):
            for row in range(0, count, grouping[1]):
                yield slice(head, head + grouping[0]), slice(row, row + grouping[1])


class LongLlamaForCausalLM(LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """The model; without memory layers it is a Llama and nothing else.

    Positions follow from `attention_mask`, so `position_ids` are not looked at. A row of a batch
    gives what it gives alone, whatever padding stands before it.
    """

    config_class = LongLlamaConfig
    config: LongLlamaConfig

    def __init__(self, config: LongLlamaConfig) -> None:
        super().__init__(config)
        if config.mem_layers:
            for index, layer in enumerate(self.model.layers):
                layer.self_attn = MemoryAttention(config, index)
            self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        last_context_length: int | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """`attention_mask` is (batch, everything read and to read), 0 for padding.
        `last_context_length` takes the place of the configured one for this call.

        Raises: ValueError for a cache that another model filled.
        """
        if not self.config.mem_layers:
            plain: CausalLMOutputWithPast = super().forward(
                input_ids,
                attention_mask,
                position_ids,
                past_key_values,
                inputs_embeds,
                labels,
                use_cache,
                logits_to_keep,
                **kwargs,
            )
            return plain
        if inputs_embeds is None:
            inputs_embeds = self.model.embed_tokens(input_ids)
        count = inputs_embeds.shape[1]
        if attention_mask is None:
            attention_mask = inputs_embeds.new_ones(inputs_embeds.shape[:2])
        cache = self._cache(past_key_values)
        hidden = self._read(
            inputs_embeds,
            attention_mask[:, -count:].bool(),
            cache,
            last_context_length or self.config.last_context_length,
        )
        logits = self.lm_head(hidden[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size)
        keep = self.config.use_cache if use_cache is None else use_cache
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=cache if keep else None
        )

    def _cache(self, given: Cache | None) -> MemoryCache:
        """`generate` comes with a fresh cache of the usual kind, and goes on with ours."""
        if isinstance(given, MemoryCache):
            return given
        if given is not None and given.get_seq_length():
            raise ValueError("past_key_values is not a MemoryCache; LongLLaMA cannot go on from it")
        return MemoryCache(self.config)

    def _read(self, embeds: Tensor, mask: Tensor, cache: MemoryCache, last: int) -> Tensor:
        """Hidden states of all tokens, (batch, tokens, hidden size)."""
        window = self.config.max_position_embeddings
        early = max(embeds.shape[1] - min(last, window), 0)
        if not early:
            return self._window(embeds, mask, cache)
        # A row's windows begin at its first token: its padding goes behind what is memorized.
        order = (~mask[:, :early]).int().argsort(dim=1, stable=True)
        moved = _take(embeds[:, :early], order)
        moved_mask = mask[:, :early].gather(1, order)
        parts = []
        for start in range(0, early, window):
            piece = slice(start, start + window)
            parts.append(self._window(moved[:, piece], moved_mask[:, piece], cache))
            cache.memorize()
        first = _take(torch.cat(parts, dim=1), order.argsort(dim=1))
        return torch.cat([first, self._window(embeds[:, early:], mask[:, early:], cache)], dim=1)

    def _window(self, embeds: Tensor, mask: Tensor, cache: MemoryCache) -> Tensor:
        """Reads at most a window's tokens through all layers."""
        cache.make_room(mask)
        local = cache.local_mask
        assert local is not None
        positions = (local.long().cumsum(dim=1) - 1).clamp(min=0)
        tables = self.model.rotary_emb(embeds, positions)
        allowed = _allowed(cache.memory_mask, local, embeds.shape[1])
        hidden = embeds
        for layer in self.model.layers:
            hidden = layer(
                hidden,
                attention_mask=allowed,
                position_embeddings=tables,
                past_key_values=cache,
            )
        normed: Tensor = self.model.norm(hidden)
        return normed


def _allowed(memory: Tensor | None, local: Tensor, count: int) -> Tensor:
    """Who of the last `count` local tokens may look where: (batch, 1, count, memory + local).

    Padding looks at itself, since a softmax over nothing is not a number.
    """
    width = local.shape[1]
    causal = torch.ones(count, width, dtype=torch.bool, device=local.device)
    itself = causal.triu(width - count)
    causal = causal.tril(width - count)
    seen = (causal & local[:, None]) | (causal & itself)
    if memory is not None:
        seen = torch.cat([memory[:, None].expand(-1, count, -1), seen], dim=2)
    return seen[:, None]


def _join(old: Tensor | None, new: Tensor, dim: int = 1) -> Tensor:
    return new if old is None else torch.cat([old, new], dim=dim)


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = states.shape[-1] // 2
    turned = torch.cat([-states[..., half:], states[..., :half]], dim=-1)
    return states * cos + turned * sin


def _take(states: Tensor, order: Tensor) -> Tensor:
    """Reorders (batch, tokens, size) along the tokens, each row its own way."""
    return states.gather(1, order[..., None].expand(-1, -1, states.shape[2]))
