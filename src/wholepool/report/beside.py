"""Two tables of runs side by side: two settings, two versions, two machines.

Cells are paired by experiment, method, strategy, cycle and seed, and differences are B - A, in
points of the test accuracy. Cycle 0 stands by itself, as the strategy "initial": all share it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from wholepool.job.errors import UserError
from wholepool.report.runs import COMPUTED_WITH
from wholepool.statistics import effects
from wholepool.statistics.comparisons import same

if TYPE_CHECKING:
    import pandas as pd

CURVE = ["experiment", "method", "strategy"]
CELL = [*CURVE, "cycle", "seed"]
LAST, MEAN = "last cycle", "mean over cycles"
COLUMNS = (
    *(*CURVE, "measure", "first_cycle", "last_cycle", "paired", "seeds_a", "seeds_b"),
    *("mean_a", "mean_b", "difference", "low", "high", "p", "p_holm", "cells", "equal"),
)
#: what a repetition to the bit repeats, of what runs tell
MEASURED = ("accuracy", "nll", "final_loss")
#: what runs say of where they come from
MADE = (*COMPUTED_WITH, "python", "precision", "commit", "settings_digest", "fingerprint")
ABSENT = "–"


class Side(NamedTuple):
    """One of the two: its name, runs.csv, and settings.json where it is there."""

    name: str
    runs: pd.DataFrame
    settings: Mapping[str, Any] | None


@dataclass(frozen=True)
class Beside:
    """What a comparison found.

    `table` has COLUMNS, a row or two for each curve that both have; `only` are the cells that one
    side alone has, as text; `made` is {column of MADE: (values of A, of B)} where they differ among
    the curves that both have, `settings` (key, of A, of B) where they differ, None where a side has
    no settings.json.
    """

    names: tuple[str, str]
    table: pd.DataFrame
    cells: int
    equal: int
    only: tuple[list[str], list[str]]
    made: dict[str, tuple[list[str], list[str]]]
    settings: list[tuple[str, str, str]] | None


def renamed(side: Side, names: Mapping[str, str]) -> Side:
    """A side whose experiments have other names, {old: new}.

    Raises UserError for one that it has not, and for a name that is taken.
    """
    known = list(dict.fromkeys(side.runs["experiment"]))
    for old, new in names.items():
        if old not in known:
            raise UserError(
                f"--as {old}={new}: {side.name} has no experiment {old}, but {', '.join(known)}"
            )
    after = [names.get(name, name) for name in known]
    if twice := [name for name in after if after.count(name) > 1]:
        raise UserError(
            f"--as: two experiments of {side.name} would be called {twice[0]}: give each a name of "
            "its own"
        )
    runs = side.runs.assign(experiment=side.runs["experiment"].replace(dict(names)))
    if side.settings is None:
        return Side(side.name, runs, None)
    plans = {names.get(name, name): plan for name, plan in side.settings["experiments"].items()}
    return Side(side.name, runs, {**side.settings, "experiments": plans})


def compare(first: Side, second: Side) -> Beside:
    """B beside A. Raises UserError for a cell that stands twice, and where no curve is in both."""
    import pandas as pd

    for side in (first, second):
        if side.runs.duplicated(CELL).any():
            row = side.runs[side.runs.duplicated(CELL)].iloc[0]
            raise UserError(f"{side.name} holds the cell {_named(row)} twice: keep one row of it")
    a, b = (dict(list(side.runs.groupby(CURVE, sort=False))) for side in (first, second))
    shared = [curve for curve in a if curve in b and {*a[curve]["cycle"]} & {*b[curve]["cycle"]}]
    if not shared:
        raise UserError(
            f"{first.name} and {second.name} have no experiment, method, strategy and cycle in "
            f"common: the one has {_experiments(first)}, the other {_experiments(second)}. Name "
            "an experiment of the first as the second does with --as OLD=NEW, or compare others"
        )
    pairs = _pairs(first.runs, second.runs)
    bits = pairs.groupby(CURVE)["equal"].agg(["size", "sum"]).to_dict("index")
    found = []
    for curve in shared:
        equal = bits.get(curve, {"size": 0, "sum": 0})
        found += [(*row, *equal.values()) for row in _rows(curve, a[curve], b[curve])]
    table = _with_holm(pd.DataFrame(found, columns=list(COLUMNS)))
    parts = [pd.concat([own[curve] for curve in shared]) for own in (a, b)]
    return Beside(
        (first.name, second.name),
        table,
        len(pairs),
        int(pairs["equal"].sum()),
        (_only(first.runs, second.runs), _only(second.runs, first.runs)),
        _made(*parts),
        _settings(first.settings, second.settings),
    )


def _pairs(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """The cells that both have; `equal`: in all of MEASURED that both tell, to the last digit."""
    both = [name for name in MEASURED if name in a and name in b]
    pairs = a[[*CELL, *both]].merge(b[[*CELL, *both]], on=CELL, suffixes=("_a", "_b"))
    pairs["equal"] = True
    for name in both:
        one, other = pairs[f"{name}_a"], pairs[f"{name}_b"]
        pairs["equal"] &= (one == other) | (one.isna() & other.isna())
    return pairs


def _rows(curve: tuple[str, ...], a: pd.DataFrame, b: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Of one curve: a row at the last common cycle, and one of the mean over all common ones.

    Without the columns cells and equal.
    """
    one, other = (
        part[part["accuracy"].notna()].pivot(index="seed", columns="cycle", values="accuracy")
        for part in (a, b)
    )
    cycles = one.columns.intersection(other.columns).sort_values()
    if not len(cycles):  # no test set
        return
    wanted = [(LAST, cycles[-1:])] + ([(MEAN, cycles)] if len(cycles) > 1 else [])
    for measure, some in wanted:
        x, y = (part[some].dropna().mean(axis=1) for part in (one, other))
        seeds = x.index.intersection(y.index)
        alone = min(len(x), len(y)) >= 2 and len(seeds) < 2
        if not alone and len(seeds):
            x, y = x.loc[seeds], y.loc[seeds]
            told = paired([float(value) for value in y - x])
        elif len(x) and len(y):
            alone, told = True, unpaired(x.tolist(), y.tolist())
        else:
            continue
        where = (measure, int(some[0]), int(some[-1]), int(not alone), len(x), len(y))
        means = effects.mean(x.tolist()), effects.mean(y.tolist())
        yield (*curve, *where, *means, *told, math.nan)


