from __future__ import annotations

from dataclasses import replace

from gistill.models.check import expectations
from gistill.models.spec import NAMES, spec


def test_every_model_is_complete() -> None:
    for name in NAMES:
        about = spec(name)
        assert about.name == name
        assert about.wheels
        for part in (*about.wheels, *about.members):
            assert len(part.sha256) == 64
        assert all(wheel.file.endswith("-py3-none-any.whl") for wheel in about.wheels)
        if about.adapter:
            assert (about.adapter / "adapter_model.safetensors").is_file()
            assert (about.adapter / "adapter_config.json").is_file()
        if about.runs == "openvino":
            known = expectations(name)
            assert sum(len(case["continuation_ids"]) for case in known) > 50
            assert 0 <= about.focus <= about.window
        else:
            assert {"model.bin", "config.json"} <= {member.into for member in about.members}


def test_the_folder_changes_with_the_inputs() -> None:
    about = spec("bundled")
    assert about.key.startswith("bundled-")
    for change in ({"adapter_sha256": "1"}, {"window": 1}, {"focus": 1}, {"slack": 1}):
        assert replace(about, **change).key != about.key
    (wheel,) = about.wheels
    other = replace(wheel, members=(replace(wheel.members[0], sha256="1"),))
    assert replace(about, wheels=(other,)).key != about.key
