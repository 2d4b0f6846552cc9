"""Every exported form says what the trained model says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gistill.distill import agreement, export
from gistill.distill.base import Base, open_base
from gistill.distill.dataset import Row, save
from gistill.distill.settings import Settings
from gistill.distill.student import prompt_ids
from gistill.distill.train import train
from gistill.engines import OpenOptions, open_engine
from gistill.errors import BadInput
from gistill.models import fetch, manifest
from gistill.types import Request
from tiny_gguf import write_gguf

PROMPT = "train 0 Ann: We decided to raise the budget by 12 percent before the launch in March."


def say(line: str) -> None:
    pass


def adapter(folder: Path, model: Path, data: dict[str, list[Row]], settings: Settings) -> Path:
    """Adapters trained on the tiny `model` until they say something of their own."""
    save(data, folder / "data")
    base = open_base(str(model), device="cpu", precision="fp32")
    train(base, data, replace(settings, max_steps=20), folder, source=str(folder / "data"))
    return folder / "lora_student"


@pytest.fixture
def trained(request: pytest.FixtureRequest, data: Any, settings: Settings, tmp_path: Path) -> Path:
    model: Path = request.getfixturevalue(request.param)
    return adapter(tmp_path / "run", model, data, settings)


def table(text: str) -> dict[str, dict[str, float]]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    assert head == ["form", "MB", "perplexity", "greedy", "agreement"]
    return {
        name: {"perplexity": float(perplexity), "greedy": float(greedy)}
        for name, _, perplexity, greedy in rows
    }


@pytest.mark.parametrize(
    ("trained", "forms"),
    [("llama", ["hf", "openvino", "ct2", "adapter"]), ("t5", ["hf", "ct2", "adapter"]),
     ("bart", ["hf", "ct2"])],
    indirect=["trained"],
)  # fmt: skip
def test_exported_forms_agree_with_the_trained_model(
    trained: Path, forms: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = export.run(trained, out, forms, data=None, prompts=4, offline=True, say=say)
    found = table(capsys.readouterr().out)
    assert found.keys() == {"trained", *forms}
    assert found["trained"]["greedy"] == 1.0
    for form in forms:
        # 8-bit weights of a random model move its near ties; a wrong one agrees on next to none.
        assert found[form]["greedy"] > (0.8 if form == "ct2" else 0.95), form
        assert found[form]["perplexity"] == pytest.approx(
            found["trained"]["perplexity"], rel=0.15 if form == "ct2" else 0.02
        )
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(forms)  # nothing half-made


@pytest.mark.parametrize("trained", ["llama"], indirect=True)
def test_engines_open_what_was_exported(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    forms = ["hf", "openvino", "ct2", "adapter"]
    export.run(trained, out, forms, data=None, prompts=2, offline=True, say=say)
    request = Request(PROMPT, PROMPT, 12)
    opened = {form: f"{'hf' if form == 'adapter' else form}:{out / form}" for form in forms}
    texts = {}
    for form, spec in {"trained": f"hf:{trained}", **opened}.items():
        # With it OpenVINO computes in float32.
        engine = open_engine(spec, OpenOptions(speculate=form == "openvino"))
        (completion,) = engine.generate([request])
        texts[form] = completion.text
    assert texts["hf"] == texts["trained"] == texts["adapter"]
    assert texts["openvino"] == texts["trained"]
    assert texts["ct2"]  # 8 bits turn the near ties of a random model


@pytest.mark.parametrize("trained", ["llama"], indirect=True)
def test_adapters_load_unmerged_in_openvino(
    trained: Path, llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    export.run(trained, out, ["unmerged"], data=None, prompts=2, offline=True, say=say)
    found = table(capsys.readouterr().out.replace(" - ", " 0 "))
    assert found["unmerged"]["greedy"] == 1.0
    # Without the adapter the same folder is the base, which says something else.
    base, student = export.open_adapter(trained)
    judge = agreement.of_openvino(out / "unmerged")
    known = [agreement.case(base, student, prompt_ids(base, PROMPT), None)]
    assert agreement.measure(judge, known).greedy < 1.0
    base = open_base(str(llama), device="cpu", precision="fp32")
    known = [agreement.case(base, base.model, prompt_ids(base, PROMPT), None)]
    assert agreement.measure(judge, known).greedy == 1.0


@pytest.mark.filterwarnings("ignore")  # transformers' own, on GGUF files
def test_an_adapter_of_the_bundled_model_goes_into_its_own_build(
    data: Any, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With a tiny file in place of the bundled one: 4-bit weights, merged and written as 8-bit."""
    weights = write_gguf(tmp_path / "tiny.gguf", "Q4_1")
    monkeypatch.setattr(fetch, "weights", lambda *args, **how: weights)
    base = open_base("bundled", device="cpu", precision="fp32")
    save(data, tmp_path / "data")
    how = replace(settings, max_length=500)
    train(base, data, how, tmp_path / "run", source=str(tmp_path / "data"))
    adapter = tmp_path / "run" / "lora_student"
    assert (
        json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "bundled"
    )
    assert open_engine(adapter).count("one two") > 0
    out = tmp_path / "out"
    forms = ["openvino", "unmerged"]
    export.run(adapter, out, forms, data=None, prompts=2, offline=True, say=say)
    found = table(capsys.readouterr().out.replace(" - ", " 0 "))
    assert found["openvino"]["greedy"] > 0.7  # random weights in 8 bits
    assert found["unmerged"]["greedy"] > 0.7
    about = manifest(out / "openvino")
    assert about["licence"] == "Apache-2.0"
    assert about["adapter_sha256"] == fetch.sha256(adapter / "adapter_model.safetensors")
    assert open_engine(f"openvino:{out / 'openvino'}").context == 512


