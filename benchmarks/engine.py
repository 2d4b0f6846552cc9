"""What the openvino engine's choices cost and change, as ratios measured side by side.

    python benchmarks/engine.py weights  [--text FILE]   # needs the train extra; 3 minutes
    python benchmarks/engine.py batching [--text FILE]   # 5 minutes

`weights`: next-token distributions of the bundled model's weights in several forms against
transformers in float32. `batching`: CPU seconds for the same requests on one worker, and how far
company moves log-probabilities, against the first line with the same activations and cache.
Both need `gistill models get`. CPU seconds, not wall time, so that a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import gistill  # isort: skip  (keeps openvino from reporting this)  # noqa: F401
import numpy as np
import openvino
import openvino_genai as genai

from gistill import models
from gistill.engines import openvino_worker
from gistill.models import build, compress, fetch
from gistill.models.gguf_file import header, open_gguf, write_f16
from gistill.models.spec import spec

TEXT = Path(__file__).parents[1] / "src/gistill/demo/thread.txt"
REQUESTS, NEW = 4, 32
WHOLE = 9999  # tokens in a step at most: no prompt is split
ODD = 3  # the request whose prompt is one token over a multiple of 128


def weights(text: str) -> None:
    import torch
    import transformers

    gguf = fetch.weights(spec("bundled"), wheel=None, offline=True, say=print)
    load = {"gguf_file": gguf.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, **load)
    ids = tokenizer(text)["input_ids"][:1500]
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.float32, **load
    )
    with torch.no_grad():
        exact = torch.log_softmax(model(torch.tensor([ids])).logits[0], -1).numpy()
    del model
    print(f"{len(ids)} tokens; perplexity of transformers in float32: {perplexity(exact, ids):.2f}")
    print("weights            activations  perplexity  mean KL   same favourite  CPU s")
    with tempfile.TemporaryDirectory() as scratch:
        for name, group in (("16 bits", 0), ("8 bits, rows", 1 << 30), ("8 bits, groups 64", 64)):
            folder = Path(scratch) / name.replace(" ", "-")
            make(gguf, folder, group)
            for activations, size in (("float32", 0), ("8 bits", 32)):
                if group or not size:
                    found, seconds = distributions(folder, ids, size)
                    kl = (np.exp(exact) * (exact - found)).sum(-1).mean()
                    same = (found.argmax(-1) == exact.argmax(-1)).mean()
                    row = f"{perplexity(found, ids):10.2f}  {kl:.1e}  {same:14.3f}  {seconds:5.1f}"
                    print(f"{name:17}  {activations:11}  {row}", flush=True)


def make(gguf: Path, folder: Path, group: int) -> None:
    """As `build.convert`, with other groups; 0 leaves 16 bits."""
    folder.mkdir()
    reader = open_gguf(gguf)
    write_f16(reader, folder / "wide.gguf")
    build._save_ir(folder / "wide.gguf")
    compress.GROUP = group or 64
    build._finish(folder / "openvino_model.xml", header(reader), reduce=group > 0)


def distributions(folder: Path, ids: list[int], group: int) -> tuple[Any, float]:
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(group)}
    compiled = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", options)
    request = compiled.create_infer_request()
    inputs = {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), np.int64),
        "position_ids": np.arange(len(ids))[None],
        "beam_idx": np.zeros(1, np.int32),
    }
    request.infer(inputs)  # the first one also arranges the weights
    request.reset_state()
    began = time.process_time()
    request.infer(inputs)
    seconds = time.process_time() - began
    logits = request.get_tensor("logits").data[0].astype(np.float64)
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True)), seconds


def perplexity(logs: Any, ids: list[int]) -> float:
    return float(np.exp(-logs[np.arange(len(ids) - 1), ids[1:]].mean()))


def batching(text: str) -> None:
    folder = str(models.path("bundled"))
    tokenizer = genai.Tokenizer(folder)
    size = min(3000, len(text) // 2)
    step = (len(text) - size) // REQUESTS
    asks = []
    for number in range(REQUESTS):
        part = text[number * step : number * step + size - 200 * (number % 3)]
        turns = [{"role": "user", "content": f"Summarize:\n{part}"}]
        prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        ids = tokenizer.encode(prompt, add_special_tokens=False).input_ids.data[0].tolist()
        if number == ODD:
            ids = ids[:20] + ids[20 + (len(ids) - 1) % 128 :]
        asks.append({"add": number, "ids": ids, "max_tokens": NEW})
    print(f"{REQUESTS} requests, {sum(len(a['ids']) for a in asks)} tokens in, {NEW} out each")
    print("activations  cache  threads  at once   step  beams  CPU s  longest  same ids  apart")
    first: dict[tuple[str, str], Any] = {}
    for activations, cache, threads, seats, tokens, beams in (
        ("8 bits", "f16", 1, 4, WHOLE, 1),
        ("8 bits", "f16", 1, 1, WHOLE, 1),
        ("8 bits", "f16", 1, 4, 128, 1),
        ("8 bits", "f16", 1, 1, 128, 1),
        ("8 bits", "f16", 2, 4, WHOLE, 1),
        ("8 bits", "f16", 1, 4, WHOLE, 4),
        ("float32", "f16", 1, 4, WHOLE, 1),
        ("float32", "f16", 1, 1, WHOLE, 1),
        ("float32", "f32", 1, 4, WHOLE, 1),
        ("float32", "f32", 1, 1, WHOLE, 1),
    ):
        openvino_worker.PROPERTIES |= {
            "INFERENCE_NUM_THREADS": threads,
            "KV_CACHE_PRECISION": cache,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32 * (activations == "8 bits"),
        }
        found, seconds, longest = run(folder, asks, seats, tokens, beams)
        expected = first.setdefault((activations, cache), found)
        same = sum(found[n][0] == expected[n][0] for n in found) if beams == 1 else "-"
        apart = (
            f"{max(difference(found[n], expected[n]) for n in found):.0e}" if beams == 1 else "-"
        )
        print(
            f"{activations:11}  {cache:5}  {threads:7}  {seats:7}  {tokens:5}  {beams:5}  "
            f"{seconds:5.1f}  {longest:7.2f}  {same:>6}/{len(found)}  {apart}",
            flush=True,
        )


def difference(one: tuple[list[int], list[float]], other: tuple[list[int], list[float]]) -> float:
    """The largest one between log-probabilities, as long as the ids are the same."""
    largest = 0.0
    for a, b, score, expected in zip(one[0], other[0], one[1], other[1], strict=True):
        if a != b:
            break
        largest = max(largest, abs(score - expected))
    return largest


def run(
    folder: str, asks: list[dict[str, Any]], seats: int, tokens: int, beams: int
) -> tuple[dict[int, Any], float, float]:
    """Ids and log-probabilities by request, CPU seconds, and wall seconds of the longest step."""
    scheduler = genai.SchedulerConfig()
    scheduler.num_kv_blocks = 600
    scheduler.max_num_batched_tokens = tokens
    scheduler.dynamic_split_fuse = True
    scheduler.enable_prefix_caching = False
    pipeline = genai.ContinuousBatchingPipeline(
        folder, scheduler, "CPU", openvino_worker.PROPERTIES
    )
    config = pipeline.get_config()
    config.ignore_eos = True
    config.max_new_tokens = NEW
    if beams > 1:
        config.num_beams = beams
    else:
        config.logprobs = 1
    waiting, active, found = list(asks), {}, {}
    began, longest = time.process_time(), 0.0
    while waiting or active:
        if waiting and len(active) < seats:
            ask = waiting.pop(0)
            ids = openvino.Tensor(np.array([ask["ids"]], dtype=np.int64))
            active[ask["add"]] = pipeline.add_request(ask["add"], ids, config)
        start = time.monotonic()
        pipeline.step()
        longest = max(longest, time.monotonic() - start)
        for number, handle in list(active.items()):
            if handle.get_status() != genai.GenerationStatus.RUNNING:
                output = max(handle.read_all(), key=lambda output: output.score)
                found[number] = (list(output.generated_ids), list(output.generated_log_probs))
                del active[number]
    return found, time.process_time() - began, longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["weights", "batching"])
    parser.add_argument("--text", type=Path, default=TEXT)
    args = parser.parse_args()
    {"weights": weights, "batching": batching}[args.what](args.text.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
