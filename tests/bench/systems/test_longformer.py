from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm
from transformers import LEDConfig, LEDForConditionalGeneration

from gistill.bench.systems import Options
from gistill.bench.systems.longformer import Longformer
from gistill.errors import BadInput

HEADS, WIDTH, WINDOW, CONTEXT = 4, 32, 16, 512
# What hyesunyun/update-summarization-bart-large-longformer has in config.json, with small sizes.
RELEASED = {
    "_num_labels": 3,
    "activation_dropout": 0.0,
    "activation_function": "gelu",
    "architectures": ["LEDForConditionalGeneration"],
    "attention_dropout": 0.0,
    "attention_window": [WINDOW] * 2,
    "bos_token_id": 0,
    "classif_dropout": 0.0,
    "classifier_dropout": 0.0,
    "d_model": WIDTH,
    "decoder_attention_heads": HEADS,
    "decoder_ffn_dim": 48,
    "decoder_layerdrop": 0.0,
    "decoder_layers": 2,
    "decoder_start_token_id": 2,
    "dropout": 0.1,
    "early_stopping": True,
    "encoder_attention_heads": HEADS,
    "encoder_ffn_dim": 48,
    "encoder_layerdrop": 0.0,
    "encoder_layers": 2,
    "eos_token_id": 2,
    "init_std": 0.02,
    "is_encoder_decoder": True,
    "length_penalty": 2.0,
    "max_decoder_position_embeddings": 64,
    "max_encoder_position_embeddings": CONTEXT,
    "max_length": 24,
    "min_length": 8,
    "model_type": "led",
    "no_repeat_ngram_size": 3,
    "num_beams": 4,
    "num_hidden_layers": 2,
    "output_past": False,
    "pad_token_id": 1,
    "prefix": " ",
    "torch_dtype": "float32",
    "transformers_version": "4.9.1",
    "use_cache": True,
    "vocab_size": 400,
}


@pytest.fixture
def folder(release: Any, tokenizer: Any) -> Path:
    torch.manual_seed(11)
    sizes = RELEASED.keys() & LEDConfig().to_dict().keys() - {"torch_dtype", "transformers_version"}
    model = LEDForConditionalGeneration(LEDConfig(**{name: RELEASED[name] for name in sizes}))
    with torch.no_grad():  # so that it matters who looks at whom, and that answers end
        for name, value in model.named_parameters():
            if "norm" not in name:
                value.normal_(std=0.4)
        letters = [tokenizer.convert_tokens_to_ids(letter) for letter in "abcdef"]
        model.final_logits_bias[:, letters] = 9.0  # what it likes to say
    path: Path = release(model, RELEASED)
    return path


def opened(folder: Path, **settings: Any) -> Longformer:
    return Longformer(Options(model=str(folder), **settings))


