"""What a CTranslate2 model file says of itself, which the library does not tell."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from gistill.errors import BadInput

CONVERT = (
    "make it with: ct2-transformers-converter --model MODEL --output_dir FOLDER "
    "--quantization int8 --copy_files tokenizer.json tokenizer_config.json"
)


def header(path: Path) -> tuple[str, dict[str, int]]:
    """The kind of a model, and how many positions its encoder and its decoder have tables for.

    Raises: BadInput if `path` is not a CTranslate2 model.
    """
    positions = {}
    try:
        with path.open("rb") as file:
            version = _unpack(file, "I")
            if version < 6:
                raise BadInput(f"{path} is of an old CTranslate2; convert the model again")
            spec = _string(file)
            _unpack(file, "I")  # revision
            for _ in range(_unpack(file, "I")):
                name = _string(file)
                shape = [_unpack(file, "I") for _ in range(_unpack(file, "B"))]
                _unpack(file, "B")  # type
                file.seek(_unpack(file, "I"), os.SEEK_CUR)
                if name.endswith("position_encodings/encodings"):
                    positions[name.partition("/")[0]] = shape[0]
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise BadInput(f"{path} is not a CTranslate2 model; {CONVERT}") from error
    if spec not in ("TransformerSpec", "TransformerDecoderSpec"):
        raise BadInput(f"{path} is a {spec}, which writes no text; give a T5, BART or Llama kind")
    return spec, positions


def _unpack(file: BinaryIO, kind: str) -> int:
    layout = struct.Struct(f"<{kind}")
    (value,) = layout.unpack(file.read(layout.size))
    return int(value)


def _string(file: BinaryIO) -> str:
    return file.read(_unpack(file, "H")).rstrip(b"\0").decode("ascii")
