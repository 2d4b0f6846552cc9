from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import silu
from transformers import LlamaConfig, LlamaForCausalLM

from gistill.bench.systems import Options
from gistill.bench.systems.llama_adapter import PROMPT, WINDOW, LlamaAdapter, adapted, windows
from gistill.errors import BadInput

HEADS, WIDTH, LAYERS, ADAPTED = 4, 32, 3, 2
SIZES = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "vocab_size": 400,
    "initializer_range": 0.4,
    "max_position_embeddings": 2048,
}


def llama() -> LlamaForCausalLM:
    torch.manual_seed(5)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


def released(heads: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """The keys of llama_adapter_len10_layer30_release.pth: gates of all layers, adapted or not."""
    torch.manual_seed(seed)
    shape = (1, HEADS, 1, 1) if heads else (1,)
    gates = {f"layers.{i}.attention.gate": torch.randn(shape) for i in range(LAYERS)}
    return gates | {"adapter_query.weight": torch.randn(10 * ADAPTED, WIDTH)}


class Plain:
    """LLaMA-Adapter as its repository has it: weights and rotations of Meta's layout, where
    neighbouring numbers turn together; learned tokens with a softmax of their own, and a gate."""

    def __init__(self, model: Any, adapter: Mapping[str, Tensor]) -> None:
        self.weights = {name: value.double() for name, value in model.state_dict().items()}
        for name, value in self.weights.items():
            if "q_proj" in name or "k_proj" in name:  # transformers moved the halves apart
                halves = value.view(HEADS, 2, WIDTH // HEADS // 2, WIDTH)
                self.weights[name] = halves.transpose(1, 2).reshape(WIDTH, WIDTH)
        self.adapter = {name: value.double() for name, value in adapter.items()}

    def __call__(self, ids: list[int]) -> Tensor:
        rows = self.weights["model.embed_tokens.weight"][ids]
        for layer in range(LAYERS):
            name = f"model.layers.{layer}"
            inner = self._norm(rows, f"{name}.input_layernorm")
            rows = rows + self._attend(inner, layer)
            inner = self._norm(rows, f"{name}.post_attention_layernorm")
            gate, up, down = (
                self.weights[f"{name}.mlp.{kind}_proj.weight"].T for kind in ("gate", "up", "down")
            )
            rows = rows + (silu(inner @ gate) * (inner @ up)) @ down
        return self._norm(rows, "model.norm") @ self.weights["lm_head.weight"].T

    def _attend(self, rows: Tensor, layer: int) -> Tensor:
        query, key, value, out = (
            self.weights[f"model.layers.{layer}.self_attn.{kind}_proj.weight"].T for kind in "qkvo"
        )
        count, size = len(rows), WIDTH // HEADS
        queries, keys = self._turn(rows @ query), self._turn(rows @ key)
        later = torch.ones(count, count).triu(1).bool()
        first = LAYERS - ADAPTED
        mixed = []
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = queries[:, part] @ keys[:, part].T / math.sqrt(size)
            said = scores.masked_fill(later, -math.inf).softmax(1) @ (rows @ value)[:, part]
            if layer >= first:
                learned = self.adapter["adapter_query.weight"].view(ADAPTED, 10, WIDTH)
                prompt = learned[layer - first]
                gate = self.adapter[f"layers.{layer}.attention.gate"].flatten()
                share = gate[0] if len(gate) == 1 else gate[head].tanh()
                scores = queries[:, part] @ (prompt @ key)[:, part].T / math.sqrt(size)
                said = said + share * scores.softmax(1) @ (prompt @ value)[:, part]
            mixed.append(said)
        return torch.cat(mixed, dim=1) @ out

    def _turn(self, rows: Tensor) -> Tensor:
        size = WIDTH // HEADS
        rates = 10_000.0 ** (-torch.arange(0, size, 2).double() / size)
        angles = torch.arange(len(rows))[:, None] * rates
        pairs = torch.view_as_complex(rows.view(len(rows), HEADS, size // 2, 2).contiguous())
        turned = pairs * torch.polar(torch.ones_like(angles), angles)[:, None]
        return torch.view_as_real(turned).reshape(len(rows), WIDTH)

    def _norm(self, rows: Tensor, name: str) -> Tensor:
        scale = (rows.pow(2).mean(1, keepdim=True) + 1e-6).rsqrt()
        return rows * scale * self.weights[f"{name}.weight"]


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize("count", [1, 9, 300])
def test_it_equals_the_released_code_written_down(heads: bool, count: int) -> None:
    base = llama()
    adapter = released(heads)
    plain = Plain(base, adapter)
    model = adapted(base, adapter)
    ids = torch.randint(3, 400, (count,), generator=torch.Generator().manual_seed(0)).tolist()
    with torch.inference_mode():
        scores = model(input_ids=torch.tensor([ids])).logits[0]
    torch.testing.assert_close(scores.double(), plain(ids), atol=1e-3, rtol=1e-3)


def test_generation_with_a_cache_equals_it_too() -> None:
    base = llama()
    adapter = released(heads=True)
    plain = Plain(base, adapter)
    model = adapted(base, adapter)
    ids = [5, 77, 130, 9, 9, 201]
    made = model.generate(
        input_ids=torch.tensor([ids]), max_new_tokens=25, do_sample=False, eos_token_id=None
    )[0].tolist()
    expected = list(ids)
    for _ in range(25):
        expected.append(int(plain(expected)[-1].argmax()))
    assert made == expected


def test_closed_gates_leave_llama_as_it_is() -> None:
    adapter = {
        name: torch.zeros_like(value) if "gate" in name else value
        for name, value in released().items()
    }
    ids = torch.tensor([[5, 77, 130, 9]])
    with torch.inference_mode():
        expected = llama()(ids).logits
        torch.testing.assert_close(adapted(llama(), adapter)(input_ids=ids).logits, expected)
        other = adapted(llama(), released())(input_ids=ids).logits
    assert not torch.allclose(other, expected, atol=1e-2)


def test_adapters_that_do_not_fit() -> None:
    for prompts in (torch.zeros(20, 16), torch.zeros(25, WIDTH), torch.zeros(40, WIDTH)):
        with pytest.raises(BadInput, match="does not fit a model of 3 layers"):
            adapted(llama(), released() | {"adapter_query.weight": prompts})
    gateless = released()
    del gateless["layers.2.attention.gate"]
    with pytest.raises(BadInput, match="no gate for layer 2"):
        adapted(llama(), gateless)


@pytest.fixture
def options(release: Any, tmp_path: Path) -> Options:
    folder = release(
        llama(), SIZES | {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    )
    path = tmp_path / "llama_adapter_len10_layer30_release.pth"
    torch.save(released(), path)
    return Options(model=str(folder), adapter=str(path), max_new_tokens=20)


def test_windows_hold_every_line(options: Options, transcript: str) -> None:
    checkpoint = LlamaAdapter(options)._checkpoint

    def count(text: str) -> int:
        return len(checkpoint.tokenizer(text, add_special_tokens=False).input_ids)

    lines = transcript.splitlines()
    lines.insert(7, "Eve: " + "and so on " * 300)
    for size in (60, WINDOW):
        runs = windows(checkpoint, lines, size)
        assert " ".join(" ".join(runs).split()) == " ".join(" ".join(lines).split())
        for run, following in itertools.pairwise([*runs, ""]):
            assert count(run) <= size
            if following:  # a run ends only where the next piece does not fit
                assert count(f"{run}\n{following.splitlines()[0]}") > size


def test_parts_are_summarized_and_then_the_question_answered(
    options: Options, transcript: str
) -> None:
    it = LlamaAdapter(options)
    asked: list[list[int]] = []
    generate = it._checkpoint.model.generate

    def watched(**inputs: Any) -> Any:
        asked.append(inputs["input_ids"][0].tolist())
        assert inputs["input_ids"].shape[1] + inputs["max_new_tokens"] <= 2048
        return generate(**inputs)

    it._checkpoint.model.generate = watched
    answer = it.summarize(transcript, "What of the battery?")
    decode = it._checkpoint.tokenizer.decode
    prompts = [decode(ids, skip_special_tokens=True) for ids in asked]
    parts = windows(it._checkpoint, transcript.splitlines(), WINDOW)
    assert len(parts) == 3
    instruction = PROMPT.replace("{instruction}", "Summarize this part of a meeting.")
    assert prompts[:3] == [instruction.replace("{text}", part) for part in parts]
    assert prompts[-1].startswith(PROMPT.split("{instruction}")[0] + "What of the battery?")
    assert answer.tokens_in == sum(map(len, asked))
    assert answer.cut == 0
    first = len(asked)
    assert it.summarize(transcript, "What of the battery?") == answer
    assert len(asked) == first + 1  # the parts were kept


def test_many_parts_are_summarized_again(options: Options, transcript: str) -> None:
    it = LlamaAdapter(options)
    rounds: list[int] = []

    def brief(**inputs: Any) -> Any:
        """A model that says the same 60 tokens of plain words about whatever it reads."""
        rounds.append(inputs["input_ids"].shape[1])
        said = it._checkpoint.tokenizer(" budget" * 200, add_special_tokens=False).input_ids[:60]
        return torch.cat([inputs["input_ids"], torch.tensor([said])], dim=1)

    it._checkpoint.model.generate = brief
    many = "\n".join([transcript] * 15)
    parts = windows(it._checkpoint, many.splitlines(), WINDOW)
    assert len(parts) * 60 > 1024  # too many for one prompt
    answer = it.summarize(many, "Who?")
    assert (answer.cut, answer.notes) == (0, ())
    assert len(parts) < len(rounds) < 2 * len(parts)
    assert max(rounds) <= 2048
    assert rounds[-1] < 1500


def test_endless_noise_ends_and_is_noted(options: Options, transcript: str) -> None:
    """A model whose answers spell longer than they were: halves of characters become marks."""
    it = LlamaAdapter(options)
    half = it._checkpoint.tokenizer("é", add_special_tokens=False).input_ids[0]

    def noise(**inputs: Any) -> Any:
        said = torch.full((1, inputs["max_new_tokens"]), half)
        return torch.cat([inputs["input_ids"], said], dim=1)

    it._checkpoint.model.generate = noise
    answer = it.summarize("\n".join([transcript] * 6), "Who?")
    assert answer.notes
    assert "of the parts' summaries did not fit" in answer.notes[0]


def test_an_empty_meeting_is_asked_about_all_the_same(options: Options) -> None:
    assert LlamaAdapter(options).summarize("", "Who?").cut == 0


def test_answers_do_not_vary(options: Options, transcript: str) -> None:
    answers = {LlamaAdapter(options).summarize(transcript, "Who?") for _ in range(2)}
    assert len(answers) == 1


def test_what_must_be_given(options: Options, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"give --adapter llama_adapter_len10_layer30_release\.pth"):
        LlamaAdapter(Options(model=options.model))
    with pytest.raises(BadInput, match="is missing"):
        LlamaAdapter(Options(model=options.model, adapter=str(tmp_path / "nowhere.pth")))
    (tmp_path / "text.pth").write_text("no weights", encoding="utf-8")
    with pytest.raises(BadInput, match="holds no weights"):
        LlamaAdapter(Options(model=options.model, adapter=str(tmp_path / "text.pth")))
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(BadInput, match=r"holds no adapter_query\.weight"):
        LlamaAdapter(Options(model=options.model, adapter=str(tmp_path / "other.pth")))
    with pytest.raises(BadInput, match="runs on one device"):
        LlamaAdapter(Options(adapter=options.adapter, device_map="auto"))


def test_it_is_a_system_of_the_bench(options: Options, runs: Any) -> None:
    output = runs("llama-adapter", options)
    assert output.tokens_in > 2 * 60  # a part's prompt and the question's
    assert output.notes == ()
