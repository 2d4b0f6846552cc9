from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.engines import open_engine
from gistill.engines.extractive import Extractive, _read, select
from gistill.errors import BadInput, Overflow
from gistill.segmentation.sentences import ended
from gistill.types import Request

MEETING = """\
Ann: OK. So. Yeah. Shall we begin?
Bob: The supplier raised the price of the rubber case by 12 percent. Hm.
Ann: Yeah, I know.
Cleo: Then we decided to switch to the plastic case. It saves 3 euros a unit.
Bob: Mm-hmm.
Ann: The launch moves to 4 March because the plastic case needs new tooling.
Bob: Right, right, OK.
Cleo: The battery lasts eleven hours in the last test
Ann: Thanks everybody."""


def count(text: str) -> int:
    return Extractive().count(text)


def test_prefers_what_is_stated_over_what_fills_a_turn() -> None:
    lines = select(MEETING, 60, count=count).split("\n")
    assert "Cleo: Then we decided to switch to the plastic case." in lines
    assert "Ann: The launch moves to 4 March because the plastic case needs new tooling." in lines
    assert not any(filler in line for line in lines for filler in ("Yeah", "OK", "Thanks"))


def test_a_later_sentence_of_a_line_names_its_speaker_again() -> None:
    lines = select(MEETING, 200, count=count).split("\n")
    assert "Cleo: It saves 3 euros a unit." in lines


def test_the_mark_of_what_was_seen_goes_with_its_sentences_and_counts_for_none() -> None:
    text = "Ann: [image] The lease ends in June. The board sold the crane in May."
    assert select(text, 99, count=count).split("\n") == [
        "Ann: [image] The lease ends in June.",
        "Ann: [image] The board sold the crane in May.",
    ]
    assert not any("image" in sentence.words for sentence in _read(text, None))


def test_a_sentence_without_a_stop_gets_one() -> None:
    assert "eleven hours in the last test.\n" in select(MEETING, 200, count=count) + "\n"
    assert select("猫が好きです", 20, count=count) == "猫が好きです。"


def test_the_order_is_that_of_the_text() -> None:
    picked = select(MEETING, 200, count=count).split("\n")
    places = [MEETING.index(line.split(": ", 1)[1].rstrip(".")) for line in picked]
    assert len(picked) > 3
    assert places == sorted(places)


def test_a_query_brings_what_answers_it() -> None:
    assert select(MEETING, 20, "How long does the battery last?", count=count) == (
        "Cleo: The battery lasts eleven hours in the last test."
    )


def test_the_answer_next_to_the_question_is_found() -> None:
    noise = "\n".join(f"Zed: Item {n} concerns the paint of wall number {n}." for n in range(50))
    text = f"{noise}\nAnn: Who maintains the turbine?\nBob: Margarethe does, from Monday.\n{noise}"
    assert "Margarethe" in select(text, 25, "Who maintains the turbine?", count=count)


def test_a_query_without_any_known_word_is_ignored() -> None:
    assert select(MEETING, 60, "zebra", count=count) == select(MEETING, 60, count=count)


def test_the_same_sentence_is_not_picked_twice() -> None:
    text = "The budget was cut by 5 percent.\n" * 10
    assert select(text, 500, count=count) == "The budget was cut by 5 percent."


def test_prose_comes_as_one_paragraph() -> None:
    text = "The pump broke on Monday.\nIts seal was worn after 900 hours."
    assert select(text, 100, count=count) == text.replace("\n", " ")


def test_a_text_of_fillers_only_still_gives_something() -> None:
    assert select("Yes, do it. OK.", 20, count=count) == "Yes, do it. OK."


def test_all_of_a_long_text_is_represented() -> None:
    text = "\n".join(f"Part {n} covers subject{n} and detail{n * 7} at length." for n in range(400))
    picked = select(text, 200, count=count)
    tenths = {
        int(word.removeprefix("subject")) // 40 for word in picked.split() if "subject" in word
    }
    assert len(tenths) >= 5


def test_the_one_short_sentence_among_many_long_ones_is_found() -> None:
    long = "\n".join(
        f"The committee discussed matter {n} at very great length." for n in range(300)
    )
    assert select(f"{long}\nPumps fail.\n{long}", 4, count=count) == "Pumps fail."


def test_nothing_fits() -> None:
    assert select("An extraordinarily long sentence that nobody wants.", 3, count=count) == ""
    assert select("", 10, count=count) == ""


@given(st.text(max_size=500), st.integers(1, 60), st.sampled_from([None, "a", "Bob 1"]))
def test_any_text_within_its_budget_and_ended(text: str, limit: int, query: str | None) -> None:
    picked = select(text, limit, query, count=count)
    assert count(picked) <= limit
    assert not picked or ended(picked)


@given(st.lists(st.text("ab .:\n", max_size=30), max_size=20), st.integers(1, 60))
def test_a_foreign_counter_holds_too(lines: list[str], limit: int) -> None:
    def uneven(text: str) -> int:  # the whole costs more than its parts
        return len(text) ** 2 // 20

    assert uneven(select("\n".join(lines), limit, count=uneven)) <= limit


def test_a_million_letters_without_a_space() -> None:
    assert select("x" * 1_000_000, 50, count=count) == ""


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    code = (
        "from gistill.engines.extractive import *; import sys;"
        "print(select(sys.argv[1], 60, 'plastic case price', count=Extractive().count))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code, MEETING],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1


def test_as_an_engine() -> None:
    engine = open_engine("extractive")
    asked = Request(prompt="P", text=MEETING, max_tokens=20, query="battery")
    [answer] = engine.generate([asked])
    assert (answer.finish, answer.tokens_in) == ("stop", count(MEETING))
    assert "battery" in answer.text
    [late] = engine.generate([asked], deadline=time.monotonic() - 1)
    assert (late.finish, late.text) == ("deadline", "")


def test_another_engines_counter_sets_the_budget() -> None:
    engine = Extractive(counter=len)
    [answer] = engine.generate([Request(prompt="", text=MEETING, max_tokens=60)])
    assert 0 < len(answer.text) == answer.tokens_out <= 60


def test_refusals() -> None:
    with pytest.raises(BadInput, match="no argument"):
        open_engine("extractive:model")
    with pytest.raises(Overflow):
        Extractive(counter=lambda text: 2_000_000).generate([Request("", "x", 1)])


def test_a_piece_of_a_sentence_gets_a_stop_in_place_of_its_comma():
    text = "Ann: We launch on Tuesday the ninth of June,\nAnn: after the trial of two weeks -"
    picked = select(text, 100, count=lambda t: len(t.split()))
    assert picked.split("\n") == [
        "Ann: We launch on Tuesday the ninth of June.",
        "Ann: after the trial of two weeks.",
    ]
