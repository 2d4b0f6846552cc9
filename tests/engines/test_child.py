from __future__ import annotations

import re
import sys
from queue import SimpleQueue
from typing import Any

import pytest

from gistill.engines.child import Child
from gistill.errors import EngineFailed

ECHO = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    if "exit" in question:
        sys.exit(question["exit"])
    if "fail" in question:
        print(json.dumps({"failed": "no more", "done": None}), flush=True)
    else:
        print(json.dumps({"more": question["add"]}), flush=True)
        print(json.dumps({"done": question["add"], "twice": 2 * question["add"]}), flush=True)
"""


def start(program: str) -> Child:
    return Child([sys.executable, "-c", program])


def test_answers_reach_those_who_asked() -> None:
    child = start(ECHO)
    queues: list[SimpleQueue[dict[str, Any]]] = [SimpleQueue(), SimpleQueue()]
    for number in range(6):
        child.ask(number, {"add": number}, queues[number % 2])
    for parity, queue in enumerate(queues):
        found = [queue.get(timeout=30) for _ in range(6)]
        assert [a["more"] for a in found[::2]] == list(range(parity, 6, 2))
        assert [a["twice"] for a in found[1::2]] == [2 * n for n in range(parity, 6, 2)]
    assert child.alive
    child.close()
    child.tell({"add": 1})  # nobody is there any more, and nobody minds


@pytest.mark.parametrize(
    ("program", "message", "why"),
    [
        (ECHO, {"exit": 3}, "ended with code 3"),
        (ECHO, {"fail": 1}, "no more"),
        ("import os; input(); os.abort()", {}, "signal 6 (Aborted)"),
        (
            "import os; input(); os.kill(os.getpid(), 9)",
            {},
            "signal 9 (Killed), perhaps for want of memory",
        ),
        ("input(); raise ValueError('what a day')", {}, "ValueError: what a day"),
    ],
)
def test_a_child_that_ends_says_why_to_all(program: str, message: dict[str, Any], why: str) -> None:
    child = start(program)
    answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
    child.ask(1, message, answers)
    if "fail" in message:
        child.tell({"exit": 0})
    assert why in answers.get(timeout=30)["failed"]
    child.close()
    assert not child.alive
    with pytest.raises(EngineFailed, match=re.escape(why)):
        child.ask(2, {"add": 2}, answers)
