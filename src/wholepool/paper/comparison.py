"""Our runs beside the paper's printed figures: ours, theirs, the difference, and a verdict.

A comparison never mixes settings. A run counts as the paper's cell only if it keeps `protocol`,
all that the paper fixes in scale; any other run is "reduced": it is shown with its settings and
without a difference, and the cell itself stays "not run". Runs that differ in a setting are never
averaged: each group of equal settings is a row of its own.

Evidence is described in `wholepool.paper.evidence`. Cycle 0 precedes any acquisition, so ours has
strategy "initial", shared by all strategies. In paper.csv cycle 0 is called the same where the
paper prints one number; SEMI, which it trained again for each strategy, has others beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wholepool.data.sources import SOURCES
from wholepool.grid.cells import INITIAL
from wholepool.job.errors import UserError
from wholepool.paper.evidence import Evidence, read_csv
from wholepool.report import statistics
from wholepool.strategies import STRATEGIES

if TYPE_CHECKING:
    import pandas as pd

Settings = Mapping[str, Any]

WITHIN, ABOVE, BELOW = "within", "above", "below"
UNDECIDED = "no verdict"
NOT_RUN = "not run"
REDUCED = "reduced"
NOT_COMPARED = "not compared"
VERDICTS = (WITHIN, ABOVE, BELOW, UNDECIDED)
CONFIDENCE = 0.95

FULL, ALL = "full", "all"
#: the paper's methods by what they do (labels, PRE, SEMI), whatever a grid calls them
METHODS = {
    ("acquired", "none", "none"): "baseline",
    ("acquired", "deepcluster", "none"): "pre",
    ("acquired", "none", "label_propagation"): "semi",
    ("acquired", "deepcluster", "label_propagation"): "pre+semi",
    ("all", "none", "none"): FULL,
}

#: What the paper fixes in scale: key -> the values that keep it. A key binds the methods that use
#: it. The sizes of pool and test set and the initial labels follow from the cell: see `protocol`.
PROTOCOL: dict[str, tuple[Any, ...]] = {
    "network.width": (1,),
    "network.dropout": (0.5,),
    "network.logit_scale": (1,),
    "augment.translate": (4,),
    "augment.flip": (True,),
    "sup.epochs": (200,),
    "sup.batch_size": (32,),
    "sup.lr": (0.2,),
    "sup.cosine_epochs": (210,),
    "full.epochs": (200,),
    "full.batch_size": (32,),
    "full.lr": (0.2,),
    "full.cosine_epochs": (210,),
    "semi.epochs": (200,),
    # 0, as in the authors' public code, is another reading of Algorithm 1, not less of the same
    "semi.sup_epochs": (200, 0),
    "semi.batch_size": (128,),
    "semi.labeled_size": (50,),
    "semi.lr": (0.2,),
    "semi.cosine_epochs": (210,),
    "semi.epoch_share": (0.5,),
    # 400, as in the authors' public code, is not less
    "pretrain.epochs": (250, 400),
}
#: where Table I and section VI-A give a data set numbers of its own
PROTOCOL_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    "mnist": {
        "sup.batch_size": (10,),
        "full.batch_size": (10,),
        "semi.batch_size": (64,),
        "semi.labeled_size": (10,),
    }
}

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
# Settings
# ---------------------------------------------------------------------------------------------


def protocol(source: str, budget: int) -> dict[str, tuple[Any, ...]]:
    """What keeps a run of this data set and budget the paper's: key -> the values allowed."""
    known = SOURCES[source]
    sizes = {"pool.n": (known.n,), "pool.n_test": (known.n_test,), "initial": (budget,)}
    return {**sizes, **PROTOCOL, **PROTOCOL_OF.get(source, {})}