@pytest.mark.parametrize("trained", ["llama"], indirect=True)
def test_a_form_that_says_something_else_is_told(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    write = export._write_hf

    def garble(merged: Any, base: Base, folder: Path) -> None:
        with torch.no_grad():
            merged.lm_head.weight.copy_(merged.lm_head.weight.flip(0))
        write(merged, base, folder)

    monkeypatch.setattr(export, "_write_hf", garble)
    said: list[str] = []
    code = export.run(
        trained, tmp_path / "out", ["hf"], data=None, prompts=2, offline=True, say=said.append
    )
    assert code == 1
    assert "do not use it" in said[-1]
    assert table(capsys.readouterr().out)["hf"]["greedy"] < 0.5


@pytest.mark.parametrize("trained", ["llama"], indirect=True)
def test_held_out_inputs_come_from_the_data_or_the_bundled_thread(
    trained: Path, llama: Path, tmp_path: Path
) -> None:
    base = open_base(str(llama), device="cpu", precision="fp32")
    of_run = list(export._held_out(trained, base, None, 8))
    assert len(of_run) == 2  # the rows of dev
    assert all(target and target[-1] == base.tokenizer.eos_token_id for _, target in of_run)
    (trained.parent / "run.json").unlink()
    of_thread = list(export._held_out(trained, base, None, 2))
    assert all(target is None for _, target in of_thread)
    with pytest.raises(BadInput, match="holds no training data"):
        list(export._held_out(trained, base, tmp_path / "none", 2))


@pytest.mark.parametrize("trained", ["t5"], indirect=True)
def test_what_cannot_be_exported_is_said(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="OpenVINO runs decoder-only models here"):
        export.run(trained, tmp_path / "out", ["openvino"], data=None, prompts=1, offline=True,
                   say=say)  # fmt: skip
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(BadInput, match="is no LoRA adapter with a named base"):
        export.open_adapter(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(trained, broken)
    config = json.loads((broken / "adapter_config.json").read_text())
    (broken / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(BadInput, match="does not fit its base"):
        export.open_adapter(broken)
