"""The command as a user types it: exit codes, streams, one-line errors."""

import json
import os
import resource
import subprocess
import sys

import pytest

from exports import SLACK, folder, zipped
from gistill import cli
from threads import meeting


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("GISTILL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def talk(home):
    lines = [f"{s.speaker}: {s.text}" for s in meeting(60).segments]
    (home / "talk.txt").write_text("\n".join(lines), encoding="utf-8")
    return "talk.txt"


def run(capsys, *args):
    code = cli.main(list(args))
    out, err = capsys.readouterr()
    return code, out, err


ECHO = ("--engine", "echo", "--max-tokens", "300", "--overlap", "30")


def test_a_file_alone_is_summarized(talk, capsys):
    code, out, err = run(capsys, talk, *ECHO)
    assert code == 0
    assert "[1]" in out
    assert "Sources" in out
    assert "plan:" in err
    assert "spent:" in err


def test_formats(talk, capsys):
    _, out, _ = run(capsys, talk, *ECHO, "--json")
    assert json.loads(out)["summary"]["claims"]
    assert run(capsys, talk, *ECHO, "--format", "html")[1].startswith("<!doctype html>")
    assert run(capsys, talk, *ECHO, "--format", "md")[1].startswith("# ")


def test_out_dir_gets_the_artifacts(talk, capsys, home):
    code, _, _ = run(capsys, talk, *ECHO, "--out-dir", "out")
    assert code == 0
    names = {path.name for path in (home / "out").iterdir()}
    assert names == {"summary.json", "summary.md", "report.html"}


def test_standard_input(talk, home):
    done = subprocess.run(
        [sys.executable, "-m", "gistill.cli", "-", *ECHO],
        input=(home / talk).read_bytes(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"Sources" in done.stdout


def test_a_dry_run_prints_the_plan_and_asks_nothing(talk, capsys):
    code, out, err = run(capsys, talk, *ECHO, "--dry-run")
    assert code == 0
    assert out.splitlines()[1].split() == [
        "stage", "level", "calls", "tokens", "in", "tokens", "out", "seconds",
    ]  # fmt: skip
    assert "local" in out
    assert "fuse" in out
    plan = json.loads(run(capsys, talk, *ECHO, "--dry-run", "--json")[1])
    assert plan["chunks"] > 1
    assert run(capsys, "runs")[1].startswith("no runs yet")
    assert err == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["missing.txt"], "missing.txt"),
        (["--tokens", "0"], "token budget is 0"),
        (["--tokens", "-5"], "token budget is -5"),
        (["--tokens", "1"], "--tokens"),
        (["--seconds", "0"], "time budget is 0"),
        (["--profile", "best"], "greedy, fast or quality"),
        (["--engine", "gpt"], "unknown engine"),
        (["--engine", "openvino:/nowhere"], "nowhere"),
        (["--engine", "echo", "--max-tokens", "9999"], "context"),
        (["--engine", "echo", "--max-tokens", "100", "--overlap", "100"], "larger"),
        (["--format", "pdf"], "pdf"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--out-dir", "talk.txt"], "talk.txt"),
    ],
)
def test_bad_input_is_one_line_and_code_2(talk, capsys, args, said):
    files = [] if args == ["missing.txt"] else [talk]
    engine = [] if "--engine" in args else ["--engine", "echo"]
    code, out, err = run(capsys, *files, *args, *engine, "--quiet")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert out == "" or args[0] == "--out-dir"


def test_an_engine_that_breaks_gives_a_result_with_gaps_and_code_1(talk, capsys):
    code, out, err = run(capsys, talk, *ECHO[2:], "--engine", "echo:fail=2")
    assert code == 1
    assert "Sources" in out
    assert "the engine failed" in err.splitlines()[-1]
    code, _, _ = run(capsys, talk, *ECHO)
    assert code == 0


def test_runs_are_listed_reopened_and_pruned(talk, capsys):
    _, first, _ = run(capsys, talk, *ECHO, "--format", "md")
    (row,) = json.loads(run(capsys, "runs", "--json")[1])
    assert row["status"] == "done"
    assert row["id"] in run(capsys, "runs")[1]
    assert run(capsys, "runs", "show", row["id"][:6], "--format", "md")[1] == first
    assert run(capsys, "runs", "show", "zzz")[0] == 2
    assert run(capsys, "runs", "show")[0] == 2
    code, out, _ = run(capsys, "runs", "prune", "--keep", "0", "--max-size", "0")
    assert code == 0
    assert "removed 1 runs" in out


def test_config_names_every_origin(talk, capsys, home, monkeypatch):
    (home / "gistill.toml").write_text("overlap = 64\nlocal_len = 99\n")
    monkeypatch.setenv("GISTILL_LOCAL_LEN", "77")
    code, out, _ = run(capsys, "config", "--json", "--global-len", "55")
    values = json.loads(out)
    assert code == 0
    assert values["overlap"] == {"value": 64, "origin": "gistill.toml"}
    assert values["local_len"] == {"value": 77, "origin": "GISTILL_LOCAL_LEN"}
    assert values["global_len"] == {"value": 55, "origin": "--global-len"}
    assert values["profile"] == {"value": "fast", "origin": "default"}
    assert "GISTILL_LOCAL_LEN" in run(capsys, "config")[1]


def test_doctor_names_what_is_missing(home, capsys):
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    assert "gistill models get" in out
    assert {row["name"] for row in json.loads(run(capsys, "doctor", "--json")[1])} >= {
        "python", "home", "store", "openvino", "model", "[torch]",
    }  # fmt: skip


def test_before_its_model_is_fetched_it_selects_and_says_how_to_get_it(talk, capsys):
    code, out, err = run(capsys, talk)
    assert code == 0
    assert "Sources" in out
    assert "gistill models get" in err


def test_help_imports_nothing_heavy_and_is_quick():
    code = (
        "import sys, gistill.cli\n"
        "try: gistill.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'rich', 'numpy', 'openvino_genai', 'httpx', 'transformers'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr.strip() == "[]"
    assert "summarize" in done.stdout
    # CPU time, not wall time: the issue's own bound, which a busy machine hardly moves.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_a_closed_pipe_is_no_error(talk):
    shell = f"{sys.executable} -m gistill.cli {talk} --engine echo --quiet | true"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_no_command_prints_the_help(capsys):
    code, out, _ = run(capsys)
    assert code == 2
    assert "usage: gistill" in out


def test_formats_are_listed_with_what_they_need(capsys):
    code, out, _ = run(capsys, "formats")
    assert code == 0
    assert "Slack export" in out
    rows = json.loads(run(capsys, "formats", "--json")[1])
    assert {row["name"] for row in rows} >= {"WebVTT", "mail", "PDF", "audio", "Slack export"}
    assert all(row["installed"] == (not row["missing"]) for row in rows)


def test_speakers_are_renamed_at_once_or_afterwards(talk, capsys):
    _, out, _ = run(capsys, talk, *ECHO, "--alias", "Ada=A. King", "--alias", "Grace=G. Hopper")
    assert "A. King: " in out
    (row,) = json.loads(run(capsys, "runs", "--json")[1])
    assert run(capsys, "runs", "rename", row["id"], "A. King=Countess")[0] == 0
    out = run(capsys, "runs", "show", row["id"])[1]
    assert "Countess: " in out
    assert "G. Hopper: " in out
    assert run(capsys, "runs", "rename", row["id"], "Nobody=x")[0] == 2
    assert run(capsys, "runs", "show", row["id"], "Ada=x")[0] == 2
    assert run(capsys, talk, *ECHO, "--alias", "Ada")[0] == 2


def test_a_folder_and_an_archive_are_one_thread(home, capsys):
    folder(home / "plan", {"a.txt": "Ada: We open in May.\nBen: Good.\n", "b.zip": zipped(SLACK)})
    code, out, _ = run(capsys, "plan", *ECHO, "--json")
    assert code == 0
    found = json.loads(out)
    assert {"Ada", "Ben", "Ada Lovelace"} <= set(found["participants"])
    assert "plan/b.zip/general" in {source["name"] for source in found["sources"]}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--spoken-language", "xx"), "no speech model knows the language 'xx'"),
        (("--spoken-language", "de"), "whisper-tiny.en hears English only"),
    ],
)
def test_a_spoken_language_that_cannot_be_heard_is_refused_in_a_line(talk, capsys, flags, said):
    code, out, err = run(capsys, talk, *ECHO, *flags)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_spoken_language_that_the_model_knows_is_taken(talk, capsys):
    assert run(capsys, talk, *ECHO, "--asr", "whisper-base", "--spoken-language", "de")[0] == 0