def paired(differences: Sequence[float]) -> tuple[float, float, float, float]:
    """The mean of paired differences, Student's 95 % interval, and the p value of the t test.

    Without interval and test, NaN, where every seed has the same one (see `same`).
    """
    if same([round(value, 9) for value in differences]):  # they may differ by a rounding
        return effects.mean(differences), math.nan, math.nan, math.nan
    low, high = effects.interval(differences)
    return effects.mean(differences), low, high, effects.p_value(differences)


def unpaired(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float, float]:
    """As `paired`, of b - a without pairs: Welch's t test (Welch 1947), NaN for one number.

    Where neither has a spread, p is 1 if they are equal, else 0.
    """
    from scipy.stats import ttest_ind

    difference = effects.mean(b) - effects.mean(a)
    if min(len(a), len(b)) < 2:
        return difference, math.nan, math.nan, math.nan
    if len(set(a)) == len(set(b)) == 1:
        return difference, difference, difference, float(difference == 0)
    test = ttest_ind(b, a, equal_var=False)
    reach = test.confidence_interval(1 - effects.LEVEL)
    return difference, float(reach.low), float(reach.high), float(test.pvalue)


def _with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """p values after Holm's correction over the table's tests: what is exactly 0 is none."""
    zero = (table["low"] == 0) & (table["high"] == 0)
    tested = table["p"].notna() & ~zero
    table["p_holm"] = table["p"]
    table.loc[tested, "p_holm"] = effects.holm(table.loc[tested, "p"].tolist())
    return table


def _only(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """The cells of a that b has not."""
    there = set(b[CELL].itertuples(index=False, name=None))
    return ["/".join(map(str, cell)) for cell in a[CELL].itertuples(index=False, name=None)
            if cell not in there]  # fmt: skip


def _made(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, tuple[list[str], list[str]]]:
    found = {}
    for name in MADE:
        values = [
            sorted(set(part[name].dropna().astype(str)) - {""}) if name in part else []
            for part in (a, b)
        ]
        if values[0] != values[1]:
            found[name] = values[0], values[1]
    return found


def _settings(
    a: Mapping[str, Any] | None, b: Mapping[str, Any] | None
) -> list[tuple[str, str, str]] | None:
    """Every setting that differs: (key with dots, of A, of B), ABSENT where a side has it not.

    A difference that all experiments share stands once, under experiments.*.
    """
    if a is None or b is None:
        return None
    one, other = flat(a), flat(b)
    found = []
    for key in dict.fromkeys([*one, *other]):
        if one.get(key) != other.get(key):
            found.append((key, one.get(key, ABSENT), other.get(key, ABSENT)))
    both = [name for name in a["experiments"] if name in b["experiments"]]
    return _gathered(_whole(found, a, b), both)


def _whole(
    found: list[tuple[str, str, str]], a: Mapping[str, Any], b: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """An experiment or a data set that one side has not stands once, not key by key."""
    for part in ("experiments", "datasets"):
        for name in dict.fromkeys([*a[part], *b[part]]):
            if name not in a[part] or name not in b[part]:
                key = f"{part}.{name}"
                found = [row for row in found if not row[0].startswith(f"{key}.")]
                here, there = ("there" if name in x[part] else ABSENT for x in (a, b))
                found.append((key, here, there))
    return found


def _gathered(found: list[tuple[str, str, str]], both: list[str]) -> list[tuple[str, str, str]]:
    if len(both) < 2:
        return found
    same: dict[tuple[str, str, str], list[str]] = {}
    for key, *values in found:
        for name in both:
            if key.startswith(f"experiments.{name}."):
                tail = key.removeprefix(f"experiments.{name}.")
                same.setdefault((tail, values[0], values[1]), []).append(name)
    shown: dict[tuple[str, str, str], None] = {}
    for key, one, other in found:
        for name in both:
            tail = key.removeprefix(f"experiments.{name}.")
            if tail != key and same[tail, one, other] == both:
                key = f"experiments.*.{tail}"
                break
        shown[key, one, other] = None
    return list(shown)


def flat(value: Any, key: str = "") -> dict[str, str]:
    """Nested settings as {"a.b.c": JSON}; lists stay whole."""
    if not isinstance(value, Mapping):
        return {key: json.dumps(value, ensure_ascii=False)}
    found: dict[str, str] = {}
    for name, inner in value.items():
        found |= flat(inner, f"{key}.{name}" if key else str(name))
    return found


def _experiments(side: Side) -> str:
    return ", ".join(dict.fromkeys(side.runs["experiment"])) or "no runs"


def _named(row: pd.Series) -> str:
    return "/".join(str(row[name]) for name in CELL)
