"""Drafts quote, cite what they quote, and keep their limit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gistill.engines.extractive import Extractive
from gistill.segmentation import sentences
from gistill.teacher.draft import draft
from threads import meeting, thread

count = Extractive().count


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120), st.integers(1, 200))
def test_a_draft_quotes_whole_sentences_within_its_limit(turns, lines, limit):
    segments = meeting(turns).segments
    claims = draft(segments, limit, None, count, lines=lines)
    texts = {segment.id: segment.text for segment in segments}
    assert count(" ".join(claim.text for claim in claims)) <= limit
    for claim in claims:
        (cited,) = claim.cites
        words = claim.text.partition(": ")[2] or claim.text
        assert words.rstrip(".") in texts[cited]
        assert sentences.ended(claim.text)
        assert claim.support == 1.0


def test_a_sample_is_spread_over_the_whole_thread():
    segments = meeting(300).segments
    claims = draft(segments, 400, None, count, lines=30)
    places = [[s.id for s in segments].index(claim.cites[0]) for claim in claims]
    assert all(place % 10 == 0 for place in places)
    assert max(places) > 200


def test_a_question_is_answered_by_what_speaks_of_it():
    talk = thread(
        "Ann: The budget is late.", "Bob: The weather was fine.", "Ann: We ship on Friday."
    )
    claims = draft(talk.segments, 12, "When do we ship?", count, lines=10)
    assert [claim.text for claim in claims] == ["Ann: We ship on Friday."]


def test_nothing_is_said_where_nothing_fits():
    assert draft(meeting(5).segments, 1, None, count, lines=10) == ()
