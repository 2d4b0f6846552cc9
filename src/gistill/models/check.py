"""Compares a built model with what its weights are known to say.

`models/<name>.json` holds prompts and the greedy continuations that transformers gives in float32
on the same weights (remade by scripts/model_expectations.py). The built model reads prompt and
continuation at once, and at each position its own favourite is compared with the known one.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from gistill.errors import EngineFailed

# 8-bit weights move near ties: 0.95 to 0.98 is what a right build reaches. A wrong one, such as
# the Q4_1 file read as it is, stays under 0.6.
AGREEMENT = 0.9


def expectations(name: str) -> list[dict[str, Any]]:
    """A list of {"prompt", "prompt_ids", "continuation_ids"}; the prompt has its chat template."""
    data = (resources.files(__package__) / f"{name}.json").read_text(encoding="utf-8")
    return list(json.loads(data)["expectations"])


def check(folder: Path, known: list[dict[str, Any]]) -> float:
    """The share of known tokens that the model in `folder` agrees with.

    Raises: EngineFailed if that is under `AGREEMENT` or the tokenizer differs.
    """
    import openvino
    import openvino_genai

    tokenizer = openvino_genai.Tokenizer(str(folder))
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(folder / "openvino_model.xml", "CPU", options)
    infer = request.create_infer_request()
    agreed = total = 0
    for case in known:
        prompt, continuation = case["prompt_ids"], case["continuation_ids"]
        found = tokenizer.encode(case["prompt"], add_special_tokens=False).input_ids.data[0]
        if found.tolist() != prompt:
            raise EngineFailed(
                "the built model's tokenizer splits text unlike the original; "
                "please report this with the output of: gistill doctor"
            )
        favourites = _favourites(infer, prompt + continuation)[len(prompt) - 1 : -1]
        agreed += int((favourites == np.array(continuation)).sum())
        total += len(continuation)
    if agreed < AGREEMENT * total:
        raise EngineFailed(
            f"the built model agrees with its reference on {agreed} of {total} tokens only and is "
            "not used; please report this with the output of: gistill doctor"
        )
    return agreed / total if total else 1.0


def _favourites(infer: Any, ids: list[int]) -> Any:
    infer.reset_state()
    inputs = {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), np.int64),
        "position_ids": np.arange(len(ids))[None],
        "beam_idx": np.zeros(1, np.int32),
    }
    infer.infer(inputs)
    return infer.get_tensor("logits").data[0].argmax(axis=-1)
