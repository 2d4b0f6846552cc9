"""One OpenVINO pipeline on one thread: a process that reads requests as lines of JSON and writes
completions as they finish. Run by `engines/openvino.py`, one a core.

A process, because `step()` holds Python's global lock. A request gives the same bits alone, beside
others, and on any number of cores, for three reasons (benchmarks/engine.py measures them):

- One thread: with more, attention splits a long context over threads and adds up what they found
  in an order that depends on what else runs.
- A prompt is read in one step, however long. Split to make room for others, its pieces would depend
  on them, and a piece of one token goes through another attention kernel than longer ones.
- Activations are rounded to 8 bits, 32 with one scale: sums of integers come out the same in any
  order, those of floats do not. It is also the faster way, and costs less than 8-bit weights do.

In: {"add": n, "ids": [...], "max_tokens": n, "beams": n, ...} or {"stop": [n, ...]}; the process
ends when its input does. Out: {"more": n, "ids": [...], "pace": s} when a prompt has been read and
each time its answer has grown (with beams it grows at its end alone); {"done": n, "ids": [...],
"finish": ..., "seconds": s, "pace": s} with all ids; or {"failed": "why", "fatal": bool, "done": n
or null}. `pace` is the seconds that a token of a prompt takes here.

With `lookup`, each step of a request without beams also checks up to that many tokens which once
followed the latest ones, in the prompt or the answer (prompt lookup decoding, Saxena 2023), and
activations stay in float32, where checking several tokens gives what one at a time does; all but
the last bits, which 8 bits would make large.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino
import openvino_genai as genai

Message = dict[str, Any]

BLOCK = 32  # tokens in a block of the CPU's key-value cache
PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f16",
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,  # all workers would be pinned to the same core
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32,
}
_CACHE_ITEM = 2  # bytes of a float16
_NGRAM = 3  # the longest run of latest tokens that lookup searches for
_TELLING = 32  # tokens of a prompt that make the time to read it worth learning from


@dataclass(slots=True, eq=False)
class _Active:
    pipeline: Any
    handle: Any
    blocks: int
    max_tokens: int
    began: float
    ids: list[int] = field(default_factory=list)
    stopped: bool = False

    @property
    def running(self) -> bool:
        return bool(self.handle.get_status() == genai.GenerationStatus.RUNNING)

    def read(self) -> list[int]:
        """What was generated since the last time; beams come once, at their end."""
        before = len(self.ids)
        while self.handle.can_read():
            outputs = self.handle.read().values()
            if outputs:  # beams stopped before their end have none
                self.ids += max(outputs, key=lambda output: output.score).generated_ids
        return self.ids[before:]


class Worker:
    """Runs what it is given in order, as many at once as there is cache for: that of `tokens`, or
    `memory` bytes if that is less. Over time all of it gets used."""

    def __init__(self, folder: str, tokens: int, memory: int, lookup: int = 0) -> None:
        self._folder, self._lookup = folder, lookup
        self._block_bytes = BLOCK * _token_bytes(folder)
        self._blocks = max(1, min(tokens // BLOCK, memory // self._block_bytes))
        self._pipelines: dict[bool, Any] = {}
        self._warm: set[bool] = set()  # those past their first step, a slow one
        self._free = self._blocks
        self._waiting: deque[Message] = deque()
        self._active: dict[int, _Active] = {}
        self._pace: float | None = None

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._active)

    def take(self, message: Message) -> list[Message]:
        """Adds a request or stops some; returns the answers this gives at once."""
        if "add" in message:
            self._waiting.append(message)
            return []
        numbers = set(message["stop"])
        for number in numbers & self._active.keys():
            self._active[number].handle.stop()
            self._active[number].stopped = True
        unread = [ask for ask in self._waiting if ask["add"] in numbers]
        self._waiting = deque(ask for ask in self._waiting if ask["add"] not in numbers)
        return [self._done(ask["add"], [], "deadline", 0.0) for ask in unread]

    def step(self) -> list[Message]:
        """Starts the next one if it fits, which reads its prompt, does one forward pass, and
        returns what has grown or finished."""
        answers, started = [], None
        while self._waiting and started is None:
            ask = self._waiting[0]
            needed = blocks(len(ask["ids"]), ask["max_tokens"] + self._lookup, ask["beams"])
            if needed > self._blocks:
                size = needed * self._block_bytes // 1_000_000
                why = f"one generation takes {size} MB of cache; raise --max-memory by as much"
                answers.append({"failed": why, "fatal": False, "done": ask["add"]})
            elif needed > self._free:
                break
            else:
                started = ask
                self._start(ask, needed)
            self._waiting.popleft()
        self._forward(len(started["ids"]) if started else 0)
        for number, active in list(self._active.items()):
            new = active.read()
            if not active.running:
                answers.append(self._finished(number))
            elif new or (started and started["add"] == number):
                answers.append({"more": number, "ids": new, "pace": self._pace})
        return answers

    def _forward(self, reading: int) -> None:
        """One step of each pipeline with something to do; learns how long `reading` tokens take."""
        began, cold = time.monotonic(), False
        for lookup, pipeline in self._pipelines.items():
            if any(active.pipeline is pipeline for active in self._active.values()):
                pipeline.step()  # for stopped requests this gives back their cache
                cold = cold or lookup not in self._warm
                self._warm.add(lookup)
        if reading >= _TELLING and not cold:
            pace = (time.monotonic() - began) / reading
            self._pace = pace if self._pace is None else (self._pace + pace) / 2

    def _pipeline(self, lookup: bool) -> Any:
        """Beams and lookup each need a pipeline of their own."""
        if lookup not in self._pipelines:
            scheduler = genai.SchedulerConfig()
            scheduler.num_kv_blocks = self._blocks
            scheduler.max_num_batched_tokens = self._blocks * BLOCK  # nothing is ever split
            scheduler.dynamic_split_fuse = True
            scheduler.enable_prefix_caching = False  # gains little here: chunks share one line
            properties = PROPERTIES | ({"prompt_lookup": True} if lookup else {})
            if self._lookup:
                properties["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
            self._pipelines[lookup] = genai.ContinuousBatchingPipeline(
                self._folder, scheduler, "CPU", properties
            )
        return self._pipelines[lookup]

    def _start(self, ask: Message, needed: int) -> None:
        lookup = self._lookup if ask["beams"] == 1 else 0
        pipeline = self._pipeline(lookup > 0)
        config = pipeline.get_config()
        config.max_new_tokens = ask["max_tokens"]
        config.do_sample = False
        if ask["beams"] > 1:
            config.num_beams = ask["beams"]
            config.length_penalty = ask["length_penalty"]
            config.no_repeat_ngram_size = ask["no_repeat_ngram"] or sys.maxsize
        else:
            config.repetition_penalty = ask["repetition_penalty"]
        if lookup:
            config.num_assistant_tokens, config.max_ngram_size = lookup, _NGRAM
        ids = openvino.Tensor(np.array([ask["ids"]], dtype=np.int64))
        handle = pipeline.add_request(ask["add"], ids, config)
        self._free -= needed
        began = time.monotonic()
        self._active[ask["add"]] = _Active(pipeline, handle, needed, ask["max_tokens"], began)

    def _finished(self, number: int) -> Message:
        active = self._active.pop(number)
        self._free += active.blocks
        finish = "length" if len(active.ids) >= active.max_tokens else "stop"
        if active.stopped:
            finish = "deadline"
        return self._done(number, active.ids, finish, time.monotonic() - active.began)

    def _done(self, number: int, ids: list[int], finish: str, seconds: float) -> Message:
        answer = {"done": number, "ids": ids, "finish": finish, "seconds": seconds}
        return answer | {"pace": self._pace}


def blocks(prompt: int, max_tokens: int, beams: int) -> int:
    """Cache blocks that a generation may come to hold; beams share those of the prompt."""
    if beams == 1:
        return -(-(prompt + max_tokens) // BLOCK) + 1
    return -(-prompt // BLOCK) + beams * (-(-max_tokens // BLOCK) + 2)


def _token_bytes(folder: str) -> int:
    """Bytes of cache a token takes: keys and values of all layers, (batch, heads, time, size)."""
    model = openvino.Core().read_model(f"{folder}/openvino_model.xml")
    total = 0
    for node in model.get_ops():
        if node.get_type_name() == "ReadValue":
            shape = node.get_output_partial_shape(0)
            total += shape[1].get_max_length() * shape[3].get_max_length() * _CACHE_ITEM
    return total


def _read_into(inbox: SimpleQueue[Message | None]) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    inbox.put(None)


def main(folder: str, tokens: int, memory: int, lookup: int) -> None:
    """Serves until the input ends, which it also does when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # OpenVINO's own remarks must not end up among the answers

    def send(message: Message) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    inbox: SimpleQueue[Message | None] = SimpleQueue()
    threading.Thread(target=_read_into, args=(inbox,), daemon=True).start()
    try:
        worker = Worker(folder, tokens, memory, lookup)
        while True:
            while not (worker.busy and inbox.empty()):
                if (message := inbox.get()) is None:
                    return
                for answer in worker.take(message):
                    send(answer)
            for answer in worker.step():
                send(answer)
    except BrokenPipeError:
        return  # the parent is gone
    except RuntimeError as error:  # OpenVINO's own
        why = " ".join(str(error).split())[-300:]
        send({"failed": why, "fatal": True, "done": None})


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
    os._exit(0)  # the reader may sit in a read that never returns
