#!/usr/bin/env python3
"""What budgets cost and whether they are kept.

    python benchmarks/budget.py deadlines --out DIR   # overshoot of 300 runs at 0.2 to 8 s
    python benchmarks/budget.py fronts --data DIR --out DIR [--engine SPEC] [--limit N]

`deadlines`: the whole hierarchy and single decodes in turns, on the bundled model, each with a
deadline drawn anew; counts how many were late and draws the histogram. Warm, as a service would be.
`fronts`: ROUGE-Lsum on QMSum val against tokens and against seconds, for the profiles and the rungs
that a deadline leads down to. Both write their figures as JSON and a picture (the bench extra).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import time
from pathlib import Path
from typing import Any

from gistill import Budget, Options, Store, load, summarize
from gistill.decoding.budget import BudgetDecoder
from gistill.engines import open_engine

ROOT = Path(__file__).resolve().parents[1]
THREADS = (ROOT / "src/gistill/demo/thread.txt", ROOT / "data/long_thread.txt")
SHORTEST, LONGEST = 0.2, 8.0  # seconds
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the unconstrained tokens
SECONDS = (0.5, 1.0, 2.0, 4.0)


def deadlines(args: argparse.Namespace) -> None:
    engine, store = open_engine(args.engine), Store()
    decoder = BudgetDecoder(engine, store=store)
    threads = [load(path) for path in THREADS]
    texts = [path.read_text(encoding="utf-8")[:6000] for path in THREADS]
    for thread, text in zip(threads, texts, strict=True):  # workers, splitter, embeddings
        summarize(thread, engine, Budget(seconds=20), store=Store()).result()
        decoder.generate_with_budget(text, 100, budget_seconds=10)
    dice = random.Random(args.seed)
    rows = []
    for number in range(args.runs):
        seconds = math.exp(dice.uniform(math.log(SHORTEST), math.log(LONGEST)))
        thread, text = threads[number // 2 % 2], texts[number // 2 % 2]
        profile = dice.choice(["greedy", "fast", "quality"])
        began = time.monotonic()
        if number % 2:
            _, log = decoder.generate_with_budget(text, 100, profile, budget_seconds=seconds)
            kind, by = "decode", log["by"]
        else:
            budget = Budget(seconds=seconds, profile=profile)
            # Asked in a new way each time: the store knows the speed, and none of the answers.
            options = Options(local_len=64 + number)
            done = summarize(thread, engine, budget, options=options, store=store).result()
            kind, by = "hierarchy", done.summary.by
        over = time.monotonic() - began - seconds
        rows.append({"kind": kind, "seconds": seconds, "profile": profile, "over": over, "by": by})
        if number % 20 == 19:
            print(f"{number + 1} runs, latest overshoot {1000 * over:.0f} ms", flush=True)
    late = [row for row in rows if row["over"] > max(0.05, 0.02 * row["seconds"])]
    worst = max(row["over"] for row in rows)
    print(f"{len(rows)} runs, {len(late)} late; worst overshoot {1000 * worst:.0f} ms")
    for by in sorted({str(row["by"]).partition("@")[0] for row in rows}):
        print(f"  by {by}: {sum(str(row['by']).startswith(by) for row in rows)}")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "deadlines.json").write_text(json.dumps(rows, indent=1))
    histogram([1000 * float(row["over"]) for row in rows], args.out / "deadlines.png")


def histogram(overshoot: list[float], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.hist([min(100.0, max(-500.0, value)) for value in overshoot], bins=60)
    axes.axvline(50, color="tab:red", linestyle=":", label="50 ms")
    axes.set(xlabel="ms after the deadline (ends gathered at -500 and 100)", ylabel="runs")
    axes.legend()
    figure.savefig(path, dpi=120)


def fronts(args: argparse.Namespace) -> None:
    from gistill.bench import qmsum
    from gistill.bench.systems import Options as SystemOptions

    meetings = qmsum.load(qmsum.folder(args.data), "val")
    asked = list(qmsum.queries(meetings))
    # Every n-th, so that all meetings and both kinds of query are among them.
    asked = asked[:: max(1, len(asked) // args.limit)] if args.limit else asked
    print(f"QMSum val, {len(asked)} of {sum(1 for _ in qmsum.queries(meetings))} queries")
    rows = []

    def add(name: str, **options: Any) -> dict[str, Any]:
        found = row(name, asked, SystemOptions(engine=args.engine, **options), rows)
        print(found["line"], flush=True)
        return found

    whole = add("fast")
    for profile in ("greedy", "quality"):
        add(profile, profile=profile)
    for share in SHARES:
        add(f"{share:.0%} of the tokens", tokens=max(8, round(share * whole["tokens"])))
    for seconds in SECONDS:
        add(f"{seconds} s", seconds=seconds)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "fronts.json").write_text(json.dumps(rows, indent=1))
    pareto(rows, args.out / "fronts.png")


def row(name: str, asked: list[Any], options: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from gistill.bench.paired import difference
    from gistill.bench.scores import METRICS, PARTS, rouge
    from gistill.bench.systems import open_system

    system = open_system("budget", options)
    outputs = [system.answer(query.meeting, query.question) for query in asked]
    scores = rouge([o.summary for o in outputs], [query.question.answer for query in asked])
    lsum = scores[:, METRICS.index("rougeLsum"), PARTS.index("f1")]
    found: dict[str, Any] = {
        "name": name,
        "lsum": float(lsum.mean()),
        "tokens": statistics.mean(output.tokens_out for output in outputs),
        "seconds": statistics.mean(output.seconds for output in outputs),
        "each": lsum.tolist(),
    }
    line = f"{name:20} Lsum {found['lsum']:5.2f}  tokens {found['tokens']:5.1f}"
    line += f"  seconds {found['seconds']:5.2f}"
    if rows:
        clusters = [query.meeting.id for query in asked]
        change = difference(lsum, rows[0]["each"], clusters)
        interval = f"[{change.low:+.2f}, {change.high:+.2f}]"
        line += f"  against {rows[0]['name']} {change.mean:+.2f} {interval}"
    found["line"] = line
    rows.append(found)
    return found


def pareto(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, measure in zip(
        figure.subplots(1, 2, sharey=True), ("seconds", "tokens"), strict=True
    ):
        axes.scatter([r[measure] for r in rows], [r["lsum"] for r in rows])
        for r in rows:
            axes.annotate(r["name"], (r[measure], r["lsum"]), fontsize=7)
        best, front = -1.0, []
        for r in sorted(rows, key=lambda r: (r[measure], -r["lsum"])):
            if r["lsum"] > best:
                best = r["lsum"]
                front.append(r)
        axes.plot([r[measure] for r in front], [r["lsum"] for r in front], linewidth=1)
        axes.set(xlabel=f"mean {measure} a query", ylabel="ROUGE-Lsum")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["deadlines", "fronts"])
    parser.add_argument("--engine", default="bundled")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("outputs/budget"))
    args = parser.parse_args()
    {"deadlines": deadlines, "fronts": fronts}[args.what](args)


if __name__ == "__main__":
    main()
