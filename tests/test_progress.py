"""What is shown while a run works."""

from dataclasses import replace

from gistill.progress import Reporter, account_of, spend_of, summary_of
from gistill.types import Notice, Plan, Planned, Progress, Step
from samples import done


def plan(seconds):
    return Plan((Step("local", 0, 3, 100, 30, seconds),), 3, 100, 10, 50, 80, "fast")


def test_events_become_plain_lines_off_a_terminal(capsys):
    with Reporter() as reporter:
        reporter.show(Planned(plan(9.0)))
        reporter.show(Progress("local", 1, 3))
        reporter.show(Progress("local", 3, 3, reused=2))
        reporter.show(Notice("mind the gap"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "plan: 3 parts, 3 generations, fast, about 9 s",
        "local: 3 of 3, 2 from the store",
        "note: mind the gap",
    ]


def test_long_reading_is_told_with_what_is_left_of_it(monkeypatch, capsys):
    clock = iter([0.0, 0.0, 1.0, 12.0, 13.0, 30.0])
    monkeypatch.setattr("gistill.progress.time.monotonic", lambda: next(clock))
    with Reporter() as reporter:
        for share in (0.0, 0.1, 0.25, 0.3, 1.0):
            reporter.reading("hearing a.wav", share)
    assert capsys.readouterr().err.splitlines() == [
        "hearing a.wav: 25%, about 36 s left",
        "hearing a.wav: 100%",
    ]
    monkeypatch.undo()
    with Reporter(quiet=True) as reporter:
        reporter.reading("hearing a.wav", 1.0)
    assert capsys.readouterr().err == ""


def test_quiet_shows_notices_only(capsys):
    with Reporter(quiet=True) as reporter:
        reporter.show(Planned(plan(9.0)))
        reporter.show(Progress("local", 3, 3))
        reporter.show(Notice("mind the gap"))
    assert capsys.readouterr().err == "note: mind the gap\n"


def test_a_terminal_gets_a_moving_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Reporter() as reporter:
        reporter.show(Progress("local", 1, 3))
        reporter.show(Notice("[not markup]"))
    assert "[not markup]" in capsys.readouterr().err


def test_the_account_lays_planned_and_spent_side_by_side():
    assert account_of(done()).splitlines() == [
        "spent: 4 + 1 stored generations, 790 tokens in, 210 out, 2.5 s (4.0 s of CPU), 315 MB; "
        "read 90% of 200 tokens; 60% of sentences supported",
        "planned | spent  calls  tokens in  tokens out   seconds",
        "local            3 | 4  300 | 390  384 | 70    1.5 | 1.7",
        "fuse 1           1 | 1  250 | 400  128 | 140   0.5 | 0.4",
        "fuse 2           1 | -  250 | -    200 | -     0.7 | -",
        "the rest         - | -    - | -      - | -       - | 0.4",
        "total            5 | 5  800 | 790  712 | 210   2.7 | 2.5",
    ]


def test_the_account_of_an_older_run_says_what_is_known():
    lines = account_of(replace(done(), spent=())).splitlines()
    assert lines[2] == "local            3 | -  300 | -    384 | -     1.5 | -"
    assert lines[-1] == "total            5 | 5  800 | 790  712 | 210   2.7 | 2.5"
    assert not any(line.startswith("the rest") for line in lines)


def test_a_gpu_is_named_where_one_was_used():
    spend = replace(done().spend, peak_vram=2_100_000_000, joules=321.4)
    assert spend_of(spend).endswith("315 MB, 2100 MB on the GPU, 321 J")
    assert "GPU" not in spend_of(done().spend)
    assert spend_of(replace(spend, joules=None)).endswith("2100 MB on the GPU")


def test_a_short_plan_has_no_seconds():
    assert "under a second" in summary_of(plan(0.2))


def test_one_is_not_several():
    spend = replace(done().spend, calls=1, reused=0)
    assert spend_of(spend).startswith("1 generation, ")
    assert spend_of(replace(spend, reused=1)).startswith("1 + 1 stored generations, ")
