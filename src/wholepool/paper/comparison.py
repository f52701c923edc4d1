"""Our runs and the figures that the paper prints: both, their difference, and a verdict.

Runs that differ in a setting are never averaged: each group of equal settings is a row of its own.
A run that does not keep the paper's protocol (see `wholepool.grid.protocol`) is "reduced": it is
shown with its settings and without a difference, and the cell itself stays "not run".

Cycle 0 precedes any acquisition, so our runs have the strategy "initial" there. So has paper.csv
where the paper prints one number. The paper trained SEMI again for each strategy: these numbers
stand in further rows.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import t

from wholepool.grid import protocol
from wholepool.grid.cells import ALL, INITIAL
from wholepool.grid.protocol import FULL, METHODS, Settings, spelled
from wholepool.grid.sections import word_of
from wholepool.job.errors import UserError
from wholepool.job.provenance import TIMES
from wholepool.paper.evidence import Evidence, read_csv
from wholepool.statistics import effects as statistics

WITHIN, ABOVE, BELOW = "within", "above", "below"
UNDECIDED = "no verdict"
NOT_RUN = "not run"
REDUCED = "reduced"
NOT_COMPARED = "not compared"
VERDICTS = (WITHIN, ABOVE, BELOW, UNDECIDED)
CONFIDENCE = 0.95


class Judgment(NamedTuple):
    """Ours minus the paper's, in points of accuracy; NaN where it is not known."""

    difference: float
    standard_error: float
    degrees_of_freedom: float
    verdict: str
    deviation_used: str


_PLACE = ("source", "dataset", "budget", "cycle", "n_labels", "method", "strategy")
PAPER_COLUMNS = (*_PLACE, "mean", "std", "n_seeds", "note")
_SHOWN = {
    "width": "network.width",
    "sup_epochs": "sup.epochs",
    "semi_epochs": "semi.epochs",
    "pre_epochs": "deepcluster.epochs",
    "sup_batch": "sup.batch_size",
    "semi_batch": "semi.batch_size",
    "translate": "augment.translate",
    "flip": "augment.flip",
}
COLUMNS = (
    *(*_PLACE, "paper_mean", "paper_std", "paper_n_seeds", "mean", "std", "n_seeds"),
    *(*Judgment._fields, "pool", "test_set", *_SHOWN, "reduced_by", "other_settings"),
    *("evidence", "device", "note"),
)
_WHOLE = {"budget", "paper_n_seeds", "n_seeds", *_SHOWN} - {"width", "flip"}
_REAL = ("paper_mean", "paper_std", "mean", "std", *Judgment._fields[:3])
_DECIMALS = 6


def judge(ours: Sequence[float], paper_mean: float, paper_std: float, paper_seeds: int) -> Judgment:
    """Compare our accuracies with a printed mean: Welch's two-sided 95 % interval.

    `ours` are percents, one per seed. The paper's deviation (taken as the sample one, of
    `paper_seeds` seeds) may be NaN. The standard error is sqrt(s1^2 / n1 + s2^2 / n2), with the
    degrees of freedom of Welch and Satterthwaite. With one seed of ours the paper's deviation
    and its degrees of freedom serve for both. Where the paper prints none, ours serves alone, as
    if the printed mean were exact. Without either there is no verdict. "within" includes the edge.
    """
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


def read_paper(path: str | Path) -> pd.DataFrame:
    """The paper's printed figures. Raises UserError for a missing file, column, or a cell twice.

    budget and n_seeds are empty (NA) for full supervision, std where the paper prints none.
    """
    paper = read_csv(Path(path), PAPER_COLUMNS)
    for column in ("budget", "n_seeds"):
        paper[column] = paper[column].astype("Int64")
    paper["note"] = paper["note"].fillna("")
    for method in paper["method"]:
        if method not in METHODS.values():
            known = ", ".join(METHODS.values())
            raise UserError(f"{path}: method {method!r} is unknown; known: {known}")
    cell = ["dataset", "budget", "cycle", "method", "strategy"]
    twice = paper.loc[paper.duplicated(cell), cell]
    if len(twice):
        text = ", ".join(map(str, twice.iloc[0]))
        raise UserError(f"{path} has the cell {text} twice: keep one row of it")
    return paper[list(PAPER_COLUMNS)].astype({"std": "float64", "mean": "float64"})


