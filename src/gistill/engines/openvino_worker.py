"""One OpenVINO pipeline on one thread: a process that reads requests as lines of JSON and writes
completions as they finish. Run by `engines/openvino.py`, one a core.

A process, because `step()` holds Python's global lock. One thread, because attention splits a
long context over threads and adds up what they found in an order that depends on what else runs:
with one, a request gives the same bits alone, beside others, and on any number of cores.

In: {"add": n, "ids": [...], "max_tokens": n, "beams": n, ...} or {"stop": [n, ...]}; the process
ends when its input does. Out: {"done": n, "ids": [...], "finish": ..., "seconds": s}, or
{"failed": "why", "fatal": bool, "done": n or null}.
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
STEP_TOKENS = 128  # prompt tokens read in a step at most: what a deadline may have to wait for
PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f16",
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,  # all workers would be pinned to the same core
}
_CACHE_ITEM = 2  # bytes of a float16


@dataclass(slots=True)
class _Active:
    handle: Any
    blocks: int
    max_tokens: int
    began: float
    ids: list[int] = field(default_factory=list)
    stopped: bool = False

    def read(self) -> None:
        """Adds what was generated since the last time; beams come once, at their end."""
        while self.handle.can_read():
            outputs = self.handle.read().values()
            if outputs:  # beams stopped before their end have none
                self.ids += max(outputs, key=lambda output: output.score).generated_ids


class Worker:
    """Runs what it is given in order, as many at once as there is cache for: that of `tokens`, or
    `memory` bytes if that is less. Over time all of it gets used."""

    def __init__(self, folder: str, tokens: int, memory: int) -> None:
        self._block_bytes = BLOCK * _token_bytes(folder)
        self._blocks = max(1, min(tokens // BLOCK, memory // self._block_bytes))
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = self._blocks
        scheduler.max_num_batched_tokens = STEP_TOKENS
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = False  # gains little here: chunks share one line
        self._pipeline = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", PROPERTIES)
        self._free = self._blocks
        self._waiting: deque[Message] = deque()
        self._active: dict[int, _Active] = {}

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
        return [_done(ask["add"], [], "deadline", 0.0) for ask in unread]

    def step(self) -> list[Message]:
        """Starts what fits, does one forward pass, and returns what has finished."""
        refused = []
        while self._waiting:
            ask = self._waiting[0]
            needed = blocks(len(ask["ids"]), ask["max_tokens"], ask["beams"])
            if needed > self._blocks:
                size = needed * self._block_bytes // 1_000_000
                why = f"one generation takes {size} MB of cache; raise --max-memory by as much"
                refused.append({"failed": why, "fatal": False, "done": ask["add"]})
            elif needed > self._free:
                break
            else:
                self._start(ask, needed)
            self._waiting.popleft()
        if self._active:
            self._pipeline.step()  # for stopped requests this gives back their cache
        for active in self._active.values():
            active.read()
        running = genai.GenerationStatus.RUNNING
        over = [n for n, a in self._active.items() if a.handle.get_status() != running]
        return refused + [self._finished(n) for n in over]

    def _start(self, ask: Message, needed: int) -> None:
        config = self._pipeline.get_config()
        config.max_new_tokens = ask["max_tokens"]
        config.do_sample = False
        if ask["beams"] > 1:
            config.num_beams = ask["beams"]
            config.length_penalty = ask["length_penalty"]
            config.no_repeat_ngram_size = ask["no_repeat_ngram"] or sys.maxsize
        else:
            config.repetition_penalty = ask["repetition_penalty"]
        ids = openvino.Tensor(np.array([ask["ids"]], dtype=np.int64))
        handle = self._pipeline.add_request(ask["add"], ids, config)
        self._free -= needed
        self._active[ask["add"]] = _Active(handle, needed, ask["max_tokens"], time.monotonic())

    def _finished(self, number: int) -> Message:
        active = self._active.pop(number)
        self._free += active.blocks
        finish = "length" if len(active.ids) >= active.max_tokens else "stop"
        if active.stopped:
            finish = "deadline"
        return _done(number, active.ids, finish, time.monotonic() - active.began)


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


def _done(number: int, ids: list[int], finish: str, seconds: float) -> Message:
    return {"done": number, "ids": ids, "finish": finish, "seconds": seconds}


def _read_into(inbox: SimpleQueue[Message | None]) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    inbox.put(None)


def main(folder: str, tokens: int, memory: int) -> None:
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
        worker = Worker(folder, tokens, memory)
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
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)  # the reader may sit in a read that never returns
