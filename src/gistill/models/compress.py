"""8-bit weights for an OpenVINO model: symmetric integers, one float16 scale a group.

The groups run along a matrix's input dimension. OpenVINO's CPU kernels compute with such weights
directly: `Constant(i8) -> Convert -> Multiply(scale) -> Reshape -> Convert(f32)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import opset13 as ops

GROUP = 64  # inputs that share a scale; a matrix not divisible by it has one scale a row
_ROUNDED = 1e-3  # relative error of float16, with room


def quantize_matrices(model: Any) -> int:
    """Replaces every float16 matrix of `model` in place; returns how many there were."""
    matrices = [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
        and len(node.get_output_shape(0)) == 2
        and node.get_output_element_type(0).to_string() == "f16"
    ]
    for node in matrices:
        levels, scales = quantized(node.data.astype(np.float32))
        values = ops.constant(levels)
        values.friendly_name = node.friendly_name
        scaled = ops.multiply(ops.convert(values, "f16"), ops.constant(scales))
        flat = ops.reshape(scaled, ops.constant(np.array(node.data.shape)), special_zero=False)
        _replace(_only_reader(node), ops.convert(flat, "f32"))
    return len(matrices)


def quantized(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Levels (out, groups, group size) and scales (out, groups, 1): weight ≈ levels · scales."""
    rows, columns = weight.shape
    size = GROUP if columns % GROUP == 0 else columns
    groups = weight.reshape(rows, columns // size, size)
    scales = (np.abs(groups).max(axis=2, keepdims=True) / 127).astype(np.float16)
    steps = np.where(scales == 0, np.float32(1), scales.astype(np.float32))
    return np.clip(np.rint(groups / steps), -127, 127).astype(np.int8), scales


def restore_rope(model: Any, base: float, dimensions: int) -> None:
    """Puts exact rotary frequencies where saving the model has rounded them to float16.

    Rounded, position 1000 is off by up to a sixth of a radian.
    """
    exact = (base ** (-np.arange(0, dimensions, 2) / dimensions)).astype(np.float32)
    for node in model.get_ordered_ops():
        if (
            node.get_type_name() != "Constant"
            or node.get_output_element_type(0).to_string() != "f16"
        ):
            continue
        if list(node.get_output_shape(0)) == [1, dimensions // 2, 1]:
            stored = node.data.astype(np.float32).ravel()
            if np.allclose(stored, exact, rtol=_ROUNDED, atol=1e-7):
                _replace(_only_reader(node), ops.constant(exact.reshape(1, -1, 1)))


def _only_reader(node: Any) -> Any:
    (reader,) = node.output(0).get_target_inputs()
    convert = reader.get_node()
    if convert.get_type_name() != "Convert":
        raise ValueError(f"{node.friendly_name} is not read by a Convert")
    return convert


def _replace(old: Any, new: Any) -> None:
    for reader in old.output(0).get_target_inputs():
        reader.replace_source_output(new.output(0))