class _Run(NamedTuple):
    accuracy: float
    n_labels: int
    text: list[str]  # its whole row
    folder: Path


class _Group(NamedTuple):
    """Runs of one cell with equal settings, by seed, and the names of their folders and devices."""

    flat: dict[str, Any]
    reduced: dict[str, Any]
    budget: int
    runs: dict[int, _Run]
    names: set[str]
    devices: set[str]


# data set, budget (None for full supervision), method, strategy, cycle
_Cell = tuple[str, int | None, str, str, int]


def compare(
    paper: pd.DataFrame, evidence: Sequence[Evidence], resolved: Settings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every cell of the paper with what was run of it, and how many runs are of no such cell.

    `paper` is `read_paper`'s. `resolved` is the paper's own grid in full (`config.resolve`): other
    settings are those that differ from it. Returns two frames. The first has COLUMNS: one row per
    cell and group of equal settings that keeps the protocol, or one "not run" where there is none;
    then one "reduced" row per group that does not keep it, without the paper's numbers. Accuracies
    and differences (ours minus the paper's) are in percent, to six decimals. The second has the
    columns dataset, budget, n_runs: the runs that have no cell in the paper.

    A run that stands in two folders, row for row the same (a landed copy of this grid), counts
    once. Raises UserError where two different runs claim one cell, seed and settings, and where a
    run's number of labels is not its cell's.
    """
    groups = _grouped(evidence)
    named = paper.rename(columns={name: f"paper_{name}" for name in ("mean", "std", "n_seeds")})
    wanted = [(row, _paper_cell(row)) for row in named.to_dict("records")]
    # where the paper prints cycle 0 once for all strategies, its repetitions are not compared
    shared = {cell[:3] for printed, cell in wanted if printed["strategy"] == INITIAL}
    rows: list[dict[str, Any]] = []
    for printed, cell in wanted:
        if printed["strategy"] != cell[3] and cell[:3] in shared:
            rows.append({**printed, "verdict": NOT_COMPARED})
            continue
        found = groups.get(cell, {}).values()
        kept = [group for group in found if not group.reduced]
        rows += [printed | _ours(group, cell, resolved) | _judged(group, printed) for group in kept]
        if not kept:
            rows.append({**printed, "verdict": NOT_RUN})
        place = {name: printed[name] for name in _PLACE} | {"verdict": REDUCED, "note": ""}
        rows += [place | _ours(group, cell, resolved) for group in found if group.reduced]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(_WHOLE, "Int64") | dict.fromkeys(_REAL, "float64"))
    table = table.round(dict.fromkeys(_REAL, _DECIMALS))

    counts: Counter[tuple[str, int]] = Counter()
    for cell in groups.keys() - {cell for _, cell in wanted}:
        for group in groups[cell].values():
            counts[cell[0], group.budget] += len(group.runs)
    others = [(*key, n) for key, n in sorted(counts.items())]
    return table, pd.DataFrame(others, columns=["dataset", "budget", "n_runs"])


def _paper_cell(printed: Mapping[str, Any]) -> _Cell:
    """The cell of our runs that answers a row of the paper: all share cycle 0."""
    method, cycle = printed["method"], int(printed["cycle"])
    budget = None if method == FULL else int(printed["budget"])
    strategy = INITIAL if cycle == 0 and method != FULL else printed["strategy"]
    return (printed["dataset"], budget, method, strategy, cycle)


def _grouped(evidence: Sequence[Evidence]) -> dict[_Cell, dict[str, _Group]]:
    """All runs by cell, and there by equal settings, in the order of the folders."""
    groups: dict[_Cell, dict[str, _Group]] = {}
    for name, folder, runs, recorded in evidence:
        for key, rows in runs.groupby(["experiment", "method", "strategy", "cycle"], sort=False):
            cell, equal, empty = _cell_of(recorded, *key)
            group = groups.setdefault(cell, {}).setdefault(equal, empty)
            group.names.add(name)
            for row in rows.to_dict("records"):
                _add(group, row, folder)
    return groups


def _cell_of(
    recorded: Settings, experiment: str, method: str, strategy: str, cycle: int
) -> tuple[_Cell, str, _Group]:
    """The cell of a run, its settings as one text, and a group without runs for them."""
    plan = recorded["experiments"][experiment]
    source, budget = word_of(recorded["datasets"][plan["dataset"]]["source"]), int(plan["budget"])
    words = plan["methods"][method]
    kind = (words["labels"], words["pre"], words["semi"])
    flat = protocol.settings_of(recorded, experiment, method, strategy, cycle)
    called = METHODS.get(kind, method if method not in METHODS.values() else "/".join(kind))
    cell = (source, None if kind[0] == ALL else budget, called, strategy, int(cycle))
    # The budget of full supervision decides nothing, but two grids may well train it twice.
    texts = {key: protocol.as_yaml(value) for key, value in flat.items()}
    equal = json.dumps([budget, texts], sort_keys=True)
    reduced = protocol.reductions(flat, source, budget)
    return cell, equal, _Group(flat, reduced, budget, {}, set(), set())


def _add(group: _Group, row: Mapping[str, Any], folder: Path) -> None:
    """Put one run into its group, unless the very same run is there already."""
    # an experiment's and a data set's names decide nothing: two of one grid may share a cell; nor
    # does it matter when each was made
    same = ("experiment", "dataset", *TIMES)
    text = [f"{key}={value}" for key, value in row.items() if key not in same]
    run = _Run(float(row["accuracy"]), int(row["n_labels"]), text, folder)
    before = group.runs.setdefault(int(row["seed"]), run)
    if before.text != text:
        raise UserError(
            f"Seed {row['seed']} of experiment {row['experiment']}, method {row['method']}, "
            f"strategy {row['strategy']}, cycle {row['cycle']} stands in {before.folder} and in "
            f"{folder} with the same settings but other results: leave one of the two folders "
            "out, or run other seeds."
        )
    if row.get("device"):
        group.devices.add(str(row["device"]))


def _judged(group: _Group, printed: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on a group that keeps the protocol, whose runs must have the cell's labels."""
    for run in group.runs.values():
        if run.n_labels != printed["n_labels"]:
            raise UserError(
                f"{run.folder / 'runs.csv'} has a run of {printed['dataset']}, method "
                f"{printed['method']}, strategy {printed['strategy']}, cycle {printed['cycle']} "
                f"with {run.n_labels} labels, but the paper's cell and settings.json say "
                f"{printed['n_labels']}: make it again with the stage runs"
            )
    values = [run.accuracy for run in group.runs.values()]
    mean, std = printed["paper_mean"], printed["paper_std"]
    # full supervision has no number of seeds, and no deviation that would need it
    seeds = 0 if math.isnan(std) else int(printed["paper_n_seeds"])
    return judge(values, mean, std, seeds)._asdict()


def _ours(group: _Group, cell: _Cell, resolved: Settings) -> dict[str, Any]:
    """The columns that say what was run, and in which settings."""
    values = [run.accuracy for run in group.runs.values()]
    flat, known = group.flat, protocol.known(cell[0])
    reference = protocol.reference_settings(resolved, *cell)
    return {
        "mean": statistics.mean(values),
        "std": statistics.sample_std(values),
        "n_seeds": len(values),
        "pool": f"{flat['pool.n']} of {known['n']}",
        "test_set": f"{flat['pool.n_test']} of {known['n_test']}",
        **{name: flat.get(key) for name, key in _SHOWN.items()},
        "reduced_by": spelled(group.reduced),
        "other_settings": spelled(protocol.deviations(flat, reference, group.reduced, cell[0])),
        "evidence": " ".join(sorted(group.names)),
        "device": ", ".join(sorted(group.devices)),
    }
