"""A built model is held against what its weights are known to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai
import pytest

from gistill.errors import EngineFailed
from gistill.models import build, check
from gistill.models.spec import names

PROMPTS = ("the budget and the end", "Ann: on the other hand", "12 in a row")
LENGTH = 10


@pytest.fixture(scope="module")
def built(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build.build_gguf(tiny_f16, folder, lambda line: None)
    return folder


@pytest.fixture(scope="module")
def known(built: Path) -> list[dict[str, Any]]:
    """What the tiny model says itself, one token at a time."""
    tokenizer = openvino_genai.Tokenizer(str(built))
    compiled = openvino.Core().compile_model(
        built / "openvino_model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    request = compiled.create_infer_request()
    cases = []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt, add_special_tokens=False).input_ids.data[0].tolist()
        said = list(ids)
        for _ in range(LENGTH):
            request.reset_state()
            request.infer(
                {
                    "input_ids": np.array([said]),
                    "attention_mask": np.ones((1, len(said)), np.int64),
                    "position_ids": np.arange(len(said))[None],
                    "beam_idx": np.zeros(1, np.int32),
                }
            )
            said.append(int(request.get_tensor("logits").data[0, -1].argmax()))
        cases.append({"prompt": prompt, "prompt_ids": ids, "continuation_ids": said[len(ids) :]})
    return cases


def changed(known: list[dict[str, Any]], tokens: int) -> list[dict[str, Any]]:
    """The same with that many last tokens of the last case's continuation replaced."""
    *others, last = json.loads(json.dumps(known))
    ids = last["continuation_ids"]
    # Only from the end: what was replaced is read on the way to what follows.
    ids[LENGTH - tokens :] = [(i + 1) % 100 for i in ids[LENGTH - tokens :]]
    return [*others, last]


def test_a_model_agrees_with_itself(built: Path, known: list[dict[str, Any]]) -> None:
    assert check.check(built, known) == 1.0


def test_the_share_is_of_all_tokens(built: Path, known: list[dict[str, Any]]) -> None:
    total = LENGTH * len(PROMPTS)
    assert check.check(built, changed(known, 1)) == (total - 1) / total


def test_too_little_agreement_is_refused_with_the_count(
    built: Path, known: list[dict[str, Any]]
) -> None:
    with pytest.raises(EngineFailed, match=r"agrees with its reference on \d+ of 30 tokens"):
        check.check(built, changed(known, LENGTH))


def test_another_tokenizer_is_refused(built: Path, known: list[dict[str, Any]]) -> None:
    other = [{**known[0], "prompt_ids": known[0]["prompt_ids"][1:]}]
    with pytest.raises(EngineFailed, match="tokenizer splits text unlike"):
        check.check(built, other)


def test_with_nothing_known_nothing_is_wrong(built: Path) -> None:
    assert check.check(built, []) == 1.0


@pytest.mark.parametrize("name", names("openvino"))
def test_every_model_has_something_known(name: str) -> None:
    cases = check.expectations(name)
    assert cases
    for case in cases:
        assert case["prompt"]
        assert case["prompt_ids"]
        assert len(case["continuation_ids"]) >= 8
        assert all(isinstance(i, int) for i in case["prompt_ids"] + case["continuation_ids"])
