"""What `scripts/fuzz_parsers.py` does without the fuzzer."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gistill.ingest.formats import FOLDER_READERS, READERS

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/fuzz_parsers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_parsers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_parsers"] = module
    spec.loader.exec_module(module)
    return module


def test_every_reader_of_text_is_fuzzed_from_samples_that_it_reads(script: ModuleType) -> None:
    found = script.parsers()
    modules = {reader.__name__.rpartition(".")[2] for reader in (*READERS, *FOLDER_READERS)}
    assert modules <= set(found)
    for parser in found.values():
        for sample in parser.samples:
            script.read(parser, sample)


def test_what_is_raised_is_kept_once_a_place(script: ModuleType, tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        try:
            raise ValueError(data)
        except ValueError as error:
            script._kept(error, data, tmp_path)
    (kept,) = tmp_path.glob("*.bin")
    assert kept.read_bytes() == b"first"
    assert "ValueError" in kept.with_suffix(".txt").read_text()


def test_json_is_changed_to_other_json(script: ModuleType) -> None:
    data = b'{"a": [1, {"b": "c"}]}'
    new = [script._changed(data, random.Random(seed)) for seed in range(50)]
    assert all(json.loads(one) is not None for one in new)
    assert len(set(new)) > 10
    assert script._changed(b"{", random.Random(0)) is None
    assert script._changed(b"[]", random.Random(0)) is None
