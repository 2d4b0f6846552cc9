"""What a run can say at any moment: a result is made of whatever has been found by then."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gistill.engines import open_engine
from gistill.findings import LATE, Findings
from gistill.options import Options
from gistill.segmentation import chunk
from gistill.spending import Meter
from gistill.types import Budget, Claim, Summary
from threads import meeting, thread


def findings(talk, *, budget=None, query=None, notices=(), **options):
    budget = budget or Budget()
    engine = open_engine("echo")
    return Findings(talk, engine, budget, query, Options(**options), list(notices), Meter())


def leaf(number, *claims):
    return Summary(f"n0-{number:04d}", claims, 0, "echo-1", chunk=f"c{number:04d}")


def test_the_token_budget_lowers_the_length_and_never_raises_it():
    assert findings(meeting(3)).global_len == 200
    assert findings(meeting(3), budget=Budget(tokens=30)).global_len == 30
    assert findings(meeting(3), budget=Budget(tokens=900)).global_len == 200


def test_all_pieces_of_a_segment_that_were_not_read_are_counted():
    talk = thread("Ada: One two three four five six seven eight.")
    (segment,), found = talk.segments, findings(talk)
    pieces = [chunk.piece(segment, 0, 18), chunk.piece(segment, 18, len(segment.text))]
    found.count_unread(pieces, "not read")
    (gap,) = found.unread
    assert gap.tokens == sum(chunk.cost(part, found.engine.count) for part in pieces)
    assert gap.segments == (segment.id,)


@hypothesis(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(20, 300), st.booleans())
def test_a_late_result_with_only_a_draft_quotes_and_has_read_nothing(turns, limit, counted):
    talk = meeting(turns)
    found = findings(talk, budget=Budget(tokens=limit))
    if counted:
        found.count_all()
    found.draft(lines=10)
    if found.root is None:  # no sentence fits
        return
    done = found.late()
    assert found.engine.count(done.text) <= limit
    assert done.coverage.read == 0
    (unread,) = done.coverage.unread
    assert unread.reason == LATE
    assert set(unread.segments) == {s.id for s in talk.segments}
    assert unread.tokens == done.coverage.total > 0
    assert done.summary.gap.startswith(LATE)
    assert done.plan.given_up == ("extractive",)
    assert done.local == ()


def test_a_thread_of_noise_makes_no_draft():
    found = findings(thread("Ann: {vocalsound}", "Bob: [inaudible]"))
    found.draft(lines=10)
    assert found.root is None


def test_late_with_notes_keeps_the_best_of_them_and_what_was_read():
    talk = meeting(4)
    found = findings(talk)
    found.count_all()
    notes = [
        leaf(i, Claim(f"{s.speaker} says that {s.text}", (s.id,), 1.0))
        for i, s in enumerate(talk.segments)
    ]
    found.unite(notes)
    done = found.late()
    assert done.summary.gap == f"{LATE}; the best notes were kept"
    assert [claim.text for claim in done.local] == [n.claims[0].text for n in notes]
    assert {claim.text for claim in done.summary.claims} <= {claim.text for claim in done.local}
    assert done.text
    assert (done.coverage.unread, done.coverage.share) == ((), 1.0)


def test_what_is_unread_is_counted_with_its_reason():
    talk = meeting(10)
    found = findings(talk)
    costs = found.count_all()
    found.count_unread(talk.segments[:4], "no room")
    found.count_unread(talk.segments[8:], "no time")
    found.root = leaf(0, Claim("The budget moves.", (talk.segments[5].id,), 1.0))
    coverage = found.done().coverage
    assert [part.reason for part in coverage.unread] == ["no room", "no time"]
    assert [len(part.segments) for part in coverage.unread] == [4, 2]
    assert coverage.total == sum(costs.values())
    assert coverage.read == sum(costs[s.id] for s in talk.segments[4:8])


def test_noise_is_not_named_as_unread():
    talk = thread("Ann: {vocalsound}", "Bob: The budget is late.")
    found = findings(talk)
    found.count_unread(talk.segments, "no room")
    assert found.unread[0].segments == (talk.segments[1].id,)


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_strict_keeps_just_what_is_supported(threshold, supports):
    talk = meeting(6)
    claims = [Claim(f"Item {i}.", (talk.segments[i].id,), s) for i, s in enumerate(supports)]
    found = findings(talk, strict=True, support_thr=threshold)
    found.count_all()
    found.root = leaf(0, *claims)
    done = found.done()
    assert list(done.summary.claims) == [c for c in claims if c.support >= threshold]
    if done.summary.claims:
        assert done.support_rate == 1.0


def test_a_root_without_sentences_gets_one_from_the_thread():
    talk = meeting(6)
    found = findings(talk)
    found.count_all()
    found.chunks = chunk.pack(talk.segments, found.engine.count, max_tokens=300)
    found.root = leaf(0)
    (claim,) = found.done().summary.claims
    (cited,) = [s for s in talk.segments if s.id in claim.cites]
    assert cited.text.rstrip(".").startswith(claim.text.partition(": ")[2].rstrip("."))
    assert sum(found.done().positions) == 1


def test_what_was_said_on_the_way_is_in_the_result():
    found = findings(meeting(3), notices=["a cue was empty"], query="When?")
    found.failures.append("the engine stopped")
    found.draft(lines=3)
    done = found.late()
    assert (done.notices, done.failures) == (("a cue was empty",), ("the engine stopped",))
    assert (done.query, done.engine) == ("When?", "echo-1")


def test_there_is_no_result_before_the_first_summary():
    found = findings(meeting(3))
    found.count_all()
    with pytest.raises(AssertionError):
        found.done()


def test_what_is_read_of_images_and_what_is_not_make_up_all_of_them():
    talk = meeting(40)
    shown = [
        piece
        for n, said in enumerate(talk.segments)
        for piece in (
            said,
            replace(
                said,
                id=f"i{n:06d}",
                kind="image_text",
                text=f"A{n} b{n} c{n} d{n}. {said.text} And e{n} f{n} g{n}. {said.text}",
            ),
        )
    ]
    found = findings(replace(talk, segments=tuple(shown)))
    costs = found.count_all()
    kept = found.admit(shown, 400)
    told = next(one for one in found.unread if "told before" in one.reason)
    assert set(told.segments) & {segment.id for segment in kept}  # read in part
    read = sum(chunk.cost(segment, found.engine.count) for segment in kept)
    unread = sum(one.tokens for one in found.unread)
    extra = read + unread - sum(costs.values())
    assert 0 <= extra < 0.02 * sum(costs.values())  # pieces that name their speaker again
