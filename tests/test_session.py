"""Runs and their records: what is printed, what is kept, what comes back."""

import contextlib
import json
import threading
from dataclasses import replace

import pytest

from gistill import session
from gistill.config import Settings, resolve
from gistill.engines import open_or_select
from gistill.errors import BadInput
from threads import meeting

ECHO = Settings(engine="echo", max_tokens=300, overlap=30)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(settings=ECHO, turns=60, **kwargs):
    return session.run(settings, lambda: meeting(turns), quiet=True, **kwargs)


def kept():
    with contextlib.closing(session.open_store()) as store:
        return store.runs()


def test_a_run_is_printed_and_kept_under_its_thread(capsys):
    assert run(query="What about the budget?") == 0
    assert "Sources" in capsys.readouterr().out
    (one,) = kept()
    assert (one.status, one.title) == ("done", "t.txt")
    assert one.settings == ECHO.values() | {"query": "What about the budget?"}


def test_the_same_work_is_the_same_run_and_other_work_is_another(capsys):
    run()
    run()
    run(replace(ECHO, format="md", offline=True, max_memory=500))  # none of these is the work
    assert len(kept()) == 1
    run(replace(ECHO, local_len=64))
    run(query="budget?")
    run(turns=61)
    run(replace(ECHO, engine="extractive"))
    assert len(kept()) == 5


@pytest.mark.parametrize(
    "about",
    [
        'title = "Spring"',
        'participants = ["Ada"]',
        'time_zone = "Asia/Tokyo"',
        'order = ["b.txt", "a.txt"]',
    ],
)
def test_another_thread_file_makes_another_run(tmp_path, capsys, about):
    folder = tmp_path / "talk"
    folder.mkdir()
    (folder / "a.txt").write_text("[2024-05-01, 09:00:00] Ann: The pump is late.\n" * 2)
    (folder / "b.txt").write_text("[2024-05-01, 10:00:00] Ben: The crane is here.\n" * 2)
    for text in ("", "", about):
        (folder / "thread.toml").write_text(text)
        thread = session.read(ECHO, [str(folder)], quiet=True)
        session.run(ECHO, lambda thread=thread: thread, quiet=True)
    assert len(kept()) == 2


def test_a_run_is_shown_again_as_it_was(capsys):
    run(replace(ECHO, format="json"))
    first = capsys.readouterr().out
    (one,) = kept()
    assert session.show_run(one.id, format="json", out_dir=None) == 0
    assert capsys.readouterr().out == first
    assert json.loads(first)["run"]["id"] == one.id


def test_a_run_that_breaks_off_is_marked_and_goes_on_when_asked_again(capsys, monkeypatch):
    show = session.Reporter.show

    def stop(self, event):
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Reporter, "show", stop)
    with pytest.raises(KeyboardInterrupt):
        run()
    (one,) = kept()
    assert one.status == "interrupted"
    with pytest.raises(BadInput, match=f"run {one.id} did not finish"):
        session.show_run(one.id, format="text", out_dir=None)
    monkeypatch.setattr(session.Reporter, "show", show)
    assert run() == 0
    (again,) = kept()
    assert (again.id, again.status) == (one.id, "done")


def test_an_engine_that_fails_is_code_1_with_a_result(capsys):
    assert run(replace(ECHO, engine="echo:fail=1")) == 1
    out, err = capsys.readouterr()
    assert "Sources" in out
    assert err.splitlines()[-1].startswith("gistill: local: the engine failed")


