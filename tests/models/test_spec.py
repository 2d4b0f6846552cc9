from __future__ import annotations

from dataclasses import replace

from gistill.models.check import expectations
from gistill.models.spec import NAMES, spec


def test_every_model_is_complete() -> None:
    for name in NAMES:
        about = spec(name)
        assert about.name == name
        assert len(about.wheel.sha256) == len(about.wheel.member_sha256) == 64
        assert about.wheel.file.endswith("-py3-none-any.whl")
        if about.adapter:
            assert (about.adapter / "adapter_model.safetensors").is_file()
            assert (about.adapter / "adapter_config.json").is_file()
        known = expectations(name)
        assert sum(len(case["continuation_ids"]) for case in known) > 50


def test_the_folder_changes_with_the_inputs() -> None:
    about = spec("bundled")
    assert about.key.startswith("bundled-")
    assert replace(about, adapter_sha256="1").key != about.key
    other = replace(about.wheel, member_sha256="1")
    assert replace(about, wheel=other).key != about.key
