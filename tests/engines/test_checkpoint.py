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

PROMPTS = ["Ann: We decided to raise the budget by 12 percent.", "Bob: nobody objected."]


def ask(prompt: str, max_tokens: int = 12) -> Request:
    return Request(prompt=prompt, text=prompt, max_tokens=max_tokens)


def texts(engine: Any, requests: list[Request]) -> list[str]:
    return [c.text for c in sorted(engine.generate(requests), key=lambda c: c.index)]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_opens_its_base(llama: Path, tmp_path: Path) -> None:
    import peft

    base = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    torch.manual_seed(5)
    adapted = peft.get_peft_model(base, config)
    adapted.save_pretrained(tmp_path)
    engine, plain = open_engine(f"hf:{tmp_path}"), open_engine(f"hf:{llama}")
    assert engine.id.startswith(plain.id + "+")
    merged = tmp_path / "merged"
    adapted.merge_and_unload().save_pretrained(merged)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(llama / name, merged)
    requests = [ask(p) for p in PROMPTS]
    assert texts(engine, requests) == texts(open_engine(f"hf:{merged}"), requests)
    assert texts(engine, requests) != texts(plain, requests)


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
