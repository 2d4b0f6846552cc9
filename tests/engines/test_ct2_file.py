from __future__ import annotations

from pathlib import Path

import pytest

from gistill.engines.ct2_file import header
from gistill.errors import BadInput


def test_the_kind_and_the_positions(t5_ct2: Path, bart_ct2: Path, llama_ct2: Path) -> None:
    assert header(t5_ct2 / "model.bin") == ("TransformerSpec", {})
    kind, positions = header(bart_ct2 / "model.bin")
    assert kind == "TransformerSpec"
    assert set(positions) == {"encoder", "decoder"}
    assert header(llama_ct2 / "model.bin")[0] == "TransformerDecoderSpec"


@pytest.mark.parametrize("content", [b"", b"\x07\0\0\0junk", b"\x07\0\0\0" + b"\xff" * 300])
def test_what_is_no_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(BadInput, match="not a CTranslate2 model"):
        header(tmp_path / "model.bin")


def test_an_old_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\x05\0\0\0")
    with pytest.raises(BadInput, match="convert the model again"):
        header(tmp_path / "model.bin")
