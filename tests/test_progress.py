"""What is shown while a run works."""

from gistill.progress import Reporter, account_of, summary_of
from gistill.types import Notice, Plan, Planned, Progress, Step


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


def test_the_account_names_calls_tokens_time_and_coverage():
    from samples import done

    line = account_of(done())
    for part in ("generations", "tokens in", "planned", "read", "supported"):
        assert part in line
    assert "under a second" in summary_of(plan(0.2))