def settings_of(
    settings: Settings, experiment: str, method: str, strategy: str, cycle: int
) -> dict[str, Any]:
    """All settings that decide a cell's result, flat: "section.key" -> value.

    `settings` are those of a folder of evidence. Sections that the cell does not use are left out.
    "pool.n" and "pool.n_test" are the sizes of what was there; "semi.sup_epochs" is the number of
    epochs of SUP that a method with SEMI really had, and stands for "sup.epochs" then.
    """
    plan = settings["experiments"][experiment]
    data = settings["datasets"][plan["dataset"]]
    words = plan["methods"][method]
    full = words.get("labels") == ALL
    sections = {name: dict(data[name]) for name in ("network", "augment")}
    sections["optimizer"], sections["sup"] = dict(plan["optimizer"]), dict(plan["sup"])
    if full:
        own = plan.get("full", {})
        keys = own or ("epochs", "batch_size", "lr", "cosine_epochs")
        sections["full"] = {
            key: plan["sup"][key] if own.get(key) is None else own[key] for key in keys
        }
        for key in keys:
            sections["sup"].pop(key, None)
    if words["pre"] != "none":
        sections["pretrain"] = dict(data["pretrain"])
    if words["semi"] != "none":
        sections["semi"] = dict(plan["semi"])
        before = sections["sup"].pop("epochs")
        if sections["semi"]["sup_epochs"] is None:
            sections["semi"]["sup_epochs"] = before
    asked = STRATEGIES.get(strategy) if cycle > 0 else None
    reads = set(asked.options) if asked else set()
    if words["semi"] != "none" or (asked and "graph" in asked.needs):
        reads.add("propagation")
    sections.update({name: dict(plan[name]) for name in sorted(reads)})

    info = data["info"]
    flat = {"pool.n": info["n"], "pool.n_test": info["n_test"]}
    flat |= {f"pool.{key}": value for key, value in data["pool"].items() if key != "size"}
    if info["n"] == SOURCES[data["source"]].n:  # then nothing was drawn
        flat = {key: v for key, v in flat.items() if key not in ("pool.sampling", "pool.seed")}
    if not full:
        flat["initial"] = plan["initial"]
    if "seed_moves" in plan:
        flat["seed_moves"] = plan["seed_moves"]
    flat["network.precision"] = "float32"  # of evidence that was made before it could differ
    for name, section in sections.items():
        flat |= {f"{name}.{key}": value for key, value in section.items()}
    return flat


def reference_settings(
    resolved: Settings, source: str, budget: int | None, method: str, strategy: str, cycle: int
) -> dict[str, Any]:
    """`settings_of` the same cell in the paper's own grid, resolved; of all its images.

    `budget` is None for full supervision, which has none. Raises UserError if the grid lacks it.
    """
    words = dict(zip(("labels", "pre", "semi"), _words(method), strict=True))
    known = SOURCES[source]
    for plan in resolved["experiments"].values():
        data = resolved["datasets"][plan["dataset"]]
        if data["source"] == source and budget in (None, plan["budget"]):
            both = {
                "datasets": {"it": {**data, "info": {"n": known.n, "n_test": known.n_test}}},
                "experiments": {"it": {**plan, "dataset": "it", "methods": {"it": words}}},
            }
            return settings_of(both, "it", "it", strategy, cycle)
    raise UserError(
        f"The paper's grid has no experiment on {source} with budget {budget}, so the settings of "
        "its cells are not known: add one to workflow/grids/paper.yaml."
    )


def _words(method: str) -> tuple[str, str, str]:
    return next(words for words, name in METHODS.items() if name == method)


def reductions(flat: Settings, source: str, budget: int) -> dict[str, Any]:
    """The keys in which a cell is not the paper's in scale, with their values."""
    allowed = protocol(source, budget)
    return {
        key: value for key, value in flat.items() if key in allowed and value not in allowed[key]
    }


def deviations(flat: Settings, reference: Settings, reduced: Iterable[str]) -> dict[str, Any]:
    """All other keys that differ from the paper's grid; a key that was not recorded is named."""
    keys = [*flat, *(key for key in reference if key not in flat)]
    return {
        key: flat.get(key, "not recorded")
        for key in keys
        if key not in set(reduced)
        and (key not in flat or key not in reference or flat[key] != reference[key])
    }


