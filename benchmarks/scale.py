#!/usr/bin/env python3
"""What everything but the model costs: a 10 MB transcript, dedupe, growth, start-up.

Each part runs in a child process on one core with a fresh home, so that its wall time, CPU time
and peak memory are its own. Ratios compare runs made one after the other here.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_NAMES = ("Ada", "Grace", "Edsger", "Barbara", "Donald")
_WORDS = """the budget launch printer contract roadmap moves waits costs until week quarter team
server backup report ferry tower lamp visitor because although decided asked proposed rejected
delivery schedule invoice customer designer engineer window battery license summer winter""".split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all where none is named")
    for name in parser.parse_args().part or PARTS:
        print(PARTS[name](), flush=True)


def transcript(megabytes: float) -> str:
    """A transcript whose every turn is different, with seeded dice."""
    dice = random.Random(7)
    lines, size, turn = [], 0, 0
    while size < megabytes * 1e6:
        said = ". ".join(
            " ".join(dice.choices(_WORDS, k=dice.randrange(5, 18))).capitalize()
            for _ in range(dice.randrange(1, 5))
        )
        clock = f"{turn // 600:02}:{turn // 10 % 60:02}:{turn % 10 * 6:02}"
        lines.append(f"[{clock}] {dice.choice(_NAMES)}: {said} {turn}.")
        size += len(lines[-1]) + 1
        turn += 1
    return "\n".join(lines)


def child(code: str, *args: str, home: Path) -> tuple[float, float, float, str]:
    """Runs `code`; returns its wall seconds, CPU seconds, peak MB and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = (
        f"{code}\nimport resource, sys\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", measured, *args],
        env=os.environ | {"GISTILL_HOME": str(home), "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(done.stderr.split()[-1]) / 1e3
    return time.monotonic() - started, cpu, peak, done.stdout


def long_transcript() -> str:
    """10 MB and 5 MB through everything with the echo engine."""
    code = (
        "import sys\nfrom gistill.cli import main\n"
        "code = main([sys.argv[1], '--engine', 'echo', '--quiet', '--out-dir', sys.argv[2]])\n"
        "assert code == 0, code"
    )
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for megabytes in (5, 10):
            path = Path(scratch) / f"talk{megabytes}.txt"
            path.write_text(transcript(megabytes), encoding="utf-8")
            out = Path(scratch) / f"out{megabytes}"
            rows[megabytes] = child(code, str(path), str(out), home=out / "home")[:3]
    (half, whole) = rows[5], rows[10]
    return (
        f"10 MB transcript, echo, one core: {whole[0]:.1f} s wall, {whole[1]:.1f} s CPU, "
        f"{whole[2]:.0f} MB (bounds: 30 s, 500 MB); twice the input takes "
        f"{whole[1] / half[1]:.2f} times the CPU (bound: 2.2)"
    )


def duplicates() -> str:
    """Dedupe of 100,000 sentences, and the pairwise loop on 2,000 of them."""
    code = """
import random, sys, time
from gistill.retrieval.embed import embed
from gistill.teacher.dedupe import dedupe
from gistill.types import Claim
sys.path.insert(0, sys.argv[1])
from scale import _WORDS
dice = random.Random(1)
base = [" ".join(dice.choices(_WORDS, k=12)).capitalize() + "." for _ in range(80_000)]
texts = base + [dice.choice(base).replace(" the ", " a ") for _ in range(20_000)]
claims = [[Claim(text, (f"s{i}",), 1.0)] for i, text in enumerate(texts)]
start = time.monotonic()
kept = dedupe(claims)
print(time.monotonic() - start, sum(map(len, kept)))
some = embed(texts[:2000])
start = time.monotonic()
pairs = sum(float(a @ b) >= 0.92 for i, a in enumerate(some) for b in some[:i])
print(time.monotonic() - start)
"""
    with tempfile.TemporaryDirectory() as scratch:
        here = str(Path(__file__).parent)
        _, _, peak, out = child(code, here, home=Path(scratch))
    fast, kept, loop = map(float, out.split())
    scaled = loop * (100_000 / 2_000) ** 2
    return (
        f"dedupe of 100,000 sentences, one core: {fast:.1f} s, {peak:.0f} MB (bounds: 20 s, "
        f"1500 MB), {kept:.0f} kept; the pairwise loop took {loop:.1f} s for 2,000, "
        f"so about {scaled:.0f} s for as many: {scaled / fast:.0f} times as long"
    )


def growth() -> str:
    """One post appended to a thread of 200 chunks."""
    code = """
import json, sys
from dataclasses import replace
from pathlib import Path
from gistill import Options, Store, load, summarize
sys.path.insert(0, sys.argv[1])
path = Path(sys.argv[2])
thread = load(path)
options, store = Options(max_tokens=1024), Store()
before = summarize(replace(thread, segments=thread.segments[:-1]), "echo", options=options,
                   store=store).result()
after = summarize(thread, "echo", options=options, store=store).result()
fresh = summarize(thread, "echo", options=options).result()
rows = store._db.execute("select value from results").fetchall()
total = sum(r["tokens_in"] + r["tokens_out"] for r in (json.loads(v) for v, in rows))
first = before.spend.tokens_in + before.spend.tokens_out
whole = fresh.spend.tokens_in + fresh.spend.tokens_out
print(len(fresh.chunks), after.spend.calls, fresh.spend.calls, (total - first) / whole)
assert after.text == fresh.text
"""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "talk.txt"
        path.write_text(transcript(0.74), encoding="utf-8")
        here = str(Path(__file__).parent)
        out = child(code, here, str(path), home=Path(scratch))[3].split()
    return (
        f"one post appended to {out[0]} chunks: {out[1]} of {out[2]} generations made again, "
        f"{float(out[3]):.2%} of the model tokens of a fresh run (bound: 2 %)"
    )


def startup() -> str:
    """`gistill --help`, the median of five."""
    code = "import gistill.cli, sys\ntry: gistill.cli.main(['--help'])\nexcept SystemExit: pass"
    with tempfile.TemporaryDirectory() as scratch:
        times = sorted(child(code, home=Path(scratch))[1] for _ in range(5))
    return f"gistill --help: {times[2]:.2f} s CPU (bound: 0.3 s)"


PARTS = {
    "transcript": long_transcript,
    "dedupe": duplicates,
    "growth": growth,
    "startup": startup,
}

if __name__ == "__main__":
    main()
