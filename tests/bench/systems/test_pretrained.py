from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from gistill.bench.systems import Options, open_system
from gistill.bench.systems.pretrained import Answer, Published, fill, open_checkpoint
from gistill.distill.qmsum import Meeting, Question
from gistill.errors import BadInput, EngineFailed
from gistill.types import Locator, Segment

TINY = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
TINY |= {"num_attention_heads": 4, "vocab_size": 400}
TURNS = [("Ann", "We {vocalsound} decided ."), ("Bob", "{disfmarker}"), ("Cleo", "It 's done .")]


@pytest.fixture
def folder(release: Any) -> Path:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**TINY))
    path: Path = release(model, {"model_type": "llama", **TINY})
    return path


def meeting() -> Meeting:
    segments = tuple(
        Segment(f"s{i:06d}", text, Locator("m", (0, len(text))), speaker, "utterance")
        for i, (speaker, text) in enumerate(TURNS)
    )
    return Meeting("m", segments, (), (), ())


class Echo:
    def __init__(self, cut: int = 0, error: Exception | None = None) -> None:
        self.cut, self.error = cut, error

    def settings(self) -> Mapping[str, Any]:
        return {"model": "echo"}

    def summarize(self, transcript: str, query: str) -> Answer:
        if self.error is not None:
            raise self.error
        return Answer(f"{query}|{transcript}", 11, 3, self.cut)


def test_a_meeting_is_read_as_lines_without_noise() -> None:
    system = Published("echo", Echo())
    output = system.answer(meeting(), Question("Who?", ""))
    assert output.summary == "Who?|Ann: We decided.\nCleo: It's done."
    assert (output.tokens_in, output.tokens_out, output.notes) == (11, 3, ())
    assert output.seconds > 0
    assert system.settings() == {"system": "echo", "model": "echo"}


def test_what_was_cut_is_said() -> None:
    output = Published("echo", Echo(cut=7)).answer(meeting(), Question("Who?", ""))
    assert output.notes == ("The last 7 tokens of the transcript did not fit, unread.",)


def test_a_meeting_too_large_for_memory_is_noted() -> None:
    system = Published("echo", Echo(error=torch.OutOfMemoryError("CUDA out of memory")))
    output = system.answer(meeting(), Question("Who?", ""))
    assert output.summary == ""
    assert output.notes == ("There was not enough memory for this meeting.",)


def test_a_model_that_fails_is_reported() -> None:
    system = Published("echo", Echo(error=RuntimeError("the device went away")))
    with pytest.raises(EngineFailed, match="echo stopped answering: the device went away"):
        system.answer(meeting(), Question("Who?", ""))


def test_types_and_devices(folder: Path) -> None:
    half = Options(model=str(folder), dtype="bfloat16", device="cpu")
    assert open_checkpoint(half, "", LlamaForCausalLM).model.dtype == torch.bfloat16
    with pytest.raises(BadInput, match="unknown type 'int3'"):
        open_checkpoint(Options(model=str(folder), dtype="int3"), "", LlamaForCausalLM)
    plain = Options(model=str(folder), device="cpu")
    assert open_checkpoint(plain, "", LlamaForCausalLM).model.dtype == torch.float32
    for name in ("nowhere", "cuda:99", "cpu:x"):
        with pytest.raises(BadInput, match=f"the device '{name}' cannot be used: .*--device cpu"):
            open_checkpoint(Options(model=str(folder), device=name), "", LlamaForCausalLM)
    both = Options(model=str(folder), device="cpu", device_map="auto")
    with pytest.raises(BadInput, match="leave one out"):
        open_checkpoint(both, "", LlamaForCausalLM)


def test_offline_asks_for_a_folder() -> None:
    with pytest.raises(EngineFailed, match=r"nobody/nothing is not on this machine.*offline"):
        open_checkpoint(Options(offline=True), "nobody/nothing", LlamaForCausalLM)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    for name in ("mpt-storywriter", "longformer", "longllama"):
        with pytest.raises(BadInput, match=r"holds no config\.json"):
            open_system(name, Options(model=str(tmp_path)))


@pytest.mark.parametrize("room", [30, 31, 40, 100, 5000])
def test_a_prompt_is_filled_as_far_as_there_is_room(
    folder: Path, transcript: str, room: int
) -> None:
    checkpoint = open_checkpoint(Options(model=str(folder)), "", LlamaForCausalLM)
    tokenizer = checkpoint.tokenizer
    ids, cut = fill(checkpoint, "Read: {text}\nAnswer:", transcript, room)
    whole = tokenizer(transcript, add_special_tokens=False).input_ids
    kept = tokenizer.decode(whole[: len(whole) - cut])
    assert transcript.startswith(kept)
    assert ids == tokenizer(f"Read: {kept}\nAnswer:").input_ids
    assert len(ids) <= room
    assert len(ids) >= room - 3 or not cut


def test_a_prompt_without_room_is_refused(folder: Path, transcript: str) -> None:
    checkpoint = open_checkpoint(Options(model=str(folder)), "", LlamaForCausalLM)
    with pytest.raises(BadInput, match="no room for the transcript in 9 tokens"):
        fill(checkpoint, "Read: {text}\nThen answer at length:", transcript, 9)


@pytest.mark.parametrize(
    ("missing", "system", "extra"),
    [
        ("torch", "mpt-storywriter", "torch"),
        ("transformers", "longformer", "torch"),
        ("accelerate", "longllama", "torch"),
        ("peft", "llama-adapter", "train"),
    ],
)
def test_a_missing_extra_is_named(missing: str, system: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from gistill.bench.systems import open_system\n"
        f"open_system({system!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"pip install 'gistill[{extra}]'" in done.stderr.strip().splitlines()[-1]