def spelled(settings: Settings) -> str:
    """ "key: value; key: value", values as in YAML."""
    return "; ".join(f"{key}: {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


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
    """Runs of one cell with equal settings, by seed."""

    flat: dict[str, Any]
    reduced: dict[str, Any]
    budget: int
    runs: dict[int, _Run]
    names: list[str]
    devices: list[str]


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
    for column in ("budget", "paper_n_seeds", "n_seeds", "sup_epochs", "semi_epochs", "pre_epochs"):
        table[column] = table[column].astype("Int64")
    for column in ("sup_batch", "semi_batch", "translate"):
        table[column] = table[column].astype("Int64")
    for column in ("paper_mean", "paper_std", "mean", "std", "difference", "standard_error"):
        table[column] = table[column].astype("float64").round(_DECIMALS)
    table["degrees_of_freedom"] = table["degrees_of_freedom"].astype("float64").round(_DECIMALS)

    besides: dict[tuple[str, int], int] = {}
    for cell, of_cell in groups.items():
        if cell not in wanted:
            for group in of_cell.values():
                key = (cell[0], group.budget)
                besides[key] = besides.get(key, 0) + len(group.runs)
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
    settings: dict[tuple[int, str, str, str, int], tuple[_Cell, str, _Group]] = {}
    for number, (name, folder, runs, recorded) in enumerate(evidence):
        columns = list(runs.columns)
        for values in runs.itertuples(index=False, name=None):
            row = dict(zip(columns, values, strict=True))
            key = (number, row["experiment"], row["method"], row["strategy"], int(row["cycle"]))
            if key not in settings:
                settings[key] = _cell_of(recorded, *key[1:])
            cell, equal, empty = settings[key]
            group = groups.setdefault(cell, {}).setdefault(equal, empty)
            _add(group, row, name, folder)
    return groups


def _cell_of(
    recorded: Settings, experiment: str, method: str, strategy: str, cycle: int
) -> tuple[_Cell, str, _Group]:
    """The cell of a run, its settings as one text, and a group without runs for them."""
    plan = recorded["experiments"][experiment]
    source, budget = recorded["datasets"][plan["dataset"]]["source"], int(plan["budget"])
    words = plan["methods"][method]
    kind = (words.get("labels", "acquired"), words["pre"], words["semi"])
    flat = settings_of(recorded, experiment, method, strategy, cycle)
    called = METHODS.get(kind, method if method not in METHODS.values() else "/".join(kind))
    cell = (source, None if kind[0] == ALL else budget, called, strategy, cycle)
    # The budget of full supervision decides nothing, but two grids may well train it twice.
    equal = json.dumps(
        [budget, {key: _value(value) for key, value in flat.items()}], sort_keys=True
    )
    return cell, equal, _Group(flat, reductions(flat, source, budget), budget, {}, [], [])


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
    if name not in group.names:
        group.names.append(name)
    device = str(row.get("device", ""))
    if device and device not in group.devices:
        group.devices.append(device)


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
    return {
        "mean": statistics.mean(values),
        "std": statistics.sample_std(values),
        "n_seeds": len(values),
    }


def _judged(group: _Group, row: Any) -> dict[str, Any]:
    values = [run.accuracy for run in group.runs.values()]
    # full supervision has no number of seeds, and no deviation that would need it
    seeds = int(row.n_seeds) if row.std == row.std else 0
    return {**_numbers(group), **judge(values, row.mean, row.std, seeds)._asdict()}


def _shown(group: _Group, cell: _Cell, resolved: Settings) -> dict[str, Any]:
    """The columns of settings: what every row shows, and by name what differs."""
    source, budget, method, strategy, cycle = cell
    flat, known = group.flat, SOURCES[source]
    reference = reference_settings(resolved, source, budget, method, strategy, cycle)
    section = "full" if method == FULL else "sup"
    return {
        "pool": f"{flat['pool.n']} of {known.n}",
        "test_set": f"{flat['pool.n_test']} of {known.n_test}",
        "width": flat["network.width"],
        "sup_epochs": flat.get("semi.sup_epochs", flat.get(f"{section}.epochs")),
        "semi_epochs": flat.get("semi.epochs"),
        "pre_epochs": flat.get("pretrain.epochs"),
        "sup_batch": flat[f"{section}.batch_size"],
        "semi_batch": flat.get("semi.batch_size"),
        "translate": flat["augment.translate"],
        "flip": flat["augment.flip"],
        "reduced_by": spelled(group.reduced),
        "other_settings": spelled(deviations(flat, reference, group.reduced)),
        "evidence": " ".join(sorted(group.names)),
        "device": ", ".join(sorted(group.devices)),
    }
