from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from gistill.errors import BadInput
from gistill.models.gguf_file import header, open_gguf, write_f16
from tiny_gguf import write_gguf


def test_header_says_what_the_file_says(tiny_q4: Path) -> None:
    about = header(open_gguf(tiny_q4))
    assert about.architecture == "llama"
    assert about.types == {"F32", "Q4_1"}
    assert about.number("context_length") == 512
    assert about.number("missing", 7) == 7
    with pytest.raises(BadInput, match=r"llama\.missing"):
        about.number("missing")


def test_the_copy_has_the_same_weights_and_metadata(tiny_q4: Path, tmp_path: Path) -> None:
    write_f16(open_gguf(tiny_q4), tmp_path / "copy.gguf")
    source, copy = GGUFReader(tiny_q4), GGUFReader(tmp_path / "copy.gguf")
    assert [t.name for t in copy.tensors] == [t.name for t in source.tensors]
    for before, after in zip(source.tensors, copy.tensors, strict=True):
        exact = dequantize(before.data, before.tensor_type)
        assert np.array_equal(after.data.astype(np.float32), exact.astype(after.data.dtype))
    kept = {k: f.contents() for k, f in source.fields.items() if not k.startswith("GGUF.")}
    found = {k: f.contents() for k, f in copy.fields.items() if not k.startswith("GGUF.")}
    assert found.pop("general.file_type") == 1
    del kept["general.file_type"]
    assert found == kept


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all" * 9])
def test_what_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a readable GGUF"):
        open_gguf(path)


def test_a_truncated_file_is_refused(tiny_q4: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    path.write_bytes(tiny_q4.read_bytes()[:-4000])
    with pytest.raises(BadInput, match="not a readable GGUF"):
        open_gguf(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        open_gguf(tmp_path / "nothing.gguf")
    with pytest.raises(BadInput, match="is a folder"):
        open_gguf(tmp_path)


def test_weights_beyond_16_bits_are_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "huge.gguf", "BF16", size=1e6)
    with pytest.raises(BadInput, match="do not fit 16 bits"):
        write_f16(open_gguf(path), tmp_path / "copy.gguf")
