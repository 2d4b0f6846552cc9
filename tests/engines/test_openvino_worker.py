from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill import models
from gistill.engines import openvino_worker
from gistill.engines.openvino_worker import BLOCK, Worker, blocks
from tiny_gguf import write_gguf


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GISTILL_HOME", str(tmp_path_factory.mktemp("home")))
        source = write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")
        yield str(models.from_gguf(Path(source)))


def ask(number: int, length: int = 20, max_tokens: int = 30, beams: int = 1) -> dict[str, Any]:
    return {
        "add": number,
        "ids": list(range(3, 3 + length)),
        "max_tokens": max_tokens,
        "beams": beams,
        "length_penalty": 1.0,
        "no_repeat_ngram": 0,
        "repetition_penalty": 1.0,
    }


def finish(worker: Worker) -> dict[int, dict[str, Any]]:
    done = {}
    while worker.busy:
        done.update({answer["done"]: answer for answer in worker.step() if "done" in answer})
    return done


@given(st.integers(1, 500), st.integers(1, 200), st.integers(1, 8))
def test_blocks_hold_every_token_of_every_beam(prompt: int, tokens: int, beams: int) -> None:
    least = prompt + tokens if beams == 1 else prompt + beams * tokens
    assert blocks(prompt, tokens, beams) * BLOCK >= least


def test_the_cache_is_given_back(folder: str) -> None:
    """Room for two at a time: leaks would leave the later ones waiting for ever."""
    worker = Worker(folder, 8 * BLOCK, 10**9)
    for number in range(20):
        worker.take(ask(number, beams=1 + number % 2, max_tokens=10 + number))
    first = worker.step()
    worker.take({"stop": [0, 19]})
    done = finish(worker) | {answer["done"]: answer for answer in first if "done" in answer}
    assert sorted(done) == list(range(19))
    assert done[0]["finish"] == "deadline"
    assert all(len(done[n]["ids"]) <= 10 + n for n in done)


def test_stopping_one_leaves_the_others_as_they_were(folder: str) -> None:
    worker = Worker(folder, 100 * BLOCK, 10**9)
    for number in range(3):
        worker.take(ask(number, length=20 + number))
    undisturbed = finish(worker)
    for number in range(3):
        worker.take(ask(number, length=20 + number))
    for _ in range(8):
        worker.step()
    worker.take({"stop": [1, 7]})
    stopped = finish(worker)
    for number in (0, 2):
        assert stopped[number]["ids"] == undisturbed[number]["ids"]
    whole, part = undisturbed[1]["ids"], stopped[1]["ids"]
    assert 0 < len(part) < len(whole)
    assert part == whole[: len(part)]


def test_what_has_not_begun_stops_at_once(folder: str) -> None:
    worker = Worker(folder, 100 * BLOCK, 10**9)
    worker.take(ask(5))
    (answer,) = worker.take({"stop": [5]})
    assert (answer["done"], answer["ids"], answer["finish"]) == (5, [], "deadline")
    assert not worker.busy


def test_what_can_never_fit_is_refused_and_the_rest_goes_on(folder: str) -> None:
    worker = Worker(folder, 10**6, 4 * openvino_worker._token_bytes(folder) * BLOCK)
    worker.take(ask(1, length=300))
    worker.take(ask(2))
    done = finish(worker)
    assert "--max-memory" in done[1]["failed"]
    assert len(done[2]["ids"]) == 30


@pytest.mark.parametrize("lookup", [0, 4])
def test_greedy_answers_are_told_as_they_grow_and_beams_when_they_are_read(
    folder: str, lookup: int
) -> None:
    worker = Worker(folder, 100 * BLOCK, 10**9, lookup)
    for number, beams in enumerate((1, 1, 3)):
        worker.take(ask(number, length=100 + 60 * number, beams=beams))
    told: dict[int, list[list[int]]] = {0: [], 1: [], 2: []}
    done = {}
    while worker.busy:
        for answer in worker.step():
            assert answer["pace"] is None or answer["pace"] > 0
            if "more" in answer:
                told[answer["more"]].append(answer["ids"])
            else:
                done[answer["done"]] = answer["ids"]
    assert told[2] == [[]]
    assert worker._pace is not None
    for number in (0, 1):
        so_far = [token for ids in told[number] for token in ids]
        assert so_far == done[number][: len(so_far)]
        assert len(so_far) >= len(done[number]) - 1 - lookup
        assert len(done[number]) == 30


def test_lookup_takes_fewer_steps_to_the_same_ids(folder: str) -> None:
    """The prompt counts up, and so does what a random model cannot help but repeat."""
    found, steps = [], []
    for lookup in (0, 5):
        worker = Worker(folder, 100 * BLOCK, 10**9, lookup)
        worker.take(ask(1, length=40, max_tokens=200))
        count = 0
        while worker.busy:
            count += 1
            found += [answer["ids"] for answer in worker.step() if "done" in answer]
        steps.append(count)
    assert found[0] == found[1]
    assert steps[1] < steps[0]


def test_lookup_gives_its_cache_back_too(folder: str) -> None:
    worker = Worker(folder, 8 * BLOCK, 10**9, 5)
    for number in range(12):
        worker.take(ask(number, beams=1 + number % 2, max_tokens=10 + number))
    done = finish(worker)
    assert sorted(done) == list(range(12))
    assert all(len(done[n]["ids"]) <= 10 + n for n in done)
