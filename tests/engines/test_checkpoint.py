from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from gistill.engines import OpenOptions, open_engine
from gistill.errors import BadInput, EngineFailed
from gistill.types import Request
from tiny_gguf import write_gguf

PROMPTS = ["Ann: We decided to raise the budget by 12 percent.", "Bob: nobody objected."]


def ask(prompt: str, max_tokens: int = 12) -> Request:
    return Request(prompt=prompt, text=prompt, max_tokens=max_tokens)


def texts(engine: Any, requests: list[Request]) -> list[str]:
    return [c.text for c in sorted(engine.generate(requests), key=lambda c: c.index)]


def adapt(base: Any, task: str, *targets: str) -> Any:
    """`base` with LoRA weights that change what it writes."""
    import peft

    config = peft.LoraConfig(
        r=4, target_modules=list(targets), init_lora_weights=False, task_type=task
    )
    torch.manual_seed(5)
    return peft.get_peft_model(base, config)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize(
    ("name", "kind", "task", "targets"),
    [
        ("llama", "CausalLM", "CAUSAL_LM", ("q_proj", "v_proj")),
        ("t5", "Seq2SeqLM", "SEQ_2_SEQ_LM", ("q", "v", "wo")),
        ("bart", "Seq2SeqLM", "SEQ_2_SEQ_LM", ("q_proj", "fc2")),
    ],
)
def test_an_adapter_opens_its_base(
    name: str, kind: str, task: str, targets: tuple[str], request: Any, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(name)
    opener = getattr(transformers, f"AutoModelFor{kind}")
    adapted = adapt(opener.from_pretrained(folder, dtype=torch.float32), task, *targets)
    adapted.save_pretrained(tmp_path / "adapter")
    engine, plain = open_engine(tmp_path / "adapter"), open_engine(folder)
    assert engine.id.startswith(plain.id + "+")
    merged = shutil.copytree(folder, tmp_path / "merged")
    adapted.merge_and_unload().save_pretrained(merged)
    requests = [ask(p) for p in PROMPTS]
    assert texts(engine, requests) == texts(open_engine(merged), requests)
    assert texts(engine, requests) != texts(plain, requests)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_of_the_bundled_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = write_gguf(tmp_path / "tiny.gguf", "Q8_0")
    monkeypatch.setattr("gistill.models.fetch.weights", lambda *_, **__: weights)
    base = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="tiny.gguf", dtype=torch.float32
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, gguf_file="tiny.gguf")
    base.hf_quantizer, base.is_quantized = None, False
    del base.config.quantization_config
    adapted = adapt(base, "CAUSAL_LM", "q_proj", "v_proj", "down_proj")
    adapted.peft_config["default"].base_model_name_or_path = "bundled"
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    merged = tmp_path / "merged"
    adapted.merge_and_unload().save_pretrained(merged)
    tokenizer.save_pretrained(merged)
    engine = open_engine(tmp_path / "adapter", OpenOptions(offline=True))
    assert engine.id.startswith("hf:bundled@b179c9523d0e:")
    requests = [ask(p) for p in PROMPTS]
    assert texts(engine, requests) == texts(open_engine(merged), requests)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_of_another_model(llama: Path, tmp_path: Path) -> None:
    base = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    adapt(base, "CAUSAL_LM", "q_proj").save_pretrained(tmp_path)
    wide = transformers.AutoConfig.from_pretrained(llama, num_attention_heads=8, hidden_size=128)
    other = shutil.copytree(llama, tmp_path / "other")
    transformers.AutoModelForCausalLM.from_config(wide).save_pretrained(other)
    settings = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = "other"
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(BadInput, match="does not fit its base other") as caught:
        open_engine(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "adapter_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="is damaged"):
        open_engine(tmp_path)


def test_an_adapter_of_the_bundled_model_that_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("GISTILL_WHEEL", raising=False)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "bundled"}')
    with pytest.raises(BadInput, match="run: gistill models get"):
        open_engine(tmp_path)


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_the_bundled_weights_are_read_as_they_are(model_home: Path, tmp_path: Path) -> None:
    """An adapter that changes nothing: the untuned model answers as it is known to."""
    import peft

    base = transformers.AutoModelForCausalLM.from_config(
        transformers.LlamaConfig(
            vocab_size=49152,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
        )
    )
    empty = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["v_proj"]))
    empty.peft_config["default"].base_model_name_or_path = "bundled"
    empty.save_pretrained(tmp_path, save_embedding_layers=False)
    engine = open_engine(tmp_path)
    [done] = engine.generate([ask("What is the capital of France? Answer in one sentence.", 20)])
    assert "Paris" in done.text


def test_the_id_follows_the_weights_not_the_run(llama: Path, tmp_path: Path) -> None:
    same, other = tmp_path / "a" / llama.name, tmp_path / "b" / llama.name
    shutil.copytree(llama, same)
    shutil.copytree(llama, other)
    (other / "config.json").write_text(
        json.dumps(json.loads((other / "config.json").read_text()) | {"rope_theta": 5.0})
    )
    ids = [open_engine(f"hf:{path}").id for path in (llama, same, other)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith(":fp32") or torch.cuda.is_available()


def test_a_local_model_opens_no_socket(
    bart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert texts(open_engine(f"hf:{bart}", OpenOptions(offline=True)), [ask("Short.")])


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="hf needs a model"):
        open_engine("hf:")
    with pytest.raises(BadInput, match=r"no config\.json"):
        open_engine(f"hf:{tmp_path}")
    with pytest.raises(BadInput, match="neither a model folder nor the id"):
        open_engine(f"hf:{tmp_path}/missing/folder")
    (tmp_path / "config.json").write_text('{"model_type": "nonsense"}')
    with pytest.raises(EngineFailed, match="cannot load") as caught:
        open_engine(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_hub_model_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineFailed, match="gistill is offline"):
        open_engine("hf:nobody/nothing-at-all", OpenOptions(offline=True))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(EngineFailed, match="cannot be reached") as caught:
        open_engine("hf:nobody/nothing-at-all")
    assert "hf:PATH" in str(caught.value)


@pytest.mark.parametrize(("package", "line"), [("torch", "torch"), ("transformers", "torch")])
def test_a_missing_package_names_its_extra(package: str, line: str, llama: Path) -> None:
    code = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from gistill.engines import open_engine\n"
        "from gistill.errors import MissingExtra\n"
        "try: open_engine('hf:' + sys.argv[2])\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, package, str(llama)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ.copy(),
    )
    assert f"pip install 'gistill[{line}]'" in done.stdout
