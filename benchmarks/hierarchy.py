#!/usr/bin/env python3
"""The hierarchy on the bundled model against the naive pipeline: same weights, same chunks.

The naive one is what a notebook does: transformers in fp32, one chunk at a time, four beams, then
the same fuse tree. Both run in child processes, one after the other and again in turns; the model's
loading is left out of both times. Memory is the peak of the process and all its children together.
Needs `gistill models get` and the torch extra.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

_FIELDS = ("map", "whole", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=Path("src/gistill/demo/thread.txt"))
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    ours, naive = [], []
    for _ in range(args.rounds):
        ours.append(child("gistill", args))
        naive.append(child("naive", args))
    for name, rows in (("gistill", ours), ("naive", naive)):
        print(f"{name}: " + ", ".join(show(field, rows) for field in _FIELDS))
    ratios = [[n[f] / o[f] for o, n in zip(ours, naive, strict=True)] for f in _FIELDS]
    line = ", ".join(
        f"{f} {statistics.median(r):.1f}" for f, r in zip(_FIELDS, ratios, strict=True)
    )
    print(f"naive / gistill ({args.profile}, {ours[0]['chunks']} chunks): {line}")


def show(field: str, rows: list[dict[str, float]]) -> str:
    value = statistics.median(row[field] for row in rows)
    return f"{field} {value / 1e6:.0f} MB" if field == "memory" else f"{field} {value:.1f} s"


def child(name: str, args: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.json"
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n" + (
            f"import hierarchy; hierarchy.measure({name!r}, *sys.argv[1:])"
        )
        command = [sys.executable, "-c", code, str(args.input), str(args.max_tokens)]
        subprocess.run([*command, args.profile, str(out)], check=True)
        return dict(json.loads(out.read_text()))


def measure(name: str, source: str, max_tokens: str, profile: str, out: str) -> None:
    """Runs one side in this process and writes its figures to `out`."""
    peak = Peak()
    run = {"gistill": run_gistill, "naive": run_naive}[name]
    found = run(Path(source), int(max_tokens), profile)
    Path(out).write_text(json.dumps(found | {"memory": peak.stop()}))


def run_gistill(source: Path, max_tokens: int, profile: str) -> dict[str, float]:
    from gistill.engines import open_engine
    from gistill.types import Request

    engine = open_engine("bundled")
    list(engine.generate([Request("Hello.", "Hello.", 2)] * 2))  # starts the workers
    return timed(engine, source, max_tokens, profile)


def timed(engine, source: Path, max_tokens: int, profile: str) -> dict[str, float]:
    from gistill import Budget, Options, load, summarize
    from gistill.types import Done, Planned, Progress

    options = Options(max_tokens=max_tokens)
    marks: dict[str, float] = {}
    for event in summarize(load(source), engine, Budget(profile=profile), options=options):
        if isinstance(event, Planned):
            start = time.monotonic()
        if isinstance(event, Progress) and event.stage == "local" and event.done == event.total:
            marks["map"] = time.monotonic() - start
        if isinstance(event, Done):
            return marks | {"whole": time.monotonic() - start, "chunks": len(event.chunks)}
    raise AssertionError("no result")


def run_naive(source: Path, max_tokens: int, profile: str) -> dict[str, float]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from gistill.engines import open_engine
    from gistill.home import home
    from gistill.models.spec import spec
    from gistill.types import Completion

    (weights,) = (home() / "weights").glob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=weights.name, dtype=torch.float32
    )
    adapter = spec("bundled").adapter
    model.hf_quantizer, model.is_quantized = None, False  # peft would take them for GGUF still
    model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    counter = open_engine("bundled")  # counts alone; its workers never start

    class Naive:
        id, context, window = "naive", counter.context, counter.window
        overhead, speed, count = counter.overhead, counter.speed, staticmethod(counter.count)

        def generate(self, requests, *, deadline=None, on_text=None):
            for index, request in enumerate(requests):
                ids = tokenizer.apply_chat_template(
                    [{"role": "user", "content": request.prompt}],
                    add_generation_prompt=True,
                    return_tensors="pt",
                    return_dict=True,
                )
                with torch.inference_mode():
                    new = model.generate(
                        **ids, num_beams=4, max_new_tokens=request.max_tokens, do_sample=False,
                        length_penalty=request.length_penalty,
                        no_repeat_ngram_size=request.no_repeat_ngram,
                    )[0, ids["input_ids"].shape[1] :]  # fmt: skip
                text = tokenizer.decode(new, skip_special_tokens=True).strip()
                finish = "length" if len(new) >= request.max_tokens else "stop"
                yield Completion(index, text, ids["input_ids"].shape[1], len(new), finish, 0.0)

    return timed(Naive(), source, max_tokens, profile)


class Peak:
    """The most memory that this process and its children held together, sampled."""

    def __init__(self) -> None:
        self.bytes = 0
        self._on = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._on:
            self.bytes = max(self.bytes, sum(_shared_fairly(pid) for pid in _family("self")))
            time.sleep(0.05)

    def stop(self) -> int:
        self._on = False
        self._thread.join()
        return self.bytes


def _family(pid: str) -> list[str]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += _family(child)
    return found


def _shared_fairly(pid: str) -> int:
    """Proportional set size: pages that several processes map are divided among them."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))


if __name__ == "__main__":
    main()
