from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

import samples
from gistill import names
from gistill.errors import BadInput


def test_pairs() -> None:
    assert names.parse(["S1 = Ada  Lovelace", "S2="]) == {"S1": "Ada Lovelace", "S2": ""}
    for pair in ("S1", "=Ada", ""):
        with pytest.raises(BadInput, match="names no speaker"):
            names.parse([pair])


def test_names_add_up_follow_a_new_name_and_can_be_taken_back() -> None:
    speakers = ["S1", "S2"]
    first = names.joined({}, {"S1": "Ada"}, speakers)
    assert names.joined(first, {"S2": "Ben"}, speakers) == {"S1": "Ada", "S2": "Ben"}
    assert names.joined(first, {"Ada": "Ada L."}, speakers) == {"S1": "Ada L."}
    assert names.joined(first, {"S1": ""}, speakers) == {}
    with pytest.raises(BadInput, match="nobody called 'S3' speaks here; there is S1, S2"):
        names.joined(first, {"S3": "x"}, speakers)


def test_speakers_and_sentences_change_and_what_was_said_does_not() -> None:
    done, thread = samples.done(), samples.thread()
    result, view = names.renamed(done, thread, {"Charles": "Babbage", "Ada Lovelace": "Ada"})
    assert "Babbage takes the cards." in {claim.text for claim in result.local}
    assert result.summary.children[1].claims[1].text == "Babbage takes the cards."
    assert view.participants[:2] == ("Ada", "Babbage")
    assert {s.speaker for s in result.chunks[0].segments} == {"Ada", "Babbage"}
    assert [s.text for s in view.segments] == [s.text for s in thread.segments]
    assert view.notes[-2:] == (
        "Charles is shown as Babbage, a name given by hand",
        "Ada Lovelace is shown as Ada, a name given by hand",
    )


def test_names_can_change_places_and_only_whole_words_do() -> None:
    done = replace(samples.done(), text="S1 asked S2, not S11 or XS1: S1's turn.")
    result, _ = names.renamed(done, samples.thread(), {"S1": "S2", "S2": "S1"})
    assert result.text == "S2 asked S1, not S11 or XS1: S2's turn."


@given(samples.results())
def test_no_name_changes_nothing(result) -> None:  # type: ignore[no-untyped-def]
    assert names.renamed(*result, {}) == result


def test_longer_names_leave_out_the_weakest_sentences_and_say_so() -> None:
    done, thread = samples.done(), samples.thread()
    whole = sum(len(claim.text.split()) for claim in done.summary.claims)
    assert names.fitted(done, thread, lambda text: len(text.split()), whole, 0.5) == done
    short = names.fitted(done, thread, lambda text: len(text.split()), whole - 1, 0.5)
    assert len(short.summary.claims) == len(done.summary.claims) - 1
    assert "Nobody said this." not in short.text  # it has no support
    assert short.support_rate == 0.75
    assert short.notices[-1].startswith("the names given are longer: 1 sentence was left out")
    least = names.fitted(done, thread, lambda text: len(text.split()), 1, 0.5)
    assert len(least.summary.claims) == 1
