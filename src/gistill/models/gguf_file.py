"""GGUF files: what is in one, and a 16-bit copy of one with an adapter merged in.

OpenVINO's reader runs some quantizations wrongly without a word, Q4_1 among them; 16-bit weights
it runs as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import dequantize
from numpy.typing import NDArray

from gistill.errors import BadInput
from gistill.models.adapter import Adapter

Array = NDArray[np.float32]
_F16_MAX = 65504.0


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself. `types` are the tensors' ggml type names."""

    architecture: str
    metadata: dict[str, Any]
    types: frozenset[str]

    def number(self, name: str, default: float | None = None) -> float:
        """The architecture's own setting `name`, such as "context_length"."""
        value = self.metadata.get(f"{self.architecture}.{name}", default)
        if value is None:
            raise BadInput(f"the GGUF file does not say its {self.architecture}.{name}")
        return float(value)


def open_gguf(path: Path) -> GGUFReader:
    """Raises: BadInput for anything that is not a whole GGUF file."""
    try:
        return GGUFReader(path)
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder; give the .gguf file in it") from error
    except (ValueError, KeyError, IndexError, OverflowError, OSError) as error:
        raise BadInput(f"{path} is not a readable GGUF file ({error}); fetch it again") from error


def header(reader: GGUFReader) -> Header:
    """Scalars and strings only: the vocabulary, which is long, is left out."""
    metadata = {
        name: field.contents()
        for name, field in reader.fields.items()
        if field.types and field.types[0] != GGUFValueType.ARRAY
    }
    types = frozenset(tensor.tensor_type.name for tensor in reader.tensors)
    return Header(str(metadata.get("general.architecture", "")), metadata, types)


def write_f16(reader: GGUFReader, target: Path, adapter: Adapter | None = None) -> None:
    """Writes the model of `reader` to `target` with float16 matrices and float32 vectors, all
    metadata kept. `adapter` is added to the matrices it names.

    Raises: BadInput if the adapter does not fit, or for weights beyond float16.
    """
    about = header(reader)
    writer = GGUFWriter(target, arch=about.architecture)
    try:
        _copy_metadata(reader, writer)
        unused = set(adapter.targets) if adapter else set()
        for name, weight in _weights(reader, about, adapter):
            unused.discard(name)
            if weight.ndim == 1:
                writer.add_tensor(name, weight)
            elif np.abs(weight).max(initial=0.0) > _F16_MAX:
                raise BadInput(f"the weights of {name} do not fit 16 bits; use another engine")
            else:
                writer.add_tensor(name, weight.astype(np.float16))
        if unused:
            raise BadInput(f"the adapter changes {min(unused)}, which the model does not have")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _copy_metadata(reader: GGUFReader, writer: GGUFWriter) -> None:
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue  # the writer writes these
        if name == "general.file_type":
            writer.add_file_type(LlamaFileType.MOSTLY_F16)
        elif name != "general.quantization_version":
            kind = field.types[0]
            sub_type = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=sub_type)


def _weights(
    reader: GGUFReader, about: Header, adapter: Adapter | None
) -> Iterator[tuple[str, Array]]:
    for tensor in reader.tensors:
        if tensor.tensor_type in (Type.F32, Type.F16):
            weight: Array = tensor.data.astype(np.float32)
        else:
            try:
                weight = dequantize(tensor.data, tensor.tensor_type)
            except NotImplementedError as error:
                kind = tensor.tensor_type.name
                raise BadInput(
                    f"weights of type {kind} cannot be read; use another GGUF"
                ) from error
        if adapter and tensor.name in adapter.targets:
            delta = adapter.delta(tensor.name)
            if delta.shape != weight.shape:
                raise BadInput(
                    f"the adapter's {tensor.name} has shape {delta.shape}, the model's "
                    f"{weight.shape}; the adapter was trained on another model"
                )
            weight = weight + _as_stored(delta, tensor.name, about)
        yield tensor.name, weight


def _as_stored(delta: Array, name: str, about: Header) -> Array:
    """llama.cpp stores the rows of a Llama's q and k so that rotary pairs are neighbours:
    within each head, row (half, i) of the original stands at (i, half)."""
    if about.architecture != "llama" or not name.endswith(("attn_q.weight", "attn_k.weight")):
        return delta
    heads = about.number("attention.head_count")
    if name.endswith("attn_k.weight"):
        heads = about.number("attention.head_count_kv", heads)
    rows, columns = delta.shape
    split = delta.reshape(int(heads), 2, rows // int(heads) // 2, columns)
    return split.swapaxes(1, 2).reshape(rows, columns)
