from __future__ import annotations

import numpy as np
import openvino
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from openvino import opset13 as ops

from gistill.models import compress


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.sampled_from([8, 64, 192])),
        elements=st.floats(-100, 100, width=16),
    )
)
def test_levels_and_scales_are_within_half_a_step(weight: np.ndarray) -> None:
    levels, scales = compress.quantized(weight)
    back = (levels * scales.astype(np.float32)).reshape(weight.shape)
    step = np.repeat(scales.astype(np.float32), levels.shape[2], axis=2).reshape(weight.shape)
    # 127 levels of a scale that float16 has rounded down leave the largest value a bit short.
    assert np.all(np.abs(back - weight) <= 0.5 * step + 1e-3 * np.abs(weight) + 1e-5)


def _model(weight: np.ndarray, extra: np.ndarray) -> openvino.Model:
    x = ops.parameter([-1, weight.shape[1]], np.float32)
    matrix = ops.convert(ops.constant(weight.astype(np.float16)), "f32")
    rope = ops.convert(ops.constant(extra.astype(np.float16)), "f32")
    return openvino.Model([ops.matmul(x, matrix, False, True), rope], [x])


def test_a_model_with_8_bit_matrices_computes_nearly_the_same() -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((96, 128)).astype(np.float32)
    x = rng.standard_normal((3, 128)).astype(np.float32)
    model = _model(weight, np.ones((1, 4, 1)))
    assert compress.quantize_matrices(model) == 1
    kinds = {node.get_output_element_type(0).to_string() for node in model.get_ordered_ops()}
    assert "i8" in kinds
    found = openvino.Core().compile_model(model, "CPU")(x)[0]
    exact = x @ weight.T
    assert np.abs(found - exact).mean() < 0.02 * np.abs(exact).mean()


def test_rope_is_restored_only_where_it_was_rounded() -> None:
    exact = (10000.0 ** (-np.arange(0, 16, 2) / 16)).astype(np.float32)
    for stored, restored in ((exact, True), (exact * 0.5, False)):
        model = _model(np.ones((2, 4)), stored.reshape(1, 8, 1))
        compress.restore_rope(model, base=10000.0, dimensions=16)
        found = openvino.Core().compile_model(model, "CPU")(np.ones((1, 4), np.float32))[1]
        assert np.array_equal(found.ravel(), exact) is restored
