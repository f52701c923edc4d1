"""Our runs beside the paper's printed figures: ours, theirs, the difference, and a verdict.

A comparison never mixes settings. A run that does not keep the paper's protocol (see
`wholepool.paper.protocol`) is "reduced": it is shown with its settings and without a difference,
and the cell itself stays "not run". Runs that differ in a setting are never averaged: each group of
equal settings is a row of its own.

Evidence is described in `wholepool.paper.evidence`. Cycle 0 precedes any acquisition, so ours has
strategy "initial", shared by all strategies. In paper.csv cycle 0 is called the same where the
paper prints one number; SEMI, which it trained again for each strategy, has others beside it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wholepool.grid.cells import ALL, INITIAL
from wholepool.job.errors import UserError
from wholepool.paper import protocol
from wholepool.paper.evidence import Evidence, read_csv
from wholepool.paper.protocol import FULL, METHODS, Settings, spelled
from wholepool.report import statistics

if TYPE_CHECKING:
    import pandas as pd

WITHIN, ABOVE, BELOW = "within", "above", "below"
UNDECIDED = "no verdict"
NOT_RUN = "not run"
REDUCED = "reduced"
NOT_COMPARED = "not compared"
VERDICTS = (WITHIN, ABOVE, BELOW, UNDECIDED)
CONFIDENCE = 0.95

PAPER_COLUMNS = (
    *("source", "dataset", "budget", "cycle", "n_labels", "method", "strategy"),
    *("mean", "std", "n_seeds", "note"),
)
COLUMNS = (
    *("source", "dataset", "budget", "cycle", "n_labels", "method", "strategy"),
    *("paper_mean", "paper_std", "paper_n_seeds", "mean", "std", "n_seeds"),
    *("difference", "standard_error", "degrees_of_freedom", "verdict", "deviation_used"),
    *("pool", "test_set", "width", "sup_epochs", "semi_epochs", "pre_epochs"),
    *("sup_batch", "semi_batch", "translate", "flip", "reduced_by", "other_settings"),
    *("evidence", "device", "note"),
)
_WHOLE = (
    *("budget", "paper_n_seeds", "n_seeds", "sup_epochs", "semi_epochs", "pre_epochs"),
    *("sup_batch", "semi_batch", "translate"),
)
_REAL = (
    *("paper_mean", "paper_std", "mean", "std", "difference", "standard_error"),
    "degrees_of_freedom",
)
_DECIMALS = 6


class Judgment(NamedTuple):
    """Ours minus the paper's, in points of accuracy; NaN where it cannot be told."""

    difference: float
    standard_error: float
    degrees_of_freedom: float
    verdict: str
    deviation_used: str


# ---------------------------------------------------------------------------------------------
# The verdict
# ---------------------------------------------------------------------------------------------


def judge(ours: Sequence[float], paper_mean: float, paper_std: float, paper_seeds: int) -> Judgment:
    """Compare our accuracies with a printed mean: Welch's two-sided 95 % interval.

    `ours` are percents, one a seed; the paper's deviation (taken as the sample one, of
    `paper_seeds` seeds) may be NaN. The standard error is sqrt(s1^2 / n1 + s2^2 / n2), with the
    degrees of freedom of Welch and Satterthwaite. With one seed of ours the paper's deviation
    stands for both, with its degrees of freedom; where the paper prints none ours stands alone, as
    if the printed mean were exact. Where neither is there is no verdict. "within" holds on the
    very edge too.
    """
    from scipy.stats import t

    n = len(ours)
    difference = statistics.mean(ours) - paper_mean
    std = statistics.sample_std(ours)
    if n == 1 and math.isnan(paper_std):
        return Judgment(difference, math.nan, math.nan, UNDECIDED, "none: one seed, none printed")
    if n == 1:
        error = paper_std * math.sqrt(1 + 1 / paper_seeds)
        freedom, used = float(paper_seeds - 1), "the paper's for both: one seed here"
    elif math.isnan(paper_std):
        error = std / math.sqrt(n)
        freedom, used = float(n - 1), "ours alone: none printed"
    else:
        first, second = std**2 / n, paper_std**2 / paper_seeds
        error = math.sqrt(first + second)
        below = first**2 / (n - 1) + second**2 / (paper_seeds - 1)
        freedom = (first + second) ** 2 / below if below else math.nan
        used = "both"
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error if error else 0.0
    verdict = WITHIN if abs(difference) <= reach else ABOVE if difference > 0 else BELOW
    return Judgment(difference, error, freedom, verdict, used)


# ---------------------------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------------------------


