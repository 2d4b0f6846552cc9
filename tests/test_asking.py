"""A stage's answers, within its share of the time."""

from dataclasses import replace

from gistill import Budget, Options, Store
from gistill.asking import Asking
from gistill.findings import Findings
from gistill.speeds import Speed
from gistill.spending import Meter
from gistill.teacher.generation import Generation
from gistill.types import Notice, Progress, Request
from scripted import Scripted
from threads import meeting

SAID = "The budget moves to item 2."


class Slow(Scripted):
    speed = Speed(prefill=1e8, decode=100.0)


def asking(engine, seconds=None):
    budget = Budget(seconds=seconds)
    found = Findings(meeting(3), engine, budget, None, Options(), [], Meter())
    store = Store()
    return Asking(found, store, Generation(engine, store))


def drained(stage):
    """Its events and what it returns."""
    events = []
    while True:
        try:
            events.append(next(stage))
        except StopIteration as end:
            return events, end.value


def test_answers_come_with_progress_and_what_an_engine_could_not_do():
    class Plain(Scripted):
        def generate(self, requests, **how):
            for made in super().generate(requests, **how):
                yield replace(made, degraded=("beams: the server decodes one sequence",))

    asked = asking(Plain(lambda request: SAID))
    requests = [Request(f"p{i}", f"p{i}", 20, None) for i in range(3)]
    events, answers = drained(asked.answers(requests, "local", "local", 1.0))
    assert [answer.text for answer in answers] == [SAID] * 3
    assert [event.done for event in events if isinstance(event, Progress)] == [0, 1, 2, 3]
    assert [event.text for event in events if isinstance(event, Notice)] == asked.found.notices
    assert asked.found.notices == ["beams: the server decodes one sequence"]


def test_what_would_be_late_is_told():
    requests = [Request("p", "p", 200, None)]
    late = asking(Slow(lambda request: SAID), seconds=1.0)
    assert not late.in_time(requests, 10, late.found.deadline)
    early = asking(Slow(lambda request: SAID), seconds=600.0)
    assert early.in_time(requests, 10, early.found.deadline)
    assert early.in_time(requests, 10, None)
