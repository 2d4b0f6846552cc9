"""The base model by any of its names."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch

from gistill.distill.base import native_precision, open_base
from gistill.errors import BadInput, EngineFailed
from gistill.models.spec import spec
from tiny_gguf import write_gguf


def test_a_folder_keeps_its_name_wherever_it_is_opened_from(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(llama.parent)
    base = open_base(llama.name, device="cpu")
    assert base.name == str(llama)
    assert (base.seq2seq, base.device, base.limit) == (False, "cpu", 512)


def test_kinds_and_limits(t5: Path, bart: Path) -> None:
    assert open_base(str(t5), device="cpu").seq2seq
    assert open_base(str(t5), device="cpu").limit is None  # relative positions
    assert open_base(str(bart), device="cpu").limit == 256


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_weights_have_the_asked_precision(llama: Path, precision: str, dtype: torch.dtype) -> None:
    base = open_base(str(llama), device="cpu", precision=precision)  # type: ignore[arg-type]
    assert {weight.dtype for weight in base.model.parameters()} == {dtype}


def test_bf16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert native_precision("cpu") == wanted


@pytest.mark.filterwarnings("ignore")  # transformers' own, on GGUF files
def test_a_gguf_file_is_a_base(tmp_path: Path) -> None:
    base = open_base(str(write_gguf(tmp_path / "tiny.gguf")), device="cpu")
    assert base.name == str(tmp_path / "tiny.gguf")
    assert base.tokenizer.chat_template


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    for name in ("bundled", str(tmp_path / "none.gguf")):
        with pytest.raises(BadInput, match="run: gistill models get"):
            open_base(name)
    with pytest.raises(EngineFailed, match="not on this machine and gistill is offline"):
        open_base("nobody/nothing", offline=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"holds no config\.json"):
        open_base(str(tmp_path / "empty"))


def test_a_tokenizer_of_another_model_is_refused(llama: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    mixed = tmp_path / "mixed"
    shutil.copytree(llama, mixed)
    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.add_tokens([f"<more{i}>" for i in range(9)])
    tokenizer.save_pretrained(mixed)
    with pytest.raises(BadInput, match="they do not belong together"):
        open_base(str(mixed))


def test_a_tokenizer_without_an_end_is_refused(llama: Path, tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    shutil.copytree(llama, endless)
    path = endless / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["eos_token"]
    path.write_text(json.dumps(config))
    with pytest.raises(BadInput, match="no end token"):
        open_base(str(endless))


def test_the_bundled_file_is_named_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path; the adapter's configuration must hold on another machine."""
    tiny = write_gguf(tmp_path / f"{spec('bundled').members[0].sha256[:12]}.gguf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers' own, on GGUF files
        assert open_base(str(tiny), device="cpu").name == "bundled"
