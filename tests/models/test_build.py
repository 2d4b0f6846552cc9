from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from gistill.errors import BadInput, EngineFailed, GistillError
from gistill.models import build, check, manifest
from gistill.models.fetch import sha256
from gistill.models.spec import spec
from tiny_gguf import write_gguf


def say(line: str) -> None:
    pass


def logits(folder: Path, ids: list[int]) -> Any:
    compiled = openvino.Core().compile_model(
        folder / "openvino_model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    request = compiled.create_infer_request()
    request.infer(
        {
            "input_ids": np.array([ids]),
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "position_ids": np.arange(len(ids))[None],
            "beam_idx": np.zeros(1, np.int32),
        }
    )
    return request.get_tensor("logits").data[0].copy()


def test_twins_read_as_what_they_are_twins_of(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "model").mkdir()
    build.convert(source, tmp_path / "model", {}, adapter=None, say=say)
    twins = json.loads((tmp_path / "model" / "manifest.json").read_text())["twins"]
    ids = [5, 9, 200, 7]
    plain = logits(tmp_path / "model", ids)
    assert plain.shape[-1] == twins > max(ids)
    assert np.array_equal(logits(tmp_path / "model", [i + twins for i in ids]), plain)
    assert np.array_equal(logits(tmp_path / "model", [5, 9 + twins, 200, 7]), plain)
    assert not np.array_equal(logits(tmp_path / "model", [5, 9, 201, 7]), plain)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux can take CPUs away")
def test_one_cpu_is_enough(tmp_path: Path) -> None:
    """OpenVINO divided by zero there, where the CPU computes in bfloat16."""
    source = write_gguf(tmp_path / "tiny.gguf")
    program = """
import os, sys
from pathlib import Path
from gistill.models import build
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
build.convert(Path(sys.argv[1]), Path(sys.argv[2]), {}, adapter=None, say=print)
"""
    (tmp_path / "model").mkdir()
    command = [sys.executable, "-c", program, str(source), str(tmp_path / "model")]
    subprocess.run(command, check=True, capture_output=True)
    assert manifest(tmp_path / "model")["context"] == 512


@pytest.mark.filterwarnings("ignore")  # torch's and transformers' own
@pytest.mark.parametrize(
    ("kind", "weights", "tolerance"),
    [
        ("F32", "as in the source", 0.005),
        ("F16", "as in the source", 0.005),
        ("BF16", "as in the source", 0.005),
        ("Q8_0", "as in the source", 0.15),
        ("Q4_1", "int8, groups of 64", 0.15),
        ("Q5_0", "int8, groups of 64", 0.15),
    ],
)
def test_a_built_model_computes_what_its_weights_say(
    kind: str,
    weights: str,
    tolerance: float,
    load_gguf: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    import torch

    source = write_gguf(tmp_path / "source.gguf", kind)
    target = tmp_path / "models" / "tiny"
    build.build_gguf(source, target, say)
    ids = list(range(3, 200))
    with torch.no_grad():
        expected = load_gguf(source)(torch.tensor([ids])).logits[0].numpy()
    found = logits(target, ids)
    # 8-bit weights mean 8-bit activations too, and random layers amplify; a wrong model gives 1.4.
    assert np.abs(found - expected).mean() < tolerance * np.abs(expected).mean()
    about = manifest(target)
    assert about["weights"] == weights
    assert about["context"] == 512
    assert about["source_sha256"] == sha256(source)
    assert about["files"] == {
        path.name: sha256(path) for path in target.iterdir() if path.name != "manifest.json"
    }
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_other_architectures_are_refused_with_types_that_openvino_misreads(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "source.gguf", "Q4_1", architecture="qwen2")
    with pytest.raises(BadInput, match="Q4_1"):
        build.build_gguf(source, tmp_path / "tiny", say)
    assert not (tmp_path / "tiny").exists()


def test_what_openvino_cannot_read_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "source.gguf", "F16", architecture="mamba")
    with pytest.raises(EngineFailed, match="OpenVINO cannot read"):
        build.build_gguf(source, tmp_path / "models" / "tiny", say)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.fixture
def tiny_spec(tiny_q4: Path) -> Any:
    (wheel,) = spec("bundled").wheels
    member = replace(wheel.members[0], sha256=sha256(tiny_q4))
    # The adapter that ships fits the real weights only.
    plain = replace(spec("bundled"), adapter=None, adapter_sha256="")
    return replace(plain, wheels=(replace(wheel, members=(member,)),))


def test_an_unfaithful_build_is_not_used(tiny_spec: Any, tiny_q4: Path, tmp_path: Path) -> None:
    """The tiny model is not the bundled one, so the known answers cannot be its own."""
    with pytest.raises(EngineFailed, match=r"tokenizer|agrees with its reference"):
        build.build_model(tiny_spec, tiny_q4, tmp_path / "models" / "tiny", say)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_faithful_build_is(
    tiny_spec: Any, tiny_q4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "expectations", lambda name: [])
    build.build_model(tiny_spec, tiny_q4, tmp_path / "tiny", say)
    about = json.loads((tmp_path / "tiny" / "manifest.json").read_text())
    assert (about["window"], about["focus"], about["slack"]) == (1500, 600, 60)
    assert about["licence"] == "Apache-2.0"


def test_a_damaged_adapter_is_refused(tiny_spec: Any, tiny_q4: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"junk")
    damaged = replace(tiny_spec, adapter=tmp_path, adapter_sha256="0" * 64)
    with pytest.raises(BadInput, match="install gistill again"):
        build.build_model(damaged, tiny_q4, tmp_path / "tiny", say)


def test_leftovers_of_a_killed_build_are_replaced(tiny_q4: Path, tmp_path: Path) -> None:
    left = tmp_path / ".tiny.partial"
    left.mkdir()
    (left / "half.bin").write_bytes(b"half")
    (tmp_path / "tiny").mkdir()  # without a manifest
    build.build_gguf(tiny_q4, tmp_path / "tiny", say)
    assert not left.exists()
    assert not (tmp_path / "tiny" / "half.bin").exists()


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(GistillError, match="make room") as error,
        build.only_here(tmp_path / "m", say),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "\n" not in str(error.value)


@pytest.mark.model
def test_the_bundled_model_agrees_with_its_reference(bundled: Path) -> None:
    assert check.check(bundled, check.expectations("bundled")) > 0.9


@pytest.mark.model
def test_a_wrong_bundled_model_is_noticed(bundled: Path, tmp_path: Path) -> None:
    """Weights that differ by noise of a tenth of their size: fluent, but not this model."""
    broken = shutil.copytree(bundled, tmp_path / "broken")
    path = broken / "openvino_model.bin"
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    start = len(data) // 2
    data[start : start + 8_000_000] = rng.integers(0, 256, 8_000_000, np.uint8).tobytes()
    path.write_bytes(data)
    with pytest.raises(EngineFailed, match="agrees with its reference"):
        check.check(broken, check.expectations("bundled"))
