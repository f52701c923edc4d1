"""Strategies against random and methods against the baseline, seed by seed, with their tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.job.files import write_text
from wholepool.report import forest, fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.effects import p_text, signed
from wholepool.report.names import experiment_labels, method_name
from wholepool.report.pairs import against, largest, named, nothing, reach, side
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.statistics import sign_flip
from wholepool.statistics.comparisons import KEYS, KINDS
from wholepool.statistics.effects import LEVEL
from wholepool.statistics.paired import SAME, paired

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Differences, seed by seed"
PLACE = 41
STAGE = "statistics"
FILES = (
    "tables/paired.csv",
    "figures/paired.png",
    "figures/paired.svg",
    "figures/paired.pdf",
)
#: rows of the table in the report
SHOWN = 12
_KIND = {"strategy": "Strategies", "method": "Methods"}
_CAPTION = (
    "Differences of the area under the budget curve, in points: right of the line the first named "
    "is better. A small point is a seed, a large one the mean with Student's 95 % interval; it is "
    "filled where the difference is told from 0 at the 5 % level after Holm's correction."
)


def make(results: Results) -> None:
    """Write the table and the figure."""
    seeds = results.differences
    table = paired(seeds)
    write_text(results.folder / FILES[0], to_csv(table))
    areas = table[table["measure"] == "aubc"]
    drawn = figure(areas, seeds, results.grid) if len(areas) else saying(nothing(results))
    style.save(drawn, results.folder / "figures/paired")


def figure(areas: pd.DataFrame, seeds: pd.DataFrame, grid: Grid) -> Figure:
    """A panel for each kind, a row for each comparison by the area."""
    own = seeds[seeds["measure"] == "aubc"].groupby(list(KEYS))["difference"]
    points = {key: part.tolist() for key, part in own}
    looks, labels = style.looks(grid), experiment_labels(grid)
    parts = []
    for kind in KINDS:
        family = areas[areas["kind"] == kind]
        rows: list[forest.Row | str] = []
        common = family["against"].nunique() == 1
        for experiment, part in family.groupby("experiment", sort=False):
            rows.append(labels[experiment])
            for row in part.itertuples():
                key = tuple(getattr(row, name) for name in KEYS)
                label = f"{side(row.strategy)}, {method_name(row.method)}"
                label += "" if common else f" − {against(row)}"
                told = row.says in ("above 0", "below 0")
                mean = (row.difference, row.low, row.high)
                rows.append(forest.Row(label, points[key], *mean, looks[row.strategy], told))
        if rows:
            other = against(next(family.itertuples())) if common else "the one named"
            title = f"{_KIND[kind]} − {other}"
            parts.append(forest.Panel(title, rows, "difference (points)"))
    return forest.panels(parts)


def show(results: Results) -> str:
    """The figure, a paragraph for each kind, and the largest of what was found."""
    table = results.table("paired")
    if table.empty:
        return fragment.paragraph(nothing(results))
    areas = table[table["measure"] == "aubc"]
    parts = [fragment.figure(results, "figures/paired.svg", _CAPTION)] if len(areas) else []
    if areas.empty:
        parts.append(fragment.paragraph(nothing(results)))
    for kind in KINDS:
        for measure in ("aubc", "cycle"):
            family = table[(table["kind"] == kind) & (table["measure"] == measure)]
            if len(family):
                parts.append(fragment.paragraph(words(family, results.grid)))
    if results.partial:
        parts.append(
            fragment.note(
                "The grid is half finished: a pair has the seeds that both sides have, and its "
                "number of seeds says how many."
            )
        )
    return "".join([*parts, short(areas, results.grid), fragment.note(_NOTE)])


_NOTE = (
    "Every comparison, also cycle by cycle, with the exact sign-flip test and the seeds that 1 "
    "point needs, is in tables/paired.csv. Correction is over all tests of a kind and measure. The "
    "largest of many differences is largest by chance too: expect less of it in new runs."
)


def words(family: pd.DataFrame, grid: Grid) -> str:
    """What the tests of one kind and measure say."""
    kind, measure = family["kind"].iloc[0], family["measure"].iloc[0]
    others = " or ".join(dict.fromkeys(against(row) for row in family.itertuples()))
    by = "the area under the budget curve" if measure == "aubc" else "the accuracy of each cycle"
    says, tests = family["says"].value_counts(), int(family["tests"].iloc[0])
    above, below = says.get("above 0", 0), says.get("below 0", 0)
    most = largest(family)
    at = "" if measure == "aubc" else f" in cycle {most.cycle:.0f}"
    parts = [
        f"{_KIND[kind]} against {others}, by {by}: of {len(family)} comparisons {above} "
        f"{'is' if above == 1 else 'are'} above 0 and {below} below, after correction over {tests} "
        f"tests. The largest difference is {signed(most.difference)} points "
        f"({reach(most.low, most.high)}, {most.n_seeds} seeds): {named(most, grid)}{at}."
    ]
    if count := says.get("one seed tells nothing", 0):
        parts.append(f"{count} have one seed, which tells nothing of chance.")
    if count := says.get(SAME, 0):
        parts.append(
            f"{count} are the same at every seed: nothing in them is drawn, so that their seeds "
            "are one observation and no test."
        )
    if tests:
        parts.append(flips(int(family["n_seeds"].max()), tests))
    return " ".join(part for part in parts if part)


def flips(n: int, tests: int) -> str:
    """That the sign-flip test of n seeds can find nothing, where that is so; else empty."""
    least = sign_flip.least(n)
    if least * tests <= LEVEL:
        return ""
    needed = sign_flip.least_seeds(tests)
    corrected = f"{needed} seeds" if needed else "fewer tests"
    if least > LEVEL:
        alone = "" if tests == 1 else f"; corrected over {tests} tests it needs {corrected}"
        return (
            f"The sign-flip test cannot find anything with {n} seeds: its smallest p is {least:g}. "
            f"A comparison alone needs {sign_flip.least_seeds(1)} seeds{alone}."
        )
    return (
        f"The sign-flip test cannot find anything with {n} seeds after correction over {tests} "
        f"tests: its smallest p is {least:.2g}, and it needs {corrected}."
    )


def short(areas: pd.DataFrame, grid: Grid) -> str:
    """The largest differences of those told from 0, or of all where none is."""
    import pandas as pd

    told = areas[areas["says"].isin(["above 0", "below 0"])]
    shown = told if len(told) else areas
    order = shown["difference"].abs().sort_values(ascending=False, kind="stable").index
    rows = [
        (
            *(named(row, grid), row.n_seeds, signed(row.difference), reach(row.low, row.high)),
            *("–" if p != p else p_text(p) for p in (row.p_holm, row.p_sign_flip)),
            row.says,
        )
        for row in shown.loc[order[:SHOWN]].itertuples()
    ]
    if not rows:
        return ""
    head = ("comparison", "seeds", "difference", "95 % interval", "p, Holm", "p, sign flip", "says")
    what = "told from 0" if len(told) else "comparisons, none of which is told from 0"
    caption = f"The {len(rows)} largest differences of the area, of {len(shown)} {what}"
    return fragment.table(pd.DataFrame(rows, columns=list(head)), caption)
