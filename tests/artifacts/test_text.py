from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import samples
from gistill.artifacts import text
from gistill.types import Source


def test_summary_comes_first_then_sources_doubts_and_gaps():
    shown = text.render(samples.done(), samples.thread(), width=72)
    blocks = shown.split("\n\n")
    assert blocks[0].startswith("The engine ships on 4 May. [1, 2] Two cards jam")
    assert "נעמה מסכימה עם עדה. [5] (?)" in blocks[0].replace("\n", " ")
    assert "on 12 June. [3, 4] (!)" in blocks[0].replace("\n", " ")
    assert blocks[1].startswith("Sources\n[1] 00:14:00 Ada Lovelace: Good morning. We ship")
    assert blocks[2].startswith("(?) The cited text supports sentence 3 only")
    assert blocks[3].startswith("20 tokens in 2 turns")
    assert "Gap: Part 3" in blocks[3]
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n")


def test_nothing_to_say_says_nothing():
    shown = text.render(samples.single(), samples.thread())
    assert shown.split("\n\n")[0] == "The engine ships on 4 May. [1, 2]"
    assert shown.count("\n\n") == 1


def test_source_lines_fit_the_terminal():
    shown = text.render(samples.done(), samples.thread(), width=60)
    lines = [line for line in shown.split("\n") if line.startswith("[")]
    assert len(lines) == 6
    assert all(len(line) <= 60 for line in lines[:2])
    assert lines[0].endswith("…")


def test_several_files_are_named():
    thread = samples.thread()
    thread = replace(thread, sources=(*thread.sources, Source("b.txt", "00", "")))
    assert "[1] council.vtt, 00:14:00 Ada Lovelace" in text.render(samples.done(), thread)


def test_summary_without_sentences_is_its_text():
    done = samples.single()
    done = replace(done, text="As it was.", summary=replace(done.summary, claims=()), local=())
    assert text.render(done, samples.thread()) == "As it was.\n"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results(), st.none() | st.integers(20, 100))
def test_no_control_character_reaches_the_terminal(result, width):
    shown = text.render(*result, width=width)
    assert not any(ord(c) < 32 and c != "\n" for c in shown)
    assert "\x9b" not in shown
    assert "s-unknown" not in shown
    shown.encode("utf-8")


def test_the_same_input_gives_the_same_bytes():
    done = samples.done()
    later = replace(done, run="r-2", spend=replace(done.spend, seconds=99.0, calls=0, reused=5))
    thread = samples.thread()
    assert text.render(done, thread) == text.render(later, thread)


def test_bare_and_bullets():
    done = samples.single()
    assert text.bare(done) == "The engine ships on 4 May.\n"
    bullets = text.bullets(samples.done()).splitlines()
    assert bullets[:2] == ["- The engine ships on 4 May.", "- Two cards jam."]
    assert len(bullets) == 4
