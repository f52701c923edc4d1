"""Paired differences of runs, and their table: what each effect is, and what can be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.job.errors import UserError
from wholepool.report.accuracy import read_runs
from wholepool.report.render import pipes
from wholepool.statistics import effects as statistics

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("seeds", "mean difference", "95 % interval", "p", "p, Holm", "said at 5 %"),
    "could have shown",
)
#: a label of several cells, and the differences, a seed each
Row = tuple[Sequence[str], Sequence[float]]


def runs_of(path: str | Path) -> pd.DataFrame:
    """runs.csv, given as a file, as a folder of evidence or as a folder of results."""
    path = Path(path)
    for found in (path / "runs.csv", path / "tables" / "runs.csv"):
        if found.exists():
            return read_runs(found)
    if path.is_dir():
        raise UserError(f"{path} has no runs.csv: give a folder of evidence, or results/NAME")
    return read_runs(path)


def paired(first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str]) -> list[float]:
    """Differences of the accuracy, first minus second: one for each seed of first, ascending.

    `by` are the columns that name a cell beside its seed; of several cells of a seed it is the
    mean, so that a seed counts once. Raises UserError for a cell of first that second lacks, and
    for one that stands twice.
    """
    keys = ["seed", *by]
    for part in (first, second):
        if part.duplicated(keys).any():
            twice = part[part.duplicated(keys)].iloc[0]
            raise UserError(f"The runs hold a cell twice ({_named(twice, keys)}): keep one of it")
    both = first.merge(second, on=keys, suffixes=("", "_other"), how="left")
    alone = both[both["accuracy_other"].isna()]
    if len(alone):
        raise UserError(
            f"{_named(alone.iloc[0], keys)} has no pair on the other side: run it, or leave this "
            "seed out of both"
        )
    both["difference"] = both["accuracy"] - both["accuracy_other"]
    found: list[float] = both.groupby("seed")["difference"].mean().tolist()
    return found


def _named(row: pd.Series, keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in ("experiment", "method", *keys) if key in row)


def effects_table(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Markdown: what the columns are, and a row an effect; `names` are the labels' columns."""
    found = statistics.effects([values for _, values in rows])
    lines = [(*names, *COLUMNS)]
    lines += [(*label, *_cells(one)) for (label, _), one in zip(rows, found, strict=True)]
    return f"{caption(statistics.tests_in(found))}\n\n{table(lines)}"


def caption(tests: int) -> str:
    """How to read the columns, in one paragraph."""
    return (
        "Differences of the test accuracy in percentage points, paired by seed: their mean, "
        "Student's 95 % interval, the p value of the t test, and the same after Holm's correction "
        f"over the {tests} tests of this table, which decides what is said. Last: the smallest "
        "true difference that so many seeds of this spread would show with 80 % power, without "
        "correction."
    )


def _cells(effect: statistics.Effect) -> list[str]:
    n, verdict = str(effect.n), effect.verdict
    if verdict == "exactly 0":
        return [n, "0", "–", "–", "–", verdict, "–"]
    if effect.n < 2:
        return [n, signed(effect.mean), "–", "–", "–", verdict, "–"]
    interval = f"{signed(effect.low)} to {signed(effect.high)}"
    ps = [p_text(effect.p), p_text(effect.adjusted)]
    return [n, signed(effect.mean), interval, *ps, verdict, f"{effect.detectable:.1f}"]


def signed(value: float, decimals: int = 1) -> str:
    """+1.2, −1.2, or 0.0: rounded once, of the number as it is."""
    text = f"{abs(value):.{decimals}f}"
    return text if float(text) == 0 else f"{'−' if value < 0 else '+'}{text}"


def p_text(p: float) -> str:
    """Three decimals, or that it is below them."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def level(values: Sequence[float]) -> str:
    """ "44.0 (2.9)": the mean, and in brackets the sample standard deviation if there is one."""
    if len(values) == 0:
        return "–"
    mean, spread = statistics.mean(values), statistics.sample_std(values)
    return f"{mean:.1f}" if len(values) == 1 else f"{mean:.1f} ({spread:.1f})"


def levels_table(lines: Sequence[Sequence[str]], seeds: str) -> str:
    """Markdown of `level`s, the first line its head, under words that say what they are."""
    text = "Test accuracy in percent: mean over"
    return f"{text} {seeds} (in brackets the sample standard deviation).\n\n{table(lines)}"


def seeds_of(runs: pd.DataFrame) -> str:
    """ "5 seeds", or "3 to 5 seeds" where cells differ."""
    counts = runs.groupby(["experiment", "method", "strategy", "cycle"])["seed"].nunique()
    least, most = counts.min(), counts.max()
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"


def table(lines: Iterable[Sequence[str]]) -> str:
    """Rows of text as a Markdown table, the first as its head."""
    head, *rows = lines
    return "\n".join([pipes(head), pipes(["---"] * len(head)), *map(pipes, rows)])
