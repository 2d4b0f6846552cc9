import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import samples
from gistill.artifacts import files, jsonfile
from gistill.errors import BadInput


def test_write_leaves_three_files_that_fit_together(tmp_path: Path):
    out = tmp_path / "new" / "folder"
    paths = files.write(samples.done(), samples.thread(), out)
    assert [p.name for p in paths] == ["summary.json", "summary.md", "report.html"]
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in paths)
    assert jsonfile.read(paths[0])[0] == samples.done()
    assert "# Council" in paths[1].read_text("utf-8")
    assert paths[2].read_text("utf-8").startswith("<!doctype html>")


def test_write_texts(tmp_path: Path):
    paths = files.write_texts(samples.single(), tmp_path)
    assert [p.name for p in paths] == ["global_summary.txt", "local_summaries.txt"]
    assert paths[0].read_text("utf-8") == "The engine ships on 4 May.\n"
    assert paths[1].read_text("utf-8") == "- The engine ships on 4 May.\n"


def test_save_replaces_and_follows_the_umask(tmp_path: Path):
    path = tmp_path / "x"
    files.save(path, [b"old"])
    before = os.umask(0o027)
    try:
        files.save(path, [b"new"])
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def refused(path: Path, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        files.save(path, [b"data"])
    assert "\n" not in str(caught.value)


def test_a_file_where_the_folder_should_be(tmp_path: Path):
    (tmp_path / "out").write_text("in the way")
    refused(tmp_path / "out" / "summary.json", "a file is in the way")
    refused(tmp_path / "out" / "deeper" / "summary.json", "a file is in the way")
    assert (tmp_path / "out").read_text() == "in the way"


def test_a_folder_where_the_file_should_be(tmp_path: Path):
    (tmp_path / "summary.json").mkdir()
    refused(tmp_path / "summary.json", "a folder of that name")
    assert list(tmp_path.iterdir()) == [tmp_path / "summary.json"]


def test_names_no_file_can_have(tmp_path: Path):
    refused(tmp_path / ("x" * 300) / "summary.json", "too long")
    refused(tmp_path / "a\0b" / "summary.json", "choose another")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path):
    tmp_path.chmod(0o500)
    refused(tmp_path / "summary.json", "permission denied")


@pytest.fixture
def mounted(tmp_path: Path):
    """Mounts a small file system of its own, where the tests may do so."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            failed = subprocess.run(command, capture_output=True).returncode
        except FileNotFoundError:
            failed = 1
        if failed:
            pytest.skip("may not mount a file system here")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True)


def test_a_read_only_file_system(mounted):
    refused(mounted("ro") / "summary.json", "read-only")


def test_a_full_disk_leaves_the_old_file_and_no_half_one(mounted):
    folder = mounted("size=64k")
    files.save(folder / "summary.json", [b"old"])
    with pytest.raises(BadInput, match="the disk is full"):
        files.save(folder / "summary.json", [b"x" * 200_000])
    assert (folder / "summary.json").read_bytes() == b"old"
    assert [p.name for p in folder.iterdir()] == ["summary.json"]


def test_a_write_that_fails_midway_leaves_nothing(tmp_path: Path):
    # A size limit needs no rights, unlike a mount: the kernel stops the write half-way.
    code = (
        "import resource, sys; from pathlib import Path; from gistill.artifacts import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "files.save(Path(sys.argv[1]), [b'x' * 5000])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x"], capture_output=True, text=True
    )
    assert "BadInput: cannot write" in run.stderr
    assert os.strerror(errno.EFBIG) in run.stderr
    assert list(tmp_path.iterdir()) == []
