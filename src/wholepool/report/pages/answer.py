"""The answer: which method, which strategy, how sure, at what cost in labels, and what next."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from wholepool.report.pages.efficiency import SEEDS
from wholepool.report.pages.paired import flips
from wholepool.report.pairs import reach
from wholepool.report.results import Grid, Results
from wholepool.report.wording import joined, several
from wholepool.statistics import effects
from wholepool.statistics.efficiency import NEEDS, RANDOM
from wholepool.statistics.paired import SAME

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The answer"
PLACE = 20
#: of strategies and of experiments, how many a sentence names
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
    return fill(LINES, lines=lines(results))


def lines(results: Results) -> list[tuple[str, str]]:
    """Question and answer, five of them; of runs that have an accuracy."""
    paired, number = results.table("paired"), seeds(results)
    return [
        ("What to train on.", of_methods(paired, results.grid)),
        ("What to ask for.", of_strategies(paired, results.grid)),
        ("How sure.", how_sure(paired, *number)),
        ("In labels.", in_labels(results.table("efficiency"), results.grid)),
        ("What next.", what_next(paired, number[0], results.partial)),
    ]


def seeds(results: Results) -> tuple[int, int]:
    """The least and the most seeds of a curve."""
    keys = ["experiment", "method", "strategy"]
    found = results.trajectories.groupby(keys)["seed"].nunique()
    return int(found.min()), int(found.max())


def areas(paired: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The comparisons of a kind over whole curves; where curves are points, at each point."""
    rows = paired[paired["kind"] == kind]
    whole = rows[rows["measure"] == "aubc"]
    return whole if len(whole) else rows


def of_methods(paired: pd.DataFrame, grid: Grid) -> str:
    """Each method against the one they are compared with: how often above, by how much."""
    rows = areas(paired, "method")
    if rows.empty:
        return "One method was run, so methods are not compared."
    parts = []
    for method in methods_in_order(grid):
        for other, own in rows[rows["method"] == method].groupby("against", sort=False):
            parts.append(f"{method_name(method)} is {counts(own, method_name(str(other)))}")
    return f"{'; '.join(parts)}. {basis(rows)}"


def of_strategies(paired: pd.DataFrame, grid: Grid) -> str:
    """Strategies against random: which are above, which below, how many are neither."""
    rows = areas(paired, "strategy")
    if rows.empty:
        return "One strategy was run, so strategies are not compared."
    other = joined(map(strategy_name, dict.fromkeys(rows["against"])))
    if rows["p"].isna().all():
        ends = between(rows["difference"])
        return f"No strategy can be told from {other}: {why_no_test(rows)} ({ends}). {basis(rows)}"
    above, below, neither = [], [], []
    for strategy in strategies_in_order(grid):
        own = rows[rows["strategy"] == strategy]
        ups, downs = told(own)
        if ups:
            above.append((ups / len(own), f"{strategy_name(strategy)} ({ups} of {len(own)})"))
        if downs:
            below.append((downs / len(own), f"{strategy_name(strategy)} ({downs} of {len(own)})"))
        if len(own) and not ups and not downs:
            neither.append(strategy_name(strategy))
    parts = [
        f"{word}: {_first([name for _, name in sorted(found, key=lambda pair: -pair[0])])}"
        for word, found in (("above", above), ("below", below))
        if found
    ]
    doubt = "which does not show that they are alike"
    if not parts:
        text = f"No strategy is told from {other} in {several(len(rows), 'comparison')}, {doubt}"
        return f"{text} ({between(rows['difference'])}). {basis(rows)}"
    ups, downs = told(rows)
    if neither:
        parts.append(f"not told from it, {doubt}: {_first(neither)}")
    return (
        f"Against {other}, {ups} of {several(len(rows), 'comparison')} {_are(ups)} above and "
        f"{downs or 'none'} below; {'; '.join(parts)}. {basis(rows)}"
    )


def counts(rows: pd.DataFrame, other: str) -> str:
    """ "above Baseline in 33 of 35 comparisons and below in none (+1.0 to +9.2 points)"."""
    ups, downs = told(rows)
    n, ends = len(rows), between(rows["difference"])
    if n == 1:
        row = rows.iloc[0]
        ends = f"{signed(row['difference'])} points, {reach(row['low'], row['high'])}"
    if rows["p"].isna().all():
        return f"not told from {other}: {why_no_test(rows)} ({ends})"
    if not ups and not downs:
        where = "the one comparison" if n == 1 else f"any of {n} comparisons"
        return f"not told from {other} in {where} ({ends})"
    if n == 1:
        return f"{'above' if ups else 'below'} {other} ({ends})"
    ups_of, downs_of = (f"{count or 'none'}" for count in (ups, downs))
    return f"above {other} in {ups_of} of {n} comparisons and below in {downs_of} ({ends})"


def told(rows: pd.DataFrame) -> tuple[int, int]:
    """How many comparisons are above 0, and how many below, after correction."""
    ups, downs = (int((rows["says"] == says).sum()) for says in ("above 0", "below 0"))
    return ups, downs


def between(differences: pd.Series) -> str:
    """ "+1.0 to +9.2 points"."""
    low, high = signed(differences.min()), signed(differences.max())
    return f"{low} points" if low == high else f"{low} to {high} points"


