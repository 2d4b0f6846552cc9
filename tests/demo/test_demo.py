from __future__ import annotations

from gistill.demo import NAME, load_demo
from sources import check


def test_the_demo_is_a_conversation_with_times_and_no_repairs() -> None:
    thread = load_demo()
    check(thread)
    assert thread.notes == ()
    assert len(thread.participants) == 5
    assert [source.name for source in thread.sources] == [NAME]
    assert 2_500 < sum(len(s.text.split()) for s in thread.segments) < 3_500
    assert all(s.speaker and s.at.time for s in thread.segments[1:])