def read_paper(path: str | Path) -> pd.DataFrame:
    """The paper's printed figures. Raises UserError for a missing file, column, or a cell twice.

    budget and n_seeds are empty (NA) for full supervision, std where the paper prints none.
    """
    paper = read_csv(Path(path), PAPER_COLUMNS)
    for column in ("budget", "n_seeds"):
        paper[column] = paper[column].astype("Int64")
    paper["note"] = paper["note"].fillna("")
    unknown = [name for name in dict.fromkeys(paper["method"]) if name not in METHODS.values()]
    if unknown:
        raise UserError(
            f"{path}: method {unknown[0]!r} is unknown; known: {', '.join(METHODS.values())}"
        )
    cell = ["dataset", "budget", "cycle", "method", "strategy"]
    twice = paper[paper.duplicated(cell)]
    if len(twice):
        text = ", ".join(str(twice.iloc[0][name]) for name in cell)
        raise UserError(f"{path} has the cell {text} twice: keep one row of it")
    return paper[list(PAPER_COLUMNS)].astype({"std": "float64", "mean": "float64"})


# ---------------------------------------------------------------------------------------------
# Cell by cell
# ---------------------------------------------------------------------------------------------


class _Run(NamedTuple):
    """One seed: its accuracy and number of labels, its whole row as text, and its folder."""

    accuracy: float
    n_labels: int
    row: list[str]
    folder: Path


class _Group(NamedTuple):
    """Runs of one cell with equal settings, by seed; folders and devices, in order, as keys."""

    flat: dict[str, Any]
    reduced: dict[str, Any]
    budget: int
    runs: dict[int, _Run]
    names: dict[str, None]
    devices: dict[str, None]


# data set, budget (None for full supervision), method, strategy, cycle
_Cell = tuple[str, int | None, str, str, int]


