"""What prompt lookup decoding saves on real prompts: plain and with lookup, side by side.

    python benchmarks/speculation.py [--new 120] [--tokens 3 6] [--model FOLDER]   # 8 minutes

Parts of the demo and of data/long_thread.txt under the `local` prompt, and the summaries they get
under the `fuse` prompt, one request at a time and four at once on one worker. Ratios are of CPU
seconds of decoding (prompts are read alike) and of the whole; above 1, lookup is the cheaper one.
`a step` is how many tokens a step makes of an answer, `same` how many answers have the same ids.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from gistill import models, prompts
from gistill.engines import OpenOptions, openvino_worker
from gistill.engines.openvino import OpenVINO
from gistill.engines.openvino_worker import BLOCK, Worker
from gistill.segmentation import sentences

ROOT = Path(__file__).parents[1]
PARTS = [("src/gistill/demo/thread.txt", (0, 7000)), ("data/long_thread.txt", (3000, 20_000))]
PART = 3600  # characters: about what a chunk of the bundled model's window holds


@dataclass
class Cost:
    """Answers by number, and CPU and wall seconds: up to the last prompt's end, and after it."""

    ids: dict[int, list[int]]
    reading: float
    decoding: float
    steps: int
    wall: float

    @property
    def whole(self) -> float:
        return self.reading + self.decoding

    @property
    def a_step(self) -> float:
        return sum(map(len, self.ids.values())) / self.steps


def run(worker: Worker, asked: list[list[int]], new: int) -> Cost:
    """All of `asked` at once."""
    for number, ids in enumerate(asked):
        settings = {"beams": 1, "repetition_penalty": 1.0}
        worker.take({"add": number, "ids": ids, "max_tokens": new} | settings)
    began, wall = time.process_time(), time.monotonic()
    read, found, steps = 0.0, {}, 0
    unread = set(range(len(asked)))
    while worker.busy:
        answers = worker.step()
        steps += not unread
        for answer in answers:
            if "done" in answer:
                found[answer["done"]] = answer["ids"]
            unread.discard(answer.get("more", answer.get("done")))
        if not read and not unread:
            read = time.process_time() - began
    spent = time.process_time() - began
    return Cost(found, read, spent - read, max(steps, 1), time.monotonic() - wall)


def compare(name: str, asked: list[list[int]], workers: dict[int, Worker], new: int) -> Cost:
    """Prints a line for each lookup; plain runs before and after, to see how far to trust it."""
    plain = [run(workers[0], asked, new)]
    tried = {k: run(worker, asked, new) for k, worker in workers.items() if k}
    plain.append(run(workers[0], asked, new))
    decoding, whole, wall = (
        sum(getattr(cost, what) for cost in plain) / 2 for what in ("decoding", "whole", "wall")
    )
    noise = plain[1].decoding / plain[0].decoding
    size = sum(map(len, asked))
    for k, cost in tried.items():
        same = sum(cost.ids[n] == ids for n, ids in plain[0].ids.items())
        print(
            f"{name:14} {size:6} {len(asked):7} {k:6}  {decoding:7.2f} {noise:6.2f}  "
            f"{decoding / cost.decoding:8.2f} {whole / cost.whole:6.2f} {wall / cost.wall:5.2f}  "
            f"{cost.a_step / len(asked):6.2f}  {same}/{len(asked)}",
            flush=True,
        )
    return plain[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--new", type=int, default=120, help="tokens of an answer at most")
    parser.add_argument("--tokens", type=int, nargs="+", default=[3, 6], help="looked up a step")
    parser.add_argument("--model", type=Path, help="an OpenVINO folder; else the bundled model")
    args = parser.parse_args()
    folder = args.model or models.path("bundled")
    engine = OpenVINO(folder, OpenOptions(offline=True))
    workers = {k: Worker(str(folder), 300 * BLOCK, 10**9, k) for k in (0, *args.tokens)}
    for worker in workers.values():
        run(worker, [engine._encode("Warm up.")], 8)
    print(f"{openvino_worker.PROPERTIES}, {args.new} tokens an answer")
    print(
        "prompt         tokens at once lookup  plain s  again  decoding  whole  wall  a step  same"
    )
    local, said = [], []
    for path, starts in PARTS:
        text = (ROOT / path).read_text(encoding="utf-8")
        for start in starts:
            local.append(
                engine._encode(prompts.template("local").render(text[start : start + PART]))
            )
            cost = compare(f"local {len(local)}", local[-1:], workers, args.new)
            said.append(engine._text(cost.ids[0]))
    for number, notes in enumerate((said[:2], said[2:], said), 1):
        claims = [f"- {sentence}" for text in notes for sentence in sentences.split(text)]
        fuse = engine._encode(prompts.template("fuse").render("\n".join(claims)))
        compare(f"fuse {number}", [fuse], workers, args.new)
    compare("local, all", local, workers, args.new)


if __name__ == "__main__":
    main()
