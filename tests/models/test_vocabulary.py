from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gistill.models import from_gguf
from gistill.models.vocabulary import write_tokenizer
from tiny_gguf import write_gguf


@pytest.fixture(scope="module")
def folder(tiny_q4: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GISTILL_HOME", str(tmp_path_factory.mktemp("home")))
        return from_gguf(tiny_q4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_both_tokenizers_give_the_same_ids(folder: Path, text: str) -> None:
    import openvino_genai
    from tokenizers import Tokenizer

    ours = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs = openvino_genai.Tokenizer(str(folder))
    for sample in (text, "the land and <|im_end|> in 1984\n\n" + text):
        ids = theirs.encode(sample, add_special_tokens=False).input_ids.data.ravel().tolist()
        assert ours.encode(sample, add_special_tokens=False).ids == ids


def test_other_vocabularies_are_left_alone(tmp_path: Path) -> None:
    reader = gguf.GGUFReader(write_gguf(tmp_path / "a.gguf"))
    reader.fields["tokenizer.ggml.pre"].parts[-1] = np.frombuffer(b"qwen2", np.uint8)
    write_tokenizer(reader, tmp_path / "tokenizer.json")
    assert not (tmp_path / "tokenizer.json").exists()