class Plain:
    """The Longformer encoder-decoder written down, every pair of tokens weighed one by one."""

    def __init__(self, model: Any) -> None:
        self.weights = {name: value.double() for name, value in model.state_dict().items()}

    def encode(self, ids: list[int], looked_at: set[int]) -> Tensor:
        """`looked_at` are the places of tokens that see all and are seen by all."""
        name = "led.encoder"
        places = self.weights[f"{name}.embed_positions.weight"][: len(ids)]
        rows = self.weights["led.shared.weight"][ids] + places
        rows = self._norm(rows, f"{name}.layernorm_embedding")
        for layer in range(2):
            inner = f"{name}.layers.{layer}"
            attention = f"{inner}.self_attn.longformer_self_attn"
            near = [self._apply(f"{attention}.{kind}", rows) for kind in ("query", "key", "value")]
            far = [
                self._apply(f"{attention}.{kind}_global", rows)
                for kind in ("query", "key", "value")
            ]
            mixed = torch.empty_like(rows)
            for place in range(len(ids)):
                if place in looked_at:
                    mixed[place] = self._look(far[0][place], far[1], far[2])
                    continue
                seen = sorted(
                    looked_at | {j for j in range(len(ids)) if abs(place - j) <= WINDOW // 2}
                )
                mixed[place] = self._look(near[0][place], near[1][seen], near[2][seen])
            rows = self._norm(
                rows + self._apply(f"{inner}.self_attn.output", mixed),
                f"{inner}.self_attn_layer_norm",
            )
            rows = self._feed(rows, inner)
        return rows

    def log_likelihoods(self, made: list[int], read: Tensor) -> Tensor:
        """Of the next token after `made`, which starts with </s>."""
        name = "led.decoder"
        places = self.weights[f"{name}.embed_positions.weight"][: len(made)]
        rows = self.weights["led.shared.weight"][made] + places
        rows = self._norm(rows, f"{name}.layernorm_embedding")
        for layer in range(2):
            inner = f"{name}.layers.{layer}"
            for attention, said in (("self_attn", None), ("encoder_attn", read)):
                source = rows if said is None else said
                query = self._apply(f"{inner}.{attention}.q_proj", rows)
                key = self._apply(f"{inner}.{attention}.k_proj", source)
                value = self._apply(f"{inner}.{attention}.v_proj", source)
                mixed = []
                for place in range(len(made)):
                    end = place + 1 if said is None else len(source)
                    mixed.append(self._look(query[place], key[:end], value[:end]))
                out = self._apply(f"{inner}.{attention}.out_proj", torch.stack(mixed))
                rows = self._norm(rows + out, f"{inner}.{attention}_layer_norm")
            rows = self._feed(rows, inner)
        scores = rows[-1] @ self.weights["led.shared.weight"].T
        return (scores + self.weights["final_logits_bias"][0]).log_softmax(0)

    def _look(self, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        heads = []
        for part in torch.arange(WIDTH).split(WIDTH // HEADS):
            shares = (keys[:, part] @ query[part] / math.sqrt(len(part))).softmax(0)
            heads.append(shares @ values[:, part])
        return torch.cat(heads)

    def _feed(self, rows: Tensor, name: str) -> Tensor:
        inner = self._apply(f"{name}.fc2", gelu(self._apply(f"{name}.fc1", rows)))
        return self._norm(rows + inner, f"{name}.final_layer_norm")

    def _apply(self, name: str, rows: Tensor) -> Tensor:
        return rows @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, rows: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return layer_norm(rows, (WIDTH,), weight, bias)


def allowed(scores: Tensor, made: list[int], read: list[int], least: int) -> Tensor:
    """Penalizes what was said, and rules out a third token that repeats three of ours or theirs."""
    scores = scores.clone()
    for token in set(made):
        scores[token] *= 3.5  # logarithms of likelihoods are negative
    for said in (made, read):
        for place in range(len(said) - 2):
            if said[place : place + 2] == made[-2:]:
                scores[said[place + 2]] = -math.inf
    if len(made) < least:
        scores[2] = -math.inf
    return scores


def beams(plain: Plain, ids: list[int], looked_at: set[int], least: int, most: int) -> list[int]:
    """Beam search with four beams that stops when four answers have ended; likelihoods are
    divided by the square of the length."""
    read = plain.encode(ids, looked_at)
    running, ended = [(0.0, [2])], []
    while running and len(ended) < 4:
        grown = []
        for score, made in running:
            scores = allowed(plain.log_likelihoods(made, read), made, ids, least)
            best = scores.topk(8)
            for gain, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                grown.append((score + gain, [*made, token]))
        grown = sorted(grown, reverse=True)[:8]
        over = [made[-1] == 2 or len(made) == most for _, made in grown]
        ended += [
            (score / (len(made) - 1) ** 2, made)
            for (score, made), end in list(zip(grown, over, strict=True))[:4]
            if end
        ]
        ended = sorted(ended, reverse=True)[:4]
        running = [it for it, end in zip(grown, over, strict=True) if not end][:4]
    return max(ended)[1]


def read_out(it: Longformer, made: list[int]) -> str:
    text: str = it._checkpoint.tokenizer.decode(made, skip_special_tokens=True)
    return text.strip()


@pytest.mark.parametrize("count", [5, WINDOW, 100, CONTEXT])
def test_the_encoder_equals_longformer_written_down(folder: Path, count: int) -> None:
    model = opened(folder)._checkpoint.model
    ids = torch.randint(3, 400, (count,), generator=torch.Generator().manual_seed(0)).tolist()
    looked_at = {0, *range(count - 4, count - 1)}
    mask = torch.tensor([[int(place in looked_at) for place in range(count)]])
    with torch.inference_mode():
        rows = model.led.encoder(torch.tensor([ids]), global_attention_mask=mask).last_hidden_state
    expected = Plain(model).encode(ids, looked_at)
    torch.testing.assert_close(rows[0, :count].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("instruct", [False, True])
def test_the_answer_is_what_the_beams_find(folder: Path, instruct: bool) -> None:
    it = opened(folder, instruct=instruct)
    # Of the threes of letters that the model would say, most are in the text: they are ruled out.
    text = "".join(random.Random(1).choices("abcdef", k=220))
    ids = it._checkpoint.tokenizer(text).input_ids
    looked_at = {0}
    if instruct:
        asked = it._checkpoint.tokenizer(
            " Instruction: What of it? Summary:", add_special_tokens=False
        ).input_ids
        looked_at |= set(range(len(ids) - 1, len(ids) - 1 + len(asked)))
        ids = [*ids[:-1], *asked, 2]
    made = beams(Plain(it._checkpoint.model), ids, looked_at, least=8, most=24)
    answer = it.summarize(text, "What of it?")
    assert answer.text == read_out(it, made)
    assert (answer.tokens_in, answer.cut) == (len(ids), 0)
    assert 8 <= len(made) <= 24


def test_nothing_of_three_tokens_is_repeated(folder: Path) -> None:
    it = opened(folder, max_new_tokens=60)
    text = "".join(random.Random(2).choices("abcdef", k=150))
    ids = it._checkpoint.tokenizer(text).input_ids
    seen: list[list[int]] = []
    generate = it._checkpoint.model.generate

    def watched(*args: Any, **kwargs: Any) -> Any:
        seen.append(generate(*args, **kwargs)[0].tolist())
        return torch.tensor([seen[-1]])

    it._checkpoint.model.generate = watched
    it.summarize(text, "")
    [made] = seen
    threes = [tuple(made[i : i + 3]) for i in range(len(made) - 2)]
    assert len(threes) > 10
    assert len(set(threes)) == len(threes)
    assert not set(threes) & {tuple(ids[i : i + 3]) for i in range(len(ids) - 2)}


def test_the_question_counts_only_with_instruct(folder: Path, transcript: str) -> None:
    plain, asked = opened(folder), opened(folder, instruct=True)
    assert plain.summarize(transcript, "Who?") == plain.summarize(transcript, "Why not?")
    assert asked.summarize(transcript, "Who?") != asked.summarize(transcript, "Why not?")


@pytest.mark.parametrize("instruct", [False, True])
def test_a_long_transcript_is_cut_and_counted(
    folder: Path, transcript: str, instruct: bool
) -> None:
    it = opened(folder, instruct=instruct)
    ids = it._checkpoint.tokenizer(transcript).input_ids
    asked = it._checkpoint.tokenizer(
        " Instruction: Who? Summary:", add_special_tokens=False
    ).input_ids
    room = CONTEXT - (len(asked) if instruct else 0)
    assert len(ids) > CONTEXT
    answer = it.summarize(transcript, "Who?")
    assert (answer.tokens_in, answer.cut) == (CONTEXT, len(ids) - room)
    with pytest.raises(BadInput, match="leaves no room for the transcript in 512 tokens"):
        opened(folder, instruct=True).summarize(transcript, transcript)


def test_lengths_are_the_checkpoints_unless_told(folder: Path, transcript: str) -> None:
    theirs = opened(folder).summarize(transcript, "")
    assert 6 <= theirs.tokens_out <= 23
    (folder / "config.json").write_text(
        json.dumps(RELEASED | {"min_length": 40, "max_length": 44}), encoding="utf-8"
    )
    longer = opened(folder).summarize(transcript, "")
    assert 38 <= longer.tokens_out <= 43
    assert opened(folder, max_new_tokens=5).summarize(transcript, "").tokens_out <= 5


def test_answers_do_not_vary(folder: Path, transcript: str) -> None:
    answers = {opened(folder).summarize(transcript, "Who?") for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.parametrize("instruct", [False, True])
def test_the_first_token_and_the_instruction_are_looked_at_by_all(
    folder: Path, transcript: str, instruct: bool
) -> None:
    it = opened(folder, instruct=instruct)
    seen: list[dict[str, Any]] = []

    def watched(**inputs: Any) -> Any:
        seen.append(inputs)
        return torch.tensor([[2, 2]])

    it._checkpoint.model.generate = watched
    it.summarize(transcript, "Who?")
    ids, mask = (seen[0][name][0].tolist() for name in ("input_ids", "global_attention_mask"))
    asked = it._checkpoint.tokenizer.decode(
        [token for token, shown in zip(ids, mask, strict=True) if shown]
    )
    assert asked == ("<s> Instruction: Who? Summary:" if instruct else "<s>")
    assert ids[-1] == 2


def test_it_is_a_system_of_the_bench(folder: Path, runs: Any) -> None:
    plain = runs("longformer", Options(model=str(folder)))
    asked = runs("longformer", Options(model=str(folder), instruct=True))
    assert 0 < plain.tokens_in < asked.tokens_in
    assert plain.notes == ()
