"""The network that scores passages."""

import numpy as np
import pytest

from gistill.retrieval.network import Network


@pytest.mark.parametrize("passages", [1, 2, 7, 40])
def test_the_network_sees_each_passage_among_its_neighbours(passages):
    """Against the same sums written out one by one."""
    dice = np.random.default_rng(passages)

    def drawn(*shape):
        return dice.normal(size=shape).astype(np.float32)

    net = Network(drawn(3), 1 + drawn(3) ** 2, drawn(3, 4), drawn(4), drawn(2, 5, 4, 4),
                  drawn(2, 4), drawn(4))  # fmt: skip
    features = drawn(passages, 3)
    units = np.maximum((features - net.mean) / net.scale @ net.hidden + net.hidden_bias, 0)
    for apart, kernel, bias in zip((1, 2), net.kernels, net.kernel_biases, strict=True):
        heard = np.tile(bias, (passages, 1))
        for at in range(passages):
            for tap in range(5):
                if 0 <= (beside := at + (tap - 2) * apart) < passages:
                    heard[at] += units[beside] @ kernel[tap]
        units = units + np.maximum(heard, 0)
    np.testing.assert_allclose(net.score(features), units @ net.out, rtol=1e-3, atol=1e-4)