def compare(
    paper: pd.DataFrame, evidence: Sequence[Evidence], resolved: Settings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every cell of the paper with what was run of it, and what was run besides.

    `paper` is `read_paper`'s, `resolved` the paper's own grid in full (`config.resolve`), against
    which other settings are named. Returns two frames. The first has COLUMNS: one row per cell and
    group of equal settings that keeps the protocol, or one "not run" where there is none; and,
    right after it, one "reduced" row per group that does not keep it, without the paper's numbers.
    Accuracies and differences (ours minus the paper's) are in percent, to six decimals. The second
    has the columns dataset, budget, n_runs: the runs that have no cell in the paper.

    A run that stands in two folders, row for row the same (a landed copy of this grid), counts
    once. Raises UserError where two different runs claim one cell, seed and settings, and where a
    run's number of labels is not its cell's.
    """
    import pandas as pd

    groups = _grouped(evidence)
    wanted = [_paper_cell(row) for row in paper.itertuples()]
    # where the paper prints cycle 0 once for all strategies, its repetitions are not compared
    shared = {
        cell[:3]
        for row, cell in zip(paper.itertuples(), wanted, strict=True)
        if row.strategy == INITIAL
    }
    rows: list[dict[str, Any]] = []
    for row, cell in zip(paper.itertuples(), wanted, strict=True):
        printed = {
            **{name: getattr(row, name) for name in PAPER_COLUMNS[:7]},
            **{"paper_mean": row.mean, "paper_std": row.std, "paper_n_seeds": row.n_seeds},
            "note": row.note,
        }
        if row.strategy != cell[3] and cell[:3] in shared:
            rows.append({**printed, "verdict": NOT_COMPARED})
            continue
        found = list(groups.get(cell, {}).values())
        kept = [group for group in found if not group.reduced]
        for group in kept:
            _check_labels(group, row)
            rows.append({**printed, **_judged(group, row), **_shown(group, cell, resolved)})
        if not kept:
            rows.append({**printed, "verdict": NOT_RUN})
        for group in found:
            if group.reduced:
                ours = {**_numbers(group), **_shown(group, cell, resolved), "verdict": REDUCED}
                blank = {"paper_mean": None, "paper_std": None, "paper_n_seeds": None, "note": ""}
                rows.append({**printed, **blank, **ours})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(_WHOLE, "Int64") | dict.fromkeys(_REAL, "float64"))
    table = table.round(dict.fromkeys(_REAL, _DECIMALS))

    besides: Counter[tuple[str, int]] = Counter()
    for cell in groups.keys() - set(wanted):
        for group in groups[cell].values():
            besides[cell[0], group.budget] += len(group.runs)
    others = pd.DataFrame(
        [(*key, n) for key, n in sorted(besides.items())], columns=["dataset", "budget", "n_runs"]
    )
    return table, others


def _paper_cell(row: Any) -> _Cell:
    """The cell of our runs that answers a row of the paper: all share cycle 0."""
    full = row.method == FULL
    strategy = INITIAL if row.cycle == 0 and not full else row.strategy
    return (row.dataset, None if full else int(row.budget), row.method, strategy, int(row.cycle))


def _grouped(evidence: Sequence[Evidence]) -> dict[_Cell, dict[str, _Group]]:
    """All runs by cell, and there by equal settings, in the order of the folders."""
    groups: dict[_Cell, dict[str, _Group]] = {}
    keys = ["experiment", "method", "strategy", "cycle"]
    for name, folder, runs, recorded in evidence:
        for key, rows in runs.groupby(keys, sort=False):
            cell, equal, empty = _cell_of(recorded, *key)
            group = groups.setdefault(cell, {}).setdefault(equal, empty)
            for row in rows.to_dict("records"):
                _add(group, row, name, folder)
    return groups


def _cell_of(
    recorded: Settings, experiment: str, method: str, strategy: str, cycle: int
) -> tuple[_Cell, str, _Group]:
    """The cell of a run, its settings as one text, and a group without runs for them."""
    plan = recorded["experiments"][experiment]
    source, budget = recorded["datasets"][plan["dataset"]]["source"], int(plan["budget"])
    words = plan["methods"][method]
    kind = (words["labels"], words["pre"], words["semi"])
    flat = protocol.settings_of(recorded, experiment, method, strategy, cycle)
    called = METHODS.get(kind, method if method not in METHODS.values() else "/".join(kind))
    cell = (source, None if kind[0] == ALL else budget, called, strategy, int(cycle))
    reduced = protocol.reductions(flat, source, budget)
    # The budget of full supervision decides nothing, but two grids may well train it twice.
    equal = json.dumps(
        [budget, {key: protocol.as_yaml(value) for key, value in flat.items()}], sort_keys=True
    )
    return cell, equal, _Group(flat, reduced, budget, {}, {}, {})


def _add(group: _Group, row: Mapping[str, Any], name: str, folder: Path) -> None:
    """Put one run into its group, unless the very same run is there already."""
    seed = int(row["seed"])
    # an experiment's and a data set's names decide nothing: two of one grid may share a cell
    text = [f"{key}={value}" for key, value in row.items() if key not in ("experiment", "dataset")]
    if seed in group.runs:
        before = group.runs[seed]
        if before.row != text:
            raise UserError(
                f"Seed {seed} of experiment {row['experiment']}, method {row['method']}, strategy "
                f"{row['strategy']}, cycle {row['cycle']} stands in {before.folder} and in "
                f"{folder} with the same settings but other results. A mean over seeds would "
                "count it twice: leave one of the two folders out, or run other seeds."
            )
    else:
        group.runs[seed] = _Run(float(row["accuracy"]), int(row["n_labels"]), text, folder)
    group.names[name] = None
    if row.get("device"):
        group.devices[str(row["device"])] = None


def _check_labels(group: _Group, row: Any) -> None:
    for run in group.runs.values():
        if run.n_labels != row.n_labels:
            raise UserError(
                f"{run.folder / 'runs.csv'} has a run of {row.dataset}, method {row.method}, "
                f"strategy {row.strategy}, cycle {row.cycle} with {run.n_labels} labels, but the "
                f"paper's cell, and the settings beside the run, say {row.n_labels}: make it anew "
                "with the stage runs"
            )


def _numbers(group: _Group) -> dict[str, Any]:
    values = [run.accuracy for run in group.runs.values()]
    mean, std = statistics.mean(values), statistics.sample_std(values)
    return {"mean": mean, "std": std, "n_seeds": len(values)}


def _judged(group: _Group, row: Any) -> dict[str, Any]:
    values = [run.accuracy for run in group.runs.values()]
    # full supervision has no number of seeds, and no deviation that would need it
    seeds = int(row.n_seeds) if row.std == row.std else 0
    return {**_numbers(group), **judge(values, row.mean, row.std, seeds)._asdict()}


def _shown(group: _Group, cell: _Cell, resolved: Settings) -> dict[str, Any]:
    """The columns of settings: what every row shows, and by name what differs."""
    flat, known = group.flat, protocol.known(cell[0])
    reference = protocol.reference_settings(resolved, *cell)
    return {
        "pool": f"{flat['pool.n']} of {known['n']}",
        "test_set": f"{flat['pool.n_test']} of {known['n_test']}",
        "width": flat.get("network.width"),
        "sup_epochs": flat["sup.epochs"],
        "semi_epochs": flat.get("semi.epochs"),
        "pre_epochs": flat.get("deepcluster.epochs"),
        "sup_batch": flat["sup.batch_size"],
        "semi_batch": flat.get("semi.batch_size"),
        "translate": flat["augment.translate"],
        "flip": flat["augment.flip"],
        "reduced_by": spelled(group.reduced),
        "other_settings": spelled(protocol.deviations(flat, reference, group.reduced)),
        "evidence": " ".join(sorted(group.names)),
        "device": ", ".join(sorted(group.devices)),
    }
