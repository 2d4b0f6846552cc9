from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from gistill.engines import OpenOptions, open_engine
from gistill.errors import EngineFailed, Overflow
from gistill.types import Request

PROMPTS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: nobody objected.",
    "The quick brown fox jumps over the lazy dog while the committee discusses the agenda. " * 3,
    "The remote control needs a new battery; the plastic one saves 3 euros a unit.",
]


def ask(prompt: str, max_tokens: int = 12, **settings: Any) -> Request:
    return Request(prompt=prompt, text=prompt, max_tokens=max_tokens, **settings)


def texts(engine: Any, requests: list[Request], deadline: float | None = None) -> list[str]:
    done = sorted(engine.generate(requests, deadline=deadline), key=lambda c: c.index)
    assert [c.index for c in done] == list(range(len(requests)))
    return [c.text for c in done]


@pytest.fixture(params=["t5", "bart", "llama"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def reference(folder: Path, prompt: str, **settings: Any) -> str:
    """What transformers itself answers to one prompt, all by itself."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.is_encoder_decoder:
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
        inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        skip = 1
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        chat = [{"role": "user", "content": prompt}]
        inputs = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        skip = inputs["input_ids"].shape[1]
    model.generation_config.forced_eos_token_id = None
    output = model.generate(**inputs, max_new_tokens=12, do_sample=False, **settings)
    text: str = tokenizer.decode(output[0, skip:], skip_special_tokens=True)
    return text.strip()


def test_a_batch_answers_as_transformers_does_alone(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    assert texts(engine, [ask(p) for p in PROMPTS]) == [reference(folder, p) for p in PROMPTS]


def test_beams_answer_as_transformers_does_alone(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    settings = {"length_penalty": 0.5, "early_stopping": True}
    expected = [reference(folder, p, num_beams=3, **settings) for p in PROMPTS]
    assert texts(engine, [ask(p, beams=3, length_penalty=0.5) for p in PROMPTS]) == expected


def test_beams_find_what_the_model_likes_better(t5: Path) -> None:
    engine = open_engine(f"hf:{t5}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(t5)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(t5, dtype=torch.float32)

    def likelihood(prompt: str, answer: str) -> float:
        inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        labels = tokenizer(answer, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.inference_mode():
            return -float(model(**inputs, labels=labels).loss) * labels.shape[1]

    greedy = texts(engine, [ask(p) for p in PROMPTS])
    beamed = texts(engine, [ask(p, beams=6, length_penalty=0.0) for p in PROMPTS])
    gains = [
        likelihood(p, b) - likelihood(p, g)
        for p, g, b in zip(PROMPTS, greedy, beamed, strict=True)
        if g != b
    ]
    assert gains
    assert sum(gains) > 0


def test_settings_do_not_mix_within_a_batch(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}")
    mixed = [ask(PROMPTS[0], 5), ask(PROMPTS[0], 12), ask(PROMPTS[0], 12, beams=3)]
    assert texts(engine, mixed) == [texts(engine, [request])[0] for request in mixed]


def test_ngrams_and_penalties_look_at_the_answer_only(t5: Path) -> None:
    engine = open_engine(f"hf:{t5}")
    plain = texts(engine, [ask(p, 60) for p in PROMPTS])
    assert any(len(set(text.split())) < len(text.split()) for text in plain)
    for text in texts(engine, [ask(p, 60, no_repeat_ngram=1) for p in PROMPTS]):
        assert len(set(text.split())) == len(text.split())
    penalized = texts(engine, [ask(p, 60, repetition_penalty=1e6) for p in PROMPTS])
    for before, after in zip(plain, penalized, strict=True):
        assert len(set(after.split())) >= len(set(before.split()))


def test_the_prompt_is_not_penalized(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}")
    first = [ask(p, 1) for p in PROMPTS]
    punished = [ask(p, 1, no_repeat_ngram=1, repetition_penalty=1e6) for p in PROMPTS]
    assert texts(engine, first) == texts(engine, punished)


def test_a_deadline_keeps_what_is_written(folder: Path) -> None:
    engine = open_engine(f"hf:{folder}")
    texts(engine, [ask(PROMPTS[1], 2)])  # measures the speed
    slow = [ask(p, 200) for p in PROMPTS]
    model = engine._model  # type: ignore[attr-defined]
    forward = model.forward

    def slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.05)
        return forward(*args, **kwargs)

    model.forward = slowly
    done = list(engine.generate(slow, deadline=time.monotonic() + 2))
    assert sorted(c.index for c in done) == [0, 1, 2, 3]
    assert {c.finish for c in done} <= {"deadline", "stop"}
    assert any(c.finish == "deadline" and 0 < c.tokens_out < 200 for c in done)


def test_what_cannot_be_read_in_time_is_not_begun_but_tried_again_some_day(llama: Path) -> None:
    engine: Any = open_engine(f"hf:{llama}")
    assert all(texts(engine, [ask(PROMPTS[0])]))
    engine.speed = type(engine.speed)(prefill=0.1, decode=engine.speed.decode)  # a bad moment
    answers = []
    while not any(answers):
        assert len(answers) < 50
        answers += texts(engine, [ask(PROMPTS[0])], time.monotonic() + 60)
    assert len(answers) > 1


def test_overflow(t5: Path, bart: Path, llama: Path) -> None:
    long = "word " * 3000
    for path in (t5, bart, llama):
        with pytest.raises(Overflow):
            open_engine(f"hf:{path}").generate([ask("Short."), ask(long)])
    with pytest.raises(Overflow):  # prompt and answer share a decoder's context
        open_engine(f"hf:{llama}").generate([ask("Short.", 511)])
    with pytest.raises(Overflow):  # 256 positions, one taken by the start token
        open_engine(f"hf:{bart}").generate([ask("Short.", 256)])
    bart_engine = open_engine(f"hf:{bart}")
    fill = "the " * 200
    assert bart_engine.count(fill) + 250 > bart_engine.context
    assert texts(bart_engine, [ask(fill, 250)])  # an answer takes no room in the encoder


def test_running_out_of_memory_halves_the_batch(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}")
    expected = texts(engine, [ask(p) for p in PROMPTS])
    model = engine._model  # type: ignore[attr-defined]
    generate, sizes = model.generate, []

    def narrow(**inputs: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 1:
            raise torch.OutOfMemoryError("no room")
        return generate(**inputs)

    model.generate = narrow
    assert texts(engine, [ask(p) for p in PROMPTS]) == expected
    assert sizes == [4, 2, 1, 1, 1, 1]


def test_not_even_one_fits_in_memory(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}")

    def full(**inputs: Any) -> Any:
        raise torch.OutOfMemoryError("no room")

    engine._model.generate = full  # type: ignore[attr-defined]
    with pytest.raises(EngineFailed, match="not enough memory for one prompt"):
        list(engine.generate([ask("Short.")]))


def test_max_memory_bounds_the_batch(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}", OpenOptions(max_memory=1))
    generate, sizes = engine._model.generate, []  # type: ignore[attr-defined]

    def watched(**inputs: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        return generate(**inputs)

    engine._model.generate = watched  # type: ignore[attr-defined]
    texts(engine, [ask(p) for p in PROMPTS])
    assert sizes == [1, 1, 1, 1]


def test_the_end_token_stops(t5: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(t5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(t5)
    with torch.no_grad():
        model.lm_head.weight.zero_()  # all equally likely: the first of them, padding, wins
    model.generation_config.eos_token_id = [0, 1]
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    [done] = open_engine(f"hf:{tmp_path}").generate([ask("Bob: nobody objected.")])
    assert (done.text, done.finish, done.tokens_out) == ("", "stop", 0)


def test_a_failing_model_is_reported(llama: Path) -> None:
    engine = open_engine(f"hf:{llama}")

    def broken(**inputs: Any) -> Any:
        raise RuntimeError("the device went away")

    engine._model.generate = broken  # type: ignore[attr-defined]
    with pytest.raises(EngineFailed, match="the device went away"):
        list(engine.generate([ask("Short.")]))


def test_overhead_is_what_the_template_adds(llama: Path, t5: Path) -> None:
    for path in (llama, t5):
        engine = open_engine(f"hf:{path}")
        [done] = engine.generate([dataclasses.replace(ask(PROMPTS[0]), max_tokens=1)])
        assert done.tokens_in == engine.count(PROMPTS[0]) + engine.overhead


def test_settings_of_the_checkpoint_do_not_leak_in(bart: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bart, tmp_path / "like-cnn")
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings |= {"no_repeat_ngram_size": 1, "min_length": 11, "num_beams": 4, "max_length": 5}
    path.write_text(json.dumps(settings), encoding="utf-8")
    requests = [ask(p) for p in PROMPTS]
    assert texts(open_engine(f"hf:{folder}"), requests) == texts(
        open_engine(f"hf:{bart}"), requests
    )


_SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4}
ARCHITECTURES: dict[str, tuple[dict[str, Any], int, int]] = {  # settings, context, window
    "LED": (
        _SEQ2SEQ | {"attention_window": 16, "max_encoder_position_embeddings": 512},
        512,
        512,
    ),
    "Pegasus": (_SEQ2SEQ | {"max_position_embeddings": 128}, 128, 128),
    "MT5": (_T5, 2048, 512),
    "GPT2": ({"n_embd": 32, "n_layer": 1, "n_head": 4, "n_positions": 128}, 128, 64),
    "Mpt": ({"d_model": 32, "n_layers": 1, "n_heads": 4, "max_seq_len": 128}, 128, 64),
    "Mamba": ({"hidden_size": 32, "num_hidden_layers": 1}, 2048, 1024),
}


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_architectures_with_names_of_their_own(name: str, bart: Path, tmp_path: Path) -> None:
    settings, context, window = ARCHITECTURES[name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(bart)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), bos_token_id=0, pad_token_id=1, eos_token_id=2, **settings
    )
    config.decoder_start_token_id = 2 if config.is_encoder_decoder else None
    kind = "Seq2SeqLM" if config.is_encoder_decoder else "CausalLM"
    torch.manual_seed(0)
    model = getattr(transformers, f"AutoModelFor{kind}").from_config(config)
    model.eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    engine = open_engine(f"hf:{tmp_path}")
    assert (engine.context, engine.window) == (context, window)
    requests = [ask("Hello.", 6), ask("We decided to raise the budget by 12 percent.", 6)]
    assert texts(engine, requests) == [texts(engine, [request])[0] for request in requests]
    with pytest.raises(Overflow):
        engine.generate([ask("word " * 3000)])
