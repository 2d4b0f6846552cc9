#!/usr/bin/env python3
"""What budgets cost and whether they are kept.

    python benchmarks/budget.py deadlines --out DIR   # overshoot of 300 runs at 0.2 to 8 s
    python benchmarks/budget.py fronts --data DIR --out DIR [--engine SPEC] [--limit N]

`deadlines`: the whole hierarchy and single decodes in turns, on the bundled model, each with a
deadline drawn anew; counts how many were late and draws the histogram. Warm, as a service would be.
`fronts`: ROUGE-Lsum on QMSum val against the tokens of a summary and against seconds, for the
profiles, for half of the tokens that a summary may have, for shares of those that it does have
without a budget, and for the rungs that a deadline leads down to. Each setting is a run of the
bench in a folder of its own below DIR: the same command goes on where it was stopped. Both write
their figures as JSON and a picture, `fronts` also a table (the bench extra).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gistill import Budget, Options, Store, load, summarize
from gistill.decoding.budget import BudgetDecoder
from gistill.engines import open_engine
from gistill.errors import GistillError

if TYPE_CHECKING:
    from gistill.bench.qmsum import Query
    from gistill.bench.results import Result
    from gistill.bench.systems import Options as Setting

ROOT = Path(__file__).resolve().parents[1]
THREADS = (ROOT / "src/gistill/demo/thread.txt", ROOT / "data/long_thread.txt")
SHORTEST, LONGEST = 0.2, 8.0  # seconds
SHARES = (0.25, 0.5, 0.75)  # of the tokens that a summary has without a budget
HALF = "half the limit"
SECONDS = (0.5, 1, 2, 4, 8)
WHOLE = "fast"  # the setting without a budget that the others are compared with
AIM = 0.5  # ROUGE-Lsum that half of the tokens may cost

Row = dict[str, Any]
T = TypeVar("T")


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
    from gistill.bench.systems import Options as Setting

    asked = questions(args.data, args.limit)
    count = open_engine(args.engine).count
    found: dict[str, Result] = {}

    def ran(name: str, **options: Any) -> Result:
        setting = Setting(engine=args.engine, **options)
        folder = name.replace(" % ", "-").replace(" ", "-")
        found[name] = answered(name, setting, asked, args.out / folder)
        return found[name]

    for profile in (WHOLE, "greedy", "quality"):
        ran(profile, profile=profile)
    usual = statistics.mean(count(row["summary"]) for row in found[WHOLE].rows)
    ran(HALF, tokens=Options().global_len // 2)
    for share in SHARES:
        ran(f"{100 * share:g} % tokens", tokens=max(8, round(share * usual)))
    for seconds in SECONDS:
        ran(f"{seconds:g} s", seconds=seconds)
    rows = [figures(name, result, found[WHOLE], count) for name, result in found.items()]
    text = table(rows, found[WHOLE].extent)
    print(text)
    (args.out / "fronts.md").write_text(text, encoding="utf-8")
    (args.out / "fronts.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    pareto(rows, args.out / "fronts.png")


def questions(data: Path | None, limit: int | None) -> list[Query]:
    """Those of val, or `limit` of them spread evenly, so that all kinds are among them."""
    from gistill.bench import qmsum

    return evenly(list(qmsum.queries(qmsum.load(qmsum.folder(data), "val"))), limit)


def evenly(found: Sequence[T], limit: int | None) -> list[T]:
    """`limit` of them, spread evenly; all where there is none."""
    limit = min(limit or len(found), len(found))
    return [found[i * len(found) // limit] for i in range(limit)]


def answered(name: str, setting: Setting, asked: Sequence[Query], out: Path) -> Result:
    """A run of the bench in `out`, gone on with if one is there, and its scores."""
    from gistill.bench import results, run
    from gistill.bench.systems import open_system

    def say(text: str) -> None:
        print(f"{name}: {text}", file=sys.stderr, flush=True)

    unbounded = setting.tokens is None and setting.seconds is None
    system = "hierarchy" if unbounded else "budget"
    job = run.Job(system, setting, "val", None, asked)
    run.run(job, open_system(system, setting), out, limit=None, say=say)
    return results.load(out)


def figures(name: str, result: Result, whole: Result, count: Any) -> Row:
    """What a setting comes to: means over questions, and the difference to `whole`."""
    from gistill.bench.results import compare
    from gistill.bench.scores import SCORER

    tokens = [count(row["summary"]) for row in result.rows]
    change = compare(result, whole)["rougeLsum"]
    return {
        "name": name,
        "settings": result.record["settings"],
        "scorer": SCORER,
        "lsum": float(result.f1("rougeLsum").mean()),
        "change": {bound: change[bound] for bound in ("mean", "low", "high")},
        "tokens": statistics.mean(tokens),
        "share": sum(tokens) / sum(count(row["summary"]) for row in whole.rows),
        "seconds": statistics.mean(row["seconds"] for row in result.rows),
        "longest": max(row["seconds"] for row in result.rows),
        "support": statistics.mean(row["support"] for row in result.rows),
    }


def table(rows: Sequence[Row], extent: str) -> str:
    """The figures as Markdown, and whether half of the tokens cost more than they may."""
    lines = [
        extent,
        f"Scorer: {rows[0]['scorer']}. Differences are to {WHOLE} without a budget, with the 95 % "
        "interval by a bootstrap over meetings; tokens are those of the summary.",
        "",
        f"| setting | R-Lsum | against {WHOLE} | tokens | share | mean s | longest s | support |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        change = "{mean:+.2f} ({low:+.1f} to {high:+.1f})".format(**row["change"])
        lines.append(
            f"| {row['name']} | {row['lsum']:.2f} | {change} | {row['tokens']:.0f} | "
            f"{100 * row['share']:.0f} % | {row['seconds']:.2f} | {row['longest']:.2f} | "
            f"{100 * row['support']:.0f} % |"
        )
    by_name = {row["name"]: row for row in rows}
    for name, words in ((HALF, "may have"), ("50 % tokens", "has")):
        change = by_name[name]["change"]["mean"]
        kept = "kept" if change >= -AIM else "missed"
        lines += [
            "",
            f"With half of the tokens that a summary {words} R-Lsum changes by {change:+.2f}; "
            f"the aim, to lose at most {AIM}, is {kept}.",
        ]
    return "\n".join(lines) + "\n"


def pareto(rows: Sequence[Row], path: Path) -> None:
    """Both fronts: the settings that no other one beats in quality and in cost."""
    from matplotlib.figure import Figure

    from gistill.bench.labels import name_points
    from gistill.bench.plot import scale_seconds

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, measure in zip(panels, ("seconds", "tokens"), strict=True):
        points = [(row[measure], row["lsum"]) for row in rows]
        front = best(points)
        axes.plot(*zip(*front, strict=True), linewidth=0.8, color="#f2641980", zorder=1)
        axes.scatter(*zip(*points, strict=True), color="#33658a")
        axes.scatter(*zip(*front, strict=True), color="#f26419")
        axes.set(xlabel=f"mean {measure} a question", ylabel="ROUGE-Lsum")
        if measure == "seconds":
            scale_seconds(axes)
        axes.margins(0.15)
        axes.label_outer()
        name_points(axes, [row["name"] for row in rows], points)
    figure.savefig(path, dpi=120)


def best(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those with more quality than any that costs less, from the cheapest on."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


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
    try:
        {"deadlines": deadlines, "fronts": fronts}[args.what](args)
    except GistillError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("interrupted; fronts goes on with the same command", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
