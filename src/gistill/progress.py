"""What a run shows on stderr while it works: moving lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from gistill.artifacts import account
from gistill.artifacts.citations import count
from gistill.terminal import Bars
from gistill.types import Done, Event, Notice, Plan, Planned, Progress, Spend

_SILENCE = 10.0  # seconds between lines that say how far reading is


class Reporter(Bars):
    """Shows events; with `quiet` only notices."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(shown=not quiet)
        self._told = time.monotonic()
        self._read = ("", self._told)  # what is being read, and since when

    def show(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case Notice(text):
                self.say(f"note: {text}")
            case Planned(plan) if self.shown:
                self.say(summary_of(plan))
            case Progress(stage, done, total, reused) if self.shown:
                self._advance(stage, done, total, reused)
            case _:
                pass

    def reading(self, what: str, share: float) -> None:
        """Shows how much of something has been read, 0 to 1."""
        if not self.shown:
            return
        if self.moving:
            self.move("reading", round(100 * share), 100, what)
            return
        now = time.monotonic()
        if what != self._read[0]:
            self._read = (what, now)
        if now - self._told > _SILENCE:
            self._told = now
            left = (now - self._read[1]) / share * (1 - share) if share else 0.0
            self.say(f"{what}: {share:.0%}{f', about {left:.0f} s left' if left >= 1 else ''}")

    def _advance(self, stage: str, done: int, total: int, reused: int) -> None:
        if self.moving:
            self.move(stage, done, total)
        elif done == total and total:
            stored = f", {reused} from the store" if reused else ""
            self.say(f"{stage}: {done} of {total}{stored}")


def summary_of(plan: Plan) -> str:
    """A plan in one line."""
    calls = sum(step.calls for step in plan.steps)
    asked = f"{count(plan.chunks, 'part')}, {count(calls, 'generation')}"
    seconds = f"about {plan.seconds:.0f} s" if plan.seconds >= 1 else "under a second"
    return f"plan: {asked}, {plan.profile}, {seconds}"


def account_of(done: Done) -> str:
    """What a run cost and covered: a line, then planned and spent side by side."""
    head = (
        f"spent: {spend_of(done.spend)}; "
        f"read {done.coverage.share:.0%} of {done.coverage.total:,} tokens; "
        f"{done.support_rate:.0%} of sentences supported"
    )
    return "\n".join([head, *_table(done)])


def spend_of(spend: Spend) -> str:
    """What a run cost, in one line."""
    stored = f"{spend.calls:,} + {spend.reused:,} stored generations"
    parts = [
        stored if spend.reused else count(spend.calls, "generation"),
        f"{spend.tokens_in:,} tokens in",
        f"{spend.tokens_out:,} out",
        f"{spend.seconds:.1f} s ({spend.cpu_seconds:.1f} s of CPU)",
        f"{spend.peak_rss / 1e6:.0f} MB",
    ]
    if spend.peak_vram is not None:
        parts.append(f"{spend.peak_vram / 1e6:.0f} MB on the GPU")
    if spend.joules is not None:
        parts.append(f"{spend.joules:.0f} J")
    return ", ".join(parts)


def _table(done: Done) -> list[str]:
    """Stages by row; in each column what was planned and what was spent."""
    *stages, total = account.table(done)
    rows = [(row.name.lower(), _cells(row.planned), _cells(row.spent)) for row in stages]
    if done.spent:
        other = done.spend.seconds - sum(step.seconds for step in done.spent)
        rows.append(("the rest", _cells(None), ("-", "-", "-", f"{max(0.0, other):.1f}")))
    rows.append(("total", _cells(total.planned), _cells(total.spent)))
    columns = [["planned | spent", *(name for name, _, _ in rows)]]
    for n, head in enumerate(("calls", "tokens in", "tokens out", "seconds")):
        left = max(len(planned[n]) for _, planned, _ in rows)
        right = max(len(spent[n]) for _, _, spent in rows)
        cells = [f"{p[n]:>{left}} | {s[n]:<{right}}" for _, p, s in rows]
        columns.append([head.center(len(cells[0])), *cells])
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]


def _cells(figures: account.Figures | None) -> tuple[str, str, str, str]:
    if figures is None:
        return ("-", "-", "-", "-")
    return (
        f"{figures.calls:,}",
        f"{figures.tokens_in:,}",
        f"{figures.tokens_out:,}",
        f"{figures.seconds:.1f}",
    )
