"""Every cell's metrics gathered into one table, one row per run: results/tables/runs.csv.

First the settings that made each cell are compared with the config: runs of different settings
never share a name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.grid import made
from wholepool.grid.cells import Cell, before, cells
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import read_object, write_text
from wholepool.job.log import logger
from wholepool.job.provenance import REPEATED, TIMES

#: what runs.csv says of where a run comes from; the settings themselves stand in settings.json
PROVENANCE = (*(name for name in REPEATED if name != "settings"), *TIMES)
#: of these, what decides the last bits of a run, beside its settings
COMPUTED_WITH = ("device", "threads", "wholepool", "torch", "numpy", "scipy")
Infos = Mapping[str, Mapping[str, Any]]


def gather(
    results: Path, config: Mapping[str, Any], infos: Infos, partial: bool = False
) -> pd.DataFrame:
    """A row for each cell of a resolved config, in its order, with every metric that it has.

    Of a grid half finished (`partial`) the cells that were not run are left out, and what stands
    in the place of those that were is compared with the config all the same.

    `infos` is {data set: the content of its pool.json}. `zero_score_share` is of the queries that
    led to the cell: the share that the strategy gave the score 0. Lists (per-class accuracy, labels
    per class) become one text, separated by spaces. What an earlier version did not record is
    empty.
    Raises UserError if a cell's metrics are missing, or are of another cell or training, and as
    `check_settings` does.
    """
    measured = {
        cell: read_metrics(results / cell.path / "metrics.json", cell)
        for cell in cells(config["experiments"])
        if not partial or (results / cell.path / "metrics.json").exists()
    }
    found = check_settings(results, config, infos, partial)
    rows: list[dict[str, Any]] = []
    for cell, metrics in measured.items():
        path = results / cell.path / "metrics.json"
        training = path.with_name("history.parquet")
        history = found[training] if training in found else made.said(training)  # says it is gone
        if metrics.get("settings_digest") != history.get("settings_digest"):
            raise UserError(
                f"{path} measured a training with settings {metrics.get('settings_digest')}, but "
                f"its history.parquet has {history.get('settings_digest')}: delete {path}, and it "
                "is made again"
            )
        experiment = config["experiments"][cell.experiment]
        row = {"experiment": cell.experiment, **dict.fromkeys(PROVENANCE)}
        queries = found.get(results / before(cell).path / "queries.parquet", {})
        row["zero_score_share"] = queries.get("zero_score_share")
        row |= {name: history.get(name) for name in TIMES}
        for name, value in metrics.items():
            if isinstance(value, list):
                value = " ".join("" if v is None else f"{v:g}" for v in value)
            row[name] = value
        rows.append({**row, "dataset": experiment["dataset"], "budget": experiment["budget"]})
    first = ["experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*first, "accuracy", *PROVENANCE])
    middle = table.columns.difference([*first, *PROVENANCE, "settings", "version"], sort=False)
    return table[[*first, *middle, *PROVENANCE]]


def read_metrics(path: Path, cell: Cell) -> dict[str, Any]:
    """A cell's metrics; UserError if they are missing, torn or another cell's."""
    if not path.exists():
        raise UserError(f"{path} is missing: its cell has not been run")
    metrics = read_object(path, "n_labels", "accuracy")
    for name in ("method", "strategy", "seed", "cycle"):
        if metrics.get(name) != getattr(cell, name):
            raise UserError(
                f"{path}: {name} is {metrics.get(name)!r}, but the file is in the folder of "
                f"{getattr(cell, name)!r}: delete it and run the same command again"
            )
    return metrics


def check_settings(
    results: Path, config: Mapping[str, Any], infos: Infos, partial: bool = False
) -> dict[Path, made.Told]:
    """What each of `made.of_results` says of itself; UserError where the config has other settings.

    Each is compared with the config and with its data set. What a file does not say, since it was
    made by an earlier version, is taken as it is. With `partial` a file may be missing, and the
    description of a data set.
    """
    found = {}
    faults: dict[made.Difference, list[Path]] = {}
    for below, dataset, wanted in made.of_results(config):
        path = results / below
        if partial and not path.exists():
            continue
        found[path] = made.said(path)
        if dataset in infos or not partial:
            wanted = wanted | {"fingerprint": infos[dataset]["fingerprint"]}
        for fault in made.otherwise(found[path], wanted):
            faults.setdefault(fault, []).append(path)
    if faults:
        listed = []
        for (key, old, new), paths in faults.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            where = {"fingerprint": "its pool.json", "version": "this code"}.get(key, "the config")
            listed.append(f"{key} is {old} in {paths[0]}{more}, {new} in {where}")
        raise UserError(
            f"results of different settings stand under one name: {'; '.join(listed)}. Delete "
            "these files and run the same command again, which makes them again; or put the "
            "setting back; or give the new one its own experiment or results_dir"
        )
    return found


def mixed(runs: pd.DataFrame) -> str:
    """What runs of one table were computed with that can change their bits, where it differs.

    A sentence, or "" where all were computed alike.
    """
    parts = []
    for name in COMPUTED_WITH:
        known = runs[name].dropna().astype(str) if name in runs else pd.Series(dtype=str)
        counts = known[known != ""].value_counts()
        if len(counts) > 1:
            each = ", ".join(f"{value} ({count} runs)" for value, count in counts.items())
            parts.append(f"{name}: {each}")
    if not parts:
        return ""
    return (
        f"These runs were not all computed alike: {'; '.join(parts)}. The same job then ends in "
        "other last digits, and training makes another draw of them"
    )


def write_runs(results: Path, config: Mapping[str, Any], infos: Infos, out: Path) -> None:
    """Write `gather`'s table as CSV, and say if its runs were not all computed alike."""
    runs = gather(results, config, infos)
    if difference := mixed(runs):
        logger.warning("%s", difference)
    write_text(out, runs.to_csv(index=False, lineterminator="\n"))


def write_pretraining(diagnoses: list[Path], out: Path) -> None:
    """Write how the clusters of each pre-training agree with the hidden labels (NMI), as CSV.

    `seed` is empty for one that all seeds share.
    """
    columns = {"epoch": "epoch", "nmi": "nmi_with_labels", "nmi_previous": "nmi_with_previous"}
    names = ["dataset", "pre", "seed", *columns.values()]
    parts = []
    for path in diagnoses:
        found = read_object(path, "dataset", *columns)
        if len({len(found[name]) for name in columns}) > 1:
            raise UserError(
                f"{path} has more of epoch, nmi or nmi_previous than of the others: {AGAIN}"
            )
        if "pretrain" not in path.parts[:-2]:
            raise UserError(
                f"{path} is not in the folder of a PRE, pretrain/NAME, which says whose it is: "
                "give the file where it was made"
            )
        pre, *seed = path.parts[path.parts.index("pretrain") + 1 : -1]
        place = {"dataset": found["dataset"], "pre": pre}
        place["seed"] = seed[0].removeprefix("seed") if seed else ""
        rows = zip(*(found[name] for name in columns), strict=True)
        parts += [place | dict(zip(columns.values(), row, strict=True)) for row in rows]
    write_text(out, pd.DataFrame(parts, columns=names).to_csv(index=False, lineterminator="\n"))
