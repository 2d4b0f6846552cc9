"""A second set of ids for the same words, so that a prompt's words are not taken for the answer's.

OpenVINO's beam search forbids repeats of runs of tokens that stand in the prompt, too: with runs of
three, no name, number or phrase of three tokens could be copied from what is summarized, and
"Gdańsk" became "Gdęjsk". It compares ids. So a prompt is read under ids that no answer can have,
each word's own plus the size of the vocabulary or a multiple of that, which the model takes back
before it looks them up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset13 as ops


def add_twins(model: Any) -> int:
    """Makes `model` read id + n, id + 2n, … as id, in place; returns n: how many words it knows."""
    size = int(model.output("logits").get_partial_shape()[2].get_length())
    ids = model.input("input_ids").get_node().output(0)
    readers = list(ids.get_target_inputs())
    own = ops.floor_mod(ids, ops.constant(np.array(size, dtype=np.int64)))
    for reader in readers:
        reader.replace_source_output(own.output(0))
    model.validate_nodes_and_infer_types()
    return size
