"""The tables of a results page, cells as text, the first row of each the names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gistill.bench.published import RESULTS
from gistill.bench.results import Figures, Result, compare
from gistill.bench.scores import METRICS

Table = list[list[str]]
_NAMES = {"rouge1": "R-1", "rouge2": "R-2", "rougeL": "R-L", "rougeLsum": "R-Lsum"}


def tables(
    results: Sequence[Result], found: Sequence[Figures], against: Result
) -> dict[str, Table]:
    """Every table by its heading; paired differences are those to `against`.

    Raises: BadInput if the runs are of different data, or share no question with that one.
    """
    sections = {
        "Scores": _scores(found),
        "By domain": _parts(found, "by_domain"),
        "By kind of question": _parts(found, "by_kind"),
        "Support and cost": _costs(found),
    }
    if len(results) > 1:
        sections["Paired differences"] = _paired(results, against)
    sections["Published, on the whole test split"] = [
        ["system", "R-1", "R-2", "R-L", "kind", "source"],
        *(
            [p.system, *map(p.shown, (p.rouge1, p.rouge2, p.rouge_l)), p.kind, p.source]
            for p in RESULTS
        ),
    ]
    return sections


NOTES = {
    "Scores": "F1, sorted by R-Lsum, with its 95 % interval by a bootstrap over meetings; "
    "precision and recall are R-1's; words are a summary's mean.",
    "By domain": "R-Lsum, with the number of questions.",
    "By kind of question": "R-Lsum, with the number of questions.",
    "Support and cost": "Support and citations are shares of a summary's sentences, measured alike "
    "for all systems against the whole meeting. Seconds and tokens are a question's, beside "
    "others where several were asked at once; memory is the run's peak.",
    "Paired differences": "Differences in F1 on the questions both answered, with the 95 % "
    "interval by a bootstrap over meetings; * where it holds no 0.",
    "Published, on the whole test split": "From the papers named, with their own scorers: not "
    "comparable with another split, nor with a part of this one. Kind L is over the summary as one "
    "sequence, Lsum over its sentences.",
}


def extents(found: Iterable[Figures]) -> list[str]:
    """Which split and how much of it was looked at: one sentence if all runs agree."""
    found = list(found)
    texts = list(dict.fromkeys(figure["extent"] for figure in found))
    if len(texts) == 1:
        return texts
    return [f"{figure['run']}: {figure['extent']}" for figure in found]


def _scores(found: Sequence[Figures]) -> Table:
    bert = any("bertscore" in figure for figure in found)
    head = ["run", *_NAMES.values(), "95 %", "precision", "recall", "words", "questions"]
    rows = [head + ["BERTScore"] * bert]
    for figure in found:
        rouge = figure["rouge"]
        first, last = rouge["rouge1"], rouge["rougeLsum"]
        count = sum(part["queries"] for part in figure["by_kind"].values())
        rows.append(
            [
                figure["run"],
                *(f"{rouge[metric]['f1']:.2f}" for metric in METRICS),
                f"{last['low']:.1f}–{last['high']:.1f}",
                f"{first['precision']:.2f}",
                f"{first['recall']:.2f}",
                f"{figure['words']['summary']:.0f}",
                str(count),
                *([f"{figure['bertscore']['f1']:.2f}" if "bertscore" in figure else "–"] * bert),
            ]
        )
    return rows


def _parts(found: Sequence[Figures], field: str) -> Table:
    names = sorted({name for figure in found for name in figure[field]})
    rows = [["run", *names]]
    for figure in found:
        parts = [figure[field].get(name) for name in names]
        cells = [f"{p['rougeLsum']:.2f} ({p['queries']})" if p else "–" for p in parts]
        rows.append([figure["run"], *cells])
    return rows


def _costs(found: Sequence[Figures]) -> Table:
    many = any(figure["at_once"] > 1 for figure in found)
    head = ["run", "support", "cited", "mean s", "median s", "p95 s", "tokens in", "tokens out",
            "memory", "GPU memory"]  # fmt: skip
    rows = [head + ["at once"] * many]
    for figure in found:
        seconds = figure["seconds"]
        rows.append(
            [
                figure["run"],
                f"{100 * figure['support']:.0f} %",
                f"{100 * figure['cited']:.0f} %",
                *(f"{seconds[name]:.2f}" for name in ("mean", "median", "p95")),
                f"{figure['tokens_in']:.0f}" if figure["tokens_in"] else "–",
                f"{figure['tokens_out']:.0f}" if figure["tokens_out"] else "–",
                _megabytes(figure["peak_rss"]),
                _megabytes(figure["peak_vram"]),
                *([str(figure["at_once"])] * many),
            ]
        )
    return rows


def _paired(results: Sequence[Result], against: Result) -> Table:
    rows = [["run", f"against {against.name}: questions", *_NAMES.values()]]
    for other in results:
        if other is against:
            continue
        found = compare(other, against)
        cells = [_difference(found[metric]) for metric in METRICS]
        rows.append([other.name, str(found["queries"]), *cells])
    return rows


def _difference(found: Figures) -> str:
    mark = "*" if found["clear"] else ""
    return f"{found['mean']:+.2f} ({found['low']:+.1f} to {found['high']:+.1f}){mark}"


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:,.0f} MB" if size else "–"
