import subprocess
import sys

import pytest

import samples
from gistill import artifacts
from gistill.artifacts import jsonfile, markdown, report, text
from gistill.errors import BadInput

DONE, THREAD = samples.done(), samples.thread()


def test_render_by_format():
    assert artifacts.render("text", DONE, THREAD, width=50) == text.render(DONE, THREAD, width=50)
    assert artifacts.render("md", DONE, THREAD) == markdown.render(DONE, THREAD)
    assert artifacts.render("html", DONE, THREAD) == report.render(DONE, THREAD)
    assert artifacts.render("json", DONE, THREAD)[:40] == jsonfile.render(DONE, THREAD)[:40]


def test_unknown_format_lists_the_known():
    with pytest.raises(BadInput, match="choose one of text, md, json, html"):
        artifacts.render("pdf", DONE, THREAD)


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_bytes_do_not_depend_on_the_hash_seed(form: str):
    code = (
        "import sys; sys.path.insert(0, 'tests'); import samples; from gistill import artifacts\n"
        f"page = artifacts.render({form!r}, samples.done(), samples.thread())\n"
        "sys.stdout.buffer.write(page.encode())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
