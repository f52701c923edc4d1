"""The answer: which method, which strategy, how sure, at what cost in labels, and what next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wholepool.report.effects import signed
from wholepool.report.fragment import fill, paragraph
from wholepool.report.names import (
    experiment_labels,
    method_name,
    methods_in_order,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.results import Results
from wholepool.statistics.effects import LEVEL

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The answer"
PLACE = 20
#: fewer seeds than these, and the sign-flip test can say nothing: 2 / 2 ** 5 is above LEVEL
FEW = 6
#: of strategies, how many a sentence names
NAMED = 3

LINES = """<ol class="answer">
{% for head, text in lines %}<li><strong>{{ head }}</strong> {{ text }}</li>
{% endfor %}</ol>"""


def show(results: Results) -> str:
    """Five lines, each made of the tables of statistics."""
    if results.runs.empty:
        return paragraph("Nothing was run yet, so there is no answer yet.")
    if results.trajectories.empty:
        return paragraph(
            "No run has a test accuracy, as there is no test set, so nothing is compared. What the "
            "labels are worth can then only be told by an audit."
        )
    paired, efficiency = results.table("paired"), results.table("efficiency")
    lines = [
        ("What to train on.", of_methods(results, paired)),
        ("What to ask for.", of_strategies(results, paired)),
        ("How sure.", how_sure(results, paired)),
        ("In labels.", in_labels(results, efficiency)),
        ("What next.", what_next(results, paired)),
    ]
    return fill(LINES, lines=lines)


def areas(paired: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The comparisons of a kind over whole curves; where curves are points, at each point."""
    rows = paired[paired["kind"] == kind]
    whole = rows[rows["measure"] == "aubc"]
    return whole if len(whole) else rows


def of_methods(results: Results, paired: pd.DataFrame) -> str:
    """Each method against the first of them: how often it is above, and by how much."""
    rows = areas(paired, "method")
    if rows.empty:
        return "One method was run, so methods are not compared."
    first = method_name(rows["against"].iloc[0])
    parts = []
    for method in methods_in_order(results.grid):
        own = rows[rows["method"] == method]
        if own.empty:
            continue
        told = counts(own)
        largest = own.loc[own["difference"].abs().idxmax()]
        sizes = f"{signed(own['difference'].min())} to {signed(own['difference'].max())} points"
        if len(own) == 1:
            sizes = f"{signed(largest['difference'])} points"
        parts.append(f"{method_name(method)} is {told} ({sizes})")
    return (
        f"Against {first}, in the mean accuracy along the curve: {'; '.join(parts)}. "
        f"{corrected(rows)}"
    )


def of_strategies(results: Results, paired: pd.DataFrame) -> str:
    """Strategies against random: which are above, which below, how many are neither."""
    rows = areas(paired, "strategy")
    if rows.empty:
        return "One strategy was run, so strategies are not compared."
    first = strategy_name(rows["against"].iloc[0])
    above, below, neither = [], [], []
    for strategy in strategies_in_order(results.grid):
        own = rows[rows["strategy"] == strategy]
        if own.empty:
            continue
        ups, downs = (int((own["says"] == says).sum()) for says in ("above 0", "below 0"))
        name = f"{strategy_name(strategy)} ({{}} of {len(own)})"
        if ups:
            above.append((ups / len(own), name.format(ups)))
        if downs:
            below.append((downs / len(own), name.format(downs)))
        if not ups and not downs:
            neither.append(strategy_name(strategy))
    parts = []
    for word, found in (("above", above), ("below", below)):
        names = [name for _, name in sorted(found, key=lambda pair: -pair[0])]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        if names:
            parts.append(f"{word} it: {', '.join(names[:NAMED])}{more}")
    if neither:
        more = f", as {', '.join(neither[:NAMED])}" if parts else ""
        count = "none" if not parts else f"{len(neither)}"
        parts.append(
            f"no strategy of {len(neither)} is told from it"
            if not parts
            else f"{count} not told from it{more}"
        )
    return f"Against {first}, of {len(rows)} comparisons: {'; '.join(parts)}. {corrected(rows)}"