def why_no_test(rows: pd.DataFrame) -> str:
    """Why none of some comparisons is a test."""
    if (rows["n_seeds"] < 2).all():
        return "one seed tells nothing of chance"
    return "all seeds gave the same, so that they are one observation"


def basis(rows: pd.DataFrame) -> str:
    """What was measured, and over how many tests was corrected."""
    along = (rows["measure"] == "aubc").all()
    text = "the accuracy averaged along the curve" if along else "the accuracy of each cycle"
    tests = int(rows["tests"].max())
    if tests > 1:
        text += f"; 5 % level after Holm's correction over {tests} tests"
    same = int((rows["says"] == SAME).sum())
    if same and tests:
        text += f"; {same} of {len(rows)} {_are(same)} no test, as all seeds gave the same"
    return f"[{text[0].upper()}{text[1:]}.]"


def how_sure(paired: pd.DataFrame, least: int, most: int) -> str:
    """Seeds, the difference that could have been shown, and what so few seeds cannot say."""
    number = several(most, "seed") if least == most else f"{least} to {most} seeds"
    if paired.empty:
        return f"{number}; nothing is compared, so nothing is tested."
    if most == 1:
        return "One seed: no interval and no test. Every difference here may be chance."
    rows = both(paired)
    if rows["p"].isna().all():
        return f"{number}, but no comparison has a test: {why_no_test(rows)}."
    parts = [f"{number}, all comparisons paired by seed, t tests."]
    if len(known := rows["detectable"].dropna()):
        parts.append(
            f"In the middle comparison a true difference of {known.median():.1f} points would be "
            "found 4 times in 5 (before correction); smaller ones may well be there."
        )
    if len(rows) > 1:
        parts.append("The largest differences are picked from many: expect less of them next time.")
    if tests := int(rows["tests"].max()):
        parts.append(flips(most, tests))
    return " ".join(part for part in parts if part)


def both(paired: pd.DataFrame) -> pd.DataFrame:
    """The `areas` of both kinds."""
    import pandas as pd

    return pd.concat([areas(paired, kind) for kind in ("strategy", "method")])


def in_labels(efficiency: pd.DataFrame, grid: Grid) -> str:
    """What each method needs for the end of the baseline's curve, with one strategy."""
    rows = efficiency[(efficiency["kind"] == "method") & (efficiency["direction"] == NEEDS)]
    if rows.empty:
        return "No two methods have a curve with the same strategy, so labels are not compared."
    strategy = RANDOM if (rows["strategy"] == RANDOM).any() else rows["strategy"].iloc[0]
    rows = rows[rows["strategy"] == strategy]
    rows = rows[rows["n_labels"] == rows.groupby("experiment")["n_labels"].transform("max")]
    titles, many = experiment_labels(grid), len(grid["experiments"]) > 1
    parts = [
        f"{method_name(row.method)} needs {row.text} for what {method_name(row.against_method)} "
        f"has with {int(row.n_labels)}{f' ({titles[row.experiment]})' if many else ''}"
        for row in rows.head(NAMED + 1).itertuples()
    ]
    if len(rows) > len(parts):
        parts.append(f"{len(rows) - len(parts)} more stand below")
    least = int(rows["n_seeds"].min())
    doubts = []
    if rows["text"].str.contains("[", regex=False).any():
        doubts.append("In brackets: 95 %.")
    if least < SEEDS:
        what = "intervals are too short" if least > 1 else "there is no interval"
        doubts.append(f"With {several(least, 'seed')} {what}.")
    return " ".join([f"With {strategy_name(strategy)}, {'; '.join(parts)}.", *doubts])


def what_next(paired: pd.DataFrame, least: int, partial: bool) -> str:
    """Finish, compare something, add seeds, or settle."""
    if partial:
        return "Finish the grid: what is missing stands above, and the same command goes on."
    rows = areas(paired, "strategy")
    rows = rows if len(rows) else areas(paired, "method")
    if rows.empty:
        return "Add a strategy or a method to the config, to have something to compare."
    tested = rows[rows["detectable"].notna()]
    if least == 1 or tested.empty:
        return "Raise seeds in the config, to 5 or more: only the new ones are run."
    # no number: more seeds than are looked for
    middle = tested["seeds_for_one_point"].astype("float64").fillna(math.inf).median()
    if middle <= least:
        return (
            f"Half of the comparisons need {math.ceil(middle)} seeds or fewer to find one point "
            f"(before correction), and there are {least}: another data set tells more than more "
            "seeds."
        )
    wanted = f"{math.ceil(middle)}" if middle < math.inf else f"more than {effects.MANY}"
    twice = effects.detectable(1, 2 * least) / effects.detectable(1, least)
    return (
        f"To find one point, the middle comparison needs {wanted} seeds (before correction); with "
        f"{2 * least}, twice as many as now, it finds {twice * tested['detectable'].median():.1f} "
        "points. Raise seeds in the config: only the new ones are run. Fewer comparisons need "
        "fewer seeds."
    )


def _first(names: Sequence[str]) -> str:
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return joined([*names[:NAMED], *more])


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