def test_a_dry_run_keeps_nothing_and_its_total_adds_up(capsys):
    assert run(dry_run=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert kept() == []
    rows = [line.split() for line in lines[2:-1]]
    *_, calls, tokens_in, tokens_out, _ = zip(*rows, strict=True)
    sums = [sum(map(int, column)) for column in (calls, tokens_in, tokens_out)]
    assert lines[-1].split()[:4] == ["total", *map(str, sums)]


def test_time_spent_before_the_run_counts(capsys):
    hurried = replace(ECHO, engine="extractive", seconds=3600.0, format="json")
    run(hurried, dry_run=True, started=session.time.monotonic())
    assert json.loads(capsys.readouterr().out)["given_up"] == []
    slow = replace(hurried, engine="echo:delay=60")
    run(slow, dry_run=True, started=session.time.monotonic() - 3590)
    assert json.loads(capsys.readouterr().out)["given_up"]


def test_files_are_written_after_a_run_and_from_the_store(capsys, tmp_path):
    run(out_dir=tmp_path / "a")
    (one,) = kept()
    session.show_run(one.id[:5], format="text", out_dir=tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["report.html", "summary.json", "summary.md"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_runs_are_listed_newest_first(capsys):
    assert session.list_runs(as_json=False) == 0
    assert "no runs yet" in capsys.readouterr().out
    run()
    run(query="What is  said\nof the budget, the launch and the printer?")
    capsys.readouterr()
    session.list_runs(as_json=False)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "when", "status", "thread", "query"]
    assert first.endswith("What is said of the budget, t…")
    assert second.endswith("t.txt")
    session.list_runs(as_json=True)
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [r.id for r in kept()]


def test_a_run_must_be_named():
    with pytest.raises(BadInput, match="name the run"):
        session.show_run("", format="text", out_dir=None)
    with pytest.raises(BadInput, match="no run with an id that starts 'zz'"):
        session.show_run("zz", format="text", out_dir=None)


def test_pruning_keeps_the_newest(capsys):
    run()
    run(turns=20)
    newest = kept()[0]
    session.prune_runs(keep=1, megabytes=1000)
    assert "removed 1 runs" in capsys.readouterr().out
    assert kept() == [newest]
    for bound in ({"keep": -1, "megabytes": 1}, {"keep": 1, "megabytes": -1}):
        with pytest.raises(BadInput, match="0 or more"):
            session.prune_runs(**bound)


def test_a_corrupt_store_is_said_where_it_is_listed(home, capsys):
    home.mkdir()
    (home / "store.db").write_bytes(b"no database" * 500)
    session.list_runs(as_json=False)
    assert "note: the store was corrupt" in capsys.readouterr().err


def test_settings_are_shown_with_their_origins(home, capsys):
    settings = resolve({"strict": True}, environ={"GISTILL_TOKENS": "90"})
    session.show_config(settings, as_json=False)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["tokens", "90", "GISTILL_TOKENS"] in rows
    assert ["strict", "true", "--strict"] in rows
    assert ["seconds", "-", "default"] in rows
    assert ["home:", str(home)] in rows


def test_models_are_listed(capsys):
    assert session.list_models(as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)
    session.list_models(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *(row["name"] for row in rows)]
    assert "bundled" in {row["name"] for row in rows}


def test_names_are_put_in_where_a_result_is_shown_and_cost_no_model_call(capsys):
    assert run() == 0
    plain = capsys.readouterr().out
    assert "Ada" in plain
    (one,) = kept()
    assert session.rename_run(one.id[:6], ["Ada=Countess"]) == 0
    assert capsys.readouterr().out == "Ada is shown as Countess\n"
    session.show_run(one.id, format="text", out_dir=None)
    shown = capsys.readouterr().out
    assert "Countess: " in shown
    assert "Ada" not in shown
    run(replace(ECHO, format="json"))  # the same work again
    data = json.loads(capsys.readouterr().out)
    assert data["run"]["calls"] == 0
    assert data["participants"] == ["Countess", "Grace", "Edsger"]
    run(replace(ECHO, format="json"), aliases=["Ada=Lady L."])
    data = json.loads(capsys.readouterr().out)
    assert data["run"]["calls"] == 0
    assert data["participants"][0] == "Lady L."
    session.rename_run(one.id, ["Lady L.="])
    capsys.readouterr()
    session.show_run(one.id, format="text", out_dir=None)
    assert capsys.readouterr().out == plain


def test_names_nobody_has_are_refused_before_the_work(capsys):
    with pytest.raises(BadInput, match="nobody called 'Zoe' speaks here; there is Ada, Grace"):
        run(aliases=["Zoe=Z"])
    assert kept() == []
    run()
    (one,) = kept()
    with pytest.raises(BadInput, match="nobody called 'Zoe'"):
        session.rename_run(one.id, ["Zoe=Z"])
    with pytest.raises(BadInput, match="name the run and the speakers"):
        session.rename_run(one.id, [])


def test_longer_names_keep_the_token_budget(capsys):
    settings = Settings(engine="extractive", tokens=60, format="json")
    run(settings)
    before = json.loads(capsys.readouterr().out)["summary"]["claims"]
    long = "the Right Honourable Augusta Ada King, Countess of Lovelace"
    run(settings, aliases=[f"{name}={long}" for name in ("Ada", "Grace", "Edsger")])
    data = json.loads(capsys.readouterr().out)
    assert 1 < len(data["summary"]["claims"]) < len(before)
    assert long in data["text"]
    assert open_or_select("extractive")[0].count(data["text"]) <= 60
    assert "left out to keep 60 tokens" in data["notices"][-1]


def test_a_file_that_cannot_be_read_is_a_gap_in_the_result_and_code_1(capsys, tmp_path):
    lines = [f"{s.speaker}: {s.text}" for s in meeting(60).segments]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    (tmp_path / "b.json").write_text("[{")
    code = session.run(ECHO, lambda: session.read(ECHO, ["a.txt", "b.json"]), quiet=True)
    out, err = capsys.readouterr()
    assert code == 1
    assert "Not read: b.json is not valid JSON" in out
    assert "b.json is not valid JSON" in err


@pytest.mark.parametrize("seconds", [None, 0.01, 3600.0])
def test_a_dry_run_begins_no_work(capsys, seconds):
    unable = replace(ECHO, engine="echo:dead=1", seconds=seconds, format="json")
    assert run(unable, dry_run=True, started=session.time.monotonic()) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["chunks"] > 1
    assert "gistill-work" not in {thread.name for thread in threading.enumerate()}