def counts(rows: pd.DataFrame) -> str:
    """ "above in 33 of 35 comparisons, below in none"."""
    ups, downs = (int((rows["says"] == says).sum()) for says in ("above 0", "below 0"))
    n = len(rows)
    if not ups and not downs:
        return (
            f"not told from it in {'the one comparison' if n == 1 else f'any of {n} comparisons'}"
        )
    if n == 1:
        return "above it" if ups else "below it"
    return f"above in {ups} of {n} comparisons, below in {downs or 'none'}"


def corrected(rows: pd.DataFrame) -> str:
    """Over how many tests was corrected."""
    tests = int(rows["tests"].max())
    return f"Corrected over {tests} tests (Holm, 5 %)." if tests > 1 else ""


def how_sure(results: Results, paired: pd.DataFrame) -> str:
    """Seeds, and the difference that could have been shown."""
    least, most = seeds(results)
    number = f"{most} seeds" if least == most else f"{least} to {most} seeds"
    if most == 1:
        return "One seed: no interval and no test. Every difference here may be chance."
    sentence = f"{number.capitalize()}, every comparison paired by seed."
    rows = paired[paired["measure"] == "aubc"]
    known = rows["detectable"].dropna()
    if len(known):
        sentence += (
            f" A true difference of {known.median():.1f} points in the middle would have been "
            "found (80 % power, before correction); smaller ones may well be there."
        )
    if most < FEW:
        sentence += (
            f" With {most} seeds a test that assumes nothing cannot find anything: its smallest "
            f"p value is {2 / 2**most:.2g}, above {LEVEL:g}. Read differences as hints."
        )
    return sentence


def in_labels(results: Results, efficiency: pd.DataFrame) -> str:
    """What each method saves, asked at the end of the first method's curve with one strategy."""
    rows = efficiency[(efficiency["kind"] == "method") & (efficiency["direction"] == "needs")]
    if rows.empty:
        return "One method was run, so no labels saved by training are told."
    titles = experiment_labels(results.grid)
    strategy = "random" if (rows["strategy"] == "random").any() else rows["strategy"].iloc[0]
    rows = rows[rows["strategy"] == strategy]
    rows = rows[rows["n_labels"] == rows.groupby("experiment")["n_labels"].transform("max")]
    parts = []
    for row in rows.head(NAMED + 1).itertuples():
        where = f" ({titles[row.experiment]})" if len(results.grid["experiments"]) > 1 else ""
        other = method_name(row.against_method)
        parts.append(
            f"{method_name(row.method)} has with {row.text} what {other} has with "
            f"{int(row.n_labels)}{where}"
        )
    return f"With {strategy_name(strategy)}: {'; '.join(parts)}."


def what_next(results: Results, paired: pd.DataFrame) -> str:
    """Finish, add seeds, or settle."""
    if results.partial:
        return "Finish the grid: what is missing stands above, and the same command goes on."
    least, _ = seeds(results)
    rows = areas(paired, "strategy")
    if rows.empty:
        rows = areas(paired, "method")
    wanted = rows["seeds_for_one_point"].dropna()
    if len(wanted):
        middle = math.ceil(wanted.median())
        if middle > least:
            return (
                f"To find differences of one point, take {middle} seeds (the middle of "
                f"{len(wanted)} comparisons, before correction), and fewer comparisons: raise "
                "seeds in the config, and only the new ones are run."
            )
        return (
            f"There are seeds enough for differences of one point in the middle comparison "
            f"({middle} are needed): to learn more, take another data set, not more seeds."
        )
    return "Raise seeds in the config, to 6 or more: only the new ones are run."


def seeds(results: Results) -> tuple[int, int]:
    """The least and the most seeds of a curve."""
    keys = ["experiment", "method", "strategy"]
    found = results.trajectories.groupby(keys)["seed"].nunique()
    return int(found.min()), int(found.max())
