"""From a chunk to grounded claims."""

from dataclasses import replace

import pytest

from gistill.decoding.profiles import PROFILES
from gistill.errors import BadInput
from gistill.teacher.generation import Answer
from gistill.teacher.local import lines, otherwise, request, short_sentence, summary
from gistill.types import Chunk
from threads import meeting, thread


def test_noise_is_not_shown():
    assert (
        lines(thread("Ada: Hi .", "Grace: {pause}", "Just text.").segments)
        == "Ada: Hi.\nJust text."
    )


def test_a_request_holds_the_whole_material_once():
    made = request(
        meeting(5).segments, "local", PROFILES["fast"], max_tokens=50, query=None, language=None
    )
    assert made.prompt.count(made.text) == 1
    assert made.text == lines(meeting(5).segments)


def test_a_summary_cites_the_chunks_segments():
    talk = meeting(5)
    answer = Answer(0, "The budget moves to item 0. Nobody knows Tokyo. Cut of", 9, 9, 0.1, "e",
                    cut=True)  # fmt: skip
    node = summary(Chunk("c0000", talk.segments, 99), answer, None)
    assert [claim.text for claim in node.claims] == [
        "The budget moves to item 0.",
        "Nobody knows Tokyo.",
    ]
    assert node.claims[0].cites == ("s000000",)
    assert (node.chunk, node.by, node.level) == ("c0000", "e", 0)


def test_names_are_put_right_in_summaries_and_flagged_in_answers():
    talk = thread(
        "Ada: The ferry is in dry dock until June.", "Grace: Then the launch has to move."
    )
    chunk = Chunk("c0000", talk.segments, 99)
    answer = Answer(0, "Grace said that the ferry is in dry dock until June.", 9, 9, 0.1, "e")
    (told,) = summary(chunk, answer, None).claims
    assert (told.text, told.flags) == ("Ada said that the ferry is in dry dock until June.", ())
    (kept,) = summary(chunk, answer, "What did Grace say?").claims
    assert (kept.text, kept.flags) == (answer.text, ("Grace",))


def test_short_sentence_finds_what_fits_or_says_how_much_would():
    chunk = Chunk("c0000", thread("Ada: Fine.", "Grace: That is a longer one.").segments, 9)

    def words(text):
        return len(text.split())

    assert short_sentence([chunk], words, 3).text == "Ada: Fine."
    with pytest.raises(BadInput, match="shortest has 2"):
        short_sentence([chunk], words, 1)
    with pytest.raises(BadInput, match="no sentence was found"):
        short_sentence([Chunk("c0000", thread("x" * 5000).segments, 9)], words, 100)


def test_a_second_search_differs_in_its_beams_alone():
    for name, beams in (("greedy", 4), ("fast", 4), ("quality", 2)):
        first = request(
            meeting(5).segments, "local", PROFILES[name], max_tokens=50, query=None, language=None
        )
        second = otherwise(first)
        assert second.beams == beams != first.beams
        assert replace(second, beams=first.beams, length_penalty=first.length_penalty) == first
