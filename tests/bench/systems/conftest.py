"""What the tests of published models share: a tokenizer, a transcript, and folders as released."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TURNS = [
    "Ann: We decided to raise the budget by 12 percent before the launch in March.",
    "Bob: The supplier of the rubber case asked for more time, and nobody objected.",
    "Cleo: The remote control needs a new battery; the plastic one saves 3 euros a unit.",
    "Dan: Summarize what was said about the committee and its agenda, please.",
]
Release = Callable[[Any, dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Models this small spend their time waiting for threads."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def transcript() -> str:
    """About 700 tokens of `speaker: text` lines."""
    return "\n".join(TURNS * 9)


@pytest.fixture
def runs(tmp_path: Path) -> Callable[[str, Any], Any]:
    """Opens a system by its name and has it answer a question about a meeting of two turns."""
    from gistill.bench.systems import open_system
    from gistill.distill.qmsum import Meeting, Question
    from gistill.types import Locator, Segment

    def run(name: str, options: Any) -> Any:
        system = open_system(name, options)
        assert system.settings()["system"] == name
        assert json.loads(json.dumps(system.settings())) == system.settings()
        segments = tuple(
            Segment(f"s{i:06d}", text, Locator("m", (0, len(text))), speaker, "utterance")
            for i, (speaker, text) in enumerate(turn.split(": ", 1) for turn in TURNS[:2])
        )
        return system.answer(Meeting("m", segments, (), (), ()), Question("Who asked?", ""))

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A byte-level BPE one: <s> is 0, <pad> 1, </s> 2; it adds <s> and </s> to a whole input."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    core.train_from_iterator(TURNS, trainer)
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", pad_token="<pad>", eos_token="</s>"
    )


@pytest.fixture
def release(tmp_path: Path, tokenizer: Any) -> Release:
    """Writes a model's folder with a `config.json` of our choice, as its publisher's has it."""

    def write(model: Any, config: dict[str, Any]) -> Path:
        folder = tmp_path / "released"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "generation_config.json").unlink()  # newer than all of these releases
        return folder

    return write
