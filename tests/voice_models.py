"""Tiny models that sherpa-onnx tells voices apart with, written on the fly.

They have no weights that were learned: speech is what is loud, and a voice is its spectrum. That
is enough for voices as unlike as those in these tests, a minute apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_FRAME, _STEP = 991, 270  # samples: those of pyannote's segmentation-3.0
_LOUD, _SURE = 0.02, 200.0


def write(folder: Path) -> Path:
    """`segmentation.onnx` and `embedding.onnx` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_segmentation(), folder / "segmentation.onnx")
    onnx.save(_embedding(), folder / "embedding.onnx")
    return folder


def _segmentation() -> Any:
    """Of seven classes (nobody, three voices, three pairs) nobody, or the first voice."""
    first = np.eye(7, dtype=np.float32)[1].reshape(1, 7, 1)
    never = np.array([0, 0, *[-100] * 5], np.float32).reshape(1, 7, 1)
    loud = np.full((1, 1, 1), _LOUD, np.float32)
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node(
            "AveragePool", ["size"], ["loudness"], kernel_shape=[_FRAME], strides=[_STEP]
        ),
        helper.make_node("Sub", ["loudness", "loud"], ["over"]),
        helper.make_node("Mul", ["over", "first"], ["one"]),
        helper.make_node("Add", ["one", "never"], ["classes"]),
        helper.make_node("Transpose", ["classes"], ["y"], perm=[0, 2, 1]),
    ]
    constants = {"loud": loud, "first": _SURE * first, "never": never}
    return _model(
        nodes,
        constants,
        (["N", 1, "T"], ["N", "F", 7]),
        num_speakers=3,
        powerset_max_classes=2,
        num_classes=7,
        sample_rate=16_000,
        window_size=160_000,
        receptive_field_size=_FRAME,
        receptive_field_shift=_STEP,
    )


def _embedding() -> Any:
    """The loudest that each band of the spectrum becomes, against the mean of all bands; out of
    the logarithms, so that the strongest bands make the voice."""
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["loudest"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["loudest"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["loudest", "mean"], ["over"]),
        helper.make_node("Exp", ["over"], ["y"]),
    ]
    return _model(
        nodes,
        {},
        (["N", "T", 80], ["N", 80]),
        framework="wespeaker",
        language="any",
        url="none",
        comment="for tests",
        sample_rate=16_000,
        output_dim=80,
        normalize_samples=1,
    )


def _model(
    nodes: list[Any], constants: dict[str, Any], shapes: tuple[list[Any], list[Any]], **about: Any
) -> Any:
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip("xy", shapes, strict=True)
    )
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    return model
