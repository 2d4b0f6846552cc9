from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gistill.bench.systems import Options
from gistill.bench.systems.longllama import LongLlama
from gistill.bench.systems.longllama_model import LongLlamaConfig, LongLlamaForCausalLM
from gistill.errors import BadInput

WINDOW, LAST = 64, 32
# What syzymon/long_llama_3b has in config.json, with small sizes.
RELEASED = {
    "architectures": ["LongLlamaForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_longllama.LongLlamaConfig",
        "AutoModelForCausalLM": "modeling_longllama.LongLlamaForCausalLM",
    },
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 48,
    "last_context_length": LAST,
    "max_position_embeddings": WINDOW,
    "mem_attention_grouping": None,
    "mem_dtype": "bfloat16",
    "mem_layers": [1],
    "mem_positionals": True,
    "model_type": "longllama",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.30.0",
    "use_cache": True,
    "vocab_size": 400,
}
SIZES = {
    name: value
    for name, value in RELEASED.items()
    if name not in ("architectures", "auto_map", "torch_dtype", "transformers_version")
}
PROMPT = "{text}\n\nQuestion about the conversation above: Who?\nAnswer:"


@pytest.fixture
def folder(release: Any) -> Path:
    torch.manual_seed(7)
    config = LongLlamaConfig(**(SIZES | {"initializer_range": 0.4}))
    path: Path = release(LongLlamaForCausalLM(config), RELEASED)
    return path


def opened(folder: Path, **settings: Any) -> LongLlama:
    return LongLlama(Options(model=str(folder), **({"max_new_tokens": 40} | settings)))


def test_the_whole_transcript_is_read(folder: Path, transcript: str) -> None:
    it = opened(folder)
    answer = it.summarize(transcript, "Who?")
    ids = it._checkpoint.tokenizer(PROMPT.replace("{text}", transcript)).input_ids
    assert (answer.tokens_in, answer.cut) == (len(ids), 0)
    assert len(ids) > 10 * WINDOW
    inputs = torch.tensor([ids])
    made = it._checkpoint.model.generate(
        inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=40, do_sample=False
    )
    text = it._checkpoint.tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True)
    assert answer.text == text.strip()


def test_what_was_said_first_is_remembered(folder: Path, transcript: str) -> None:
    other = "Zoe: " + transcript[len("Ann: ") :]
    answers = {opened(folder).summarize(text, "Who?").text for text in (transcript, other)}
    assert len(answers) == 2


def test_what_does_not_fit_is_cut_and_counted(folder: Path, transcript: str) -> None:
    it = opened(folder, max_seq_len=300)
    answer = it.summarize(transcript, "Who?")
    ids = it._checkpoint.tokenizer(transcript, add_special_tokens=False).input_ids
    kept = it._checkpoint.tokenizer.decode(ids[: -answer.cut])
    assert 250 < answer.tokens_in <= 260
    filled = it._checkpoint.tokenizer(PROMPT.replace("{text}", kept)).input_ids
    assert answer.tokens_in == len(filled)


def test_settings_say_how_memory_is_used(folder: Path) -> None:
    settings = opened(folder).settings()
    assert settings["mem_layers"] == [1]
    assert (settings["window"], settings["last_context_length"]) == (WINDOW, LAST)
    json.dumps(settings)


def test_a_plain_llama_is_refused(folder: Path) -> None:
    config = {name: value for name, value in RELEASED.items() if name != "mem_layers"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BadInput, match="has no mem_layers"):
        opened(folder)


@pytest.mark.parametrize("where", ["cpu", "disk"])
def test_layers_may_be_placed_apart(
    folder: Path, transcript: str, where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    devices = {f"model.layers.{i}": "cpu" for i in range(3)} | {"model.layers.1": where}
    for name in ("model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head"):
        devices[name] = "cpu"
    path = tmp_path / "map.json"
    path.write_text(json.dumps(devices), encoding="utf-8")
    apart = opened(folder, device_map=str(path), max_new_tokens=5).summarize(transcript, "Who?")
    assert apart == opened(folder, max_new_tokens=5).summarize(transcript, "Who?")


def test_answers_do_not_vary(folder: Path, transcript: str) -> None:
    assert len({opened(folder).summarize(transcript, "Who?") for _ in range(2)}) == 1


@pytest.mark.parametrize("rule", ["identity", "nmt_nfkc"])
@pytest.mark.parametrize("join", [True, False])
def test_text_is_cut_into_the_pieces_that_sentencepiece_cuts(
    folder: Path, transcript: str, rule: str, join: bool
) -> None:
    """The released folders hold a SentencePiece model; OpenLLaMA's joins spaces."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(transcript.splitlines()),
        model_writer=model,
        vocab_size=380,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name=rule,
        remove_extra_whitespaces=join,
        minloglevel=2,
    )
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    tokenizer = opened(folder)._checkpoint.tokenizer
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    for text in (
        transcript,
        "Ann:  two   spaces, and\n\ntwo lines",
        "spaces after  ",
        "a caf\u00e9 \ufb01ne \u00bd",
        "the thermal budget, 12 percent of theirs",
    ):
        assert tokenizer(text).input_ids == [1, *pieces.encode(text)]
    assert tokenizer.decode(pieces.encode("Bob: nobody objected.")) == "Bob: nobody objected."


def test_it_is_a_system_of_the_bench(folder: Path, runs: Any) -> None:
    output = runs("longllama", Options(model=str(folder), max_new_tokens=5))
    assert (output.tokens_in > 40, output.tokens_out <= 5, output.notes) == (True, True, ())
