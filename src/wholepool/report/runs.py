"""Every cell's metrics gathered into one table, a row a run: results/tables/runs.csv.

Before that, what made each cell is compared with the configuration of today: runs of different
settings never share a name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.data.indexsets import read_metadata
from wholepool.grid import slices
from wholepool.grid.cells import Cell, cells
from wholepool.job.errors import ANEW, UserError
from wholepool.job.files import atomic, read_object
from wholepool.job.provenance import REPEATED, TIMES, differences

#: what runs.csv says of where a run comes from; the settings themselves stand in settings.json
PROVENANCE = (*(name for name in REPEATED if name != "settings"), *TIMES)
Infos = Mapping[str, Mapping[str, Any]]


def gather(results: Path, config: Mapping[str, Any], infos: Infos) -> pd.DataFrame:
    """A row for each cell of a resolved config, in its order, with every metric that it has.

    `infos` is {data set: the content of its pool.json}. Lists (per-class accuracy, labels per
    class) become one text, separated by spaces. What a result that was made by an earlier version
    does not say of itself is left empty. Raises UserError if a cell's metrics are missing or are
    another cell's, and as `check_settings` does.
    """
    checked = list(slices.of_results(config))
    made = {results / path: read_metadata(results / path) for path, _, _ in checked}
    check_settings(results, checked, made, infos)
    rows = []
    for cell in cells(config["experiments"]):
        path = results / cell.path / "metrics.json"
        metrics = read_metrics(path, cell)
        history = made[path.with_name("history.parquet")]
        if metrics.get("settings_digest") != history.get("settings_digest"):
            raise UserError(
                f"{path} measured a training with settings {metrics.get('settings_digest')}, but "
                f"history.parquet beside it is of one with {history.get('settings_digest')}: "
                f"delete {path}, and it is made anew"
            )
        experiment = config["experiments"][cell.experiment]
        dataset = infos[experiment["dataset"]]
        if metrics.get("fingerprint") != dataset["fingerprint"]:
            raise UserError(
                f"{path} was measured on another data set: its fingerprint is "
                f"{metrics.get('fingerprint')}, that of {experiment['dataset']} is "
                f"{dataset['fingerprint']}: delete it, and it is made anew"
            )
        known = dict.fromkeys(PROVENANCE) | {name: history.get(name) for name in TIMES}
        flat = {
            name: " ".join("" if v is None else f"{v:g}" for v in value)
            if isinstance(value, list)
            else value
            for name, value in metrics.items()
            if name != "settings"
        }
        place = {"dataset": experiment["dataset"], "budget": experiment["budget"]}
        rows.append({"experiment": cell.experiment, **known, **flat, **place})
    first = ["experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"]
    table = pd.DataFrame(rows)
    middle = [name for name in table.columns if name not in (*first, *PROVENANCE)]
    return table[[*first, *middle, *PROVENANCE]]


def read_metrics(path: Path, cell: Cell) -> dict[str, Any]:
    """A cell's metrics; UserError if they are missing, torn or another cell's."""
    if not path.exists():
        raise UserError(f"{path} is missing: its cell has not been run")
    metrics = read_object(path, "n_labels", "accuracy")
    for name in ("method", "strategy", "seed", "cycle"):
        if metrics.get(name) != getattr(cell, name):
            raise UserError(
                f"{path}: {name} is {metrics.get(name)!r}, but the file stands in the "
                f"folder of {getattr(cell, name)!r}: delete it, and it is made anew"
            )
    return metrics


def check_settings(
    results: Path,
    wanted: list[tuple[str, str, dict[str, Any]]],
    made: Mapping[Path, Mapping[str, str]],
    infos: Infos,
) -> None:
    """Raise UserError where a result was made with settings that the config gives no more.

    `wanted` is `slices.of_results` of the config, and `made` the metadata of its files. Each
    training's and pre-training's history is compared with its slice of the config and its
    data set, and the queries of each strategy that has settings with theirs. A file that says
    nothing of its settings was made by an earlier version, and is taken as it is.
    """
    faults: dict[tuple[str, str, str], list[Path]] = {}
    for path, dataset, now in wanted:
        then: dict[str, Any] = {**made[results / path]}
        if "settings" not in then:
            continue
        then["settings"] = json.loads(then["settings"])
        for name, value in (now | {"fingerprint": infos[dataset]["fingerprint"]}).items():
            for key, old, new in differences(then.get(name), value, name):
                fault = (key.removeprefix("settings."), str(old), str(new))
                faults.setdefault(fault, []).append(results / path)
    if faults:
        listed = [
            f"{key} is {old} in {paths[0]}{more(paths)}, {new} "
            + ("in its pool.json" if key == "fingerprint" else "in the config")
            for (key, old, new), paths in faults.items()
        ]
        raise UserError(
            "results of different settings stand under one name: "
            + "; ".join(listed)
            + ". Delete these files and run the same command again, which makes them anew; or put "
            "the setting back; or give the new one an experiment, or a results_dir, of its own"
        )


def more(paths: list[Path]) -> str:
    return f" and {len(paths) - 1} more" if len(paths) > 1 else ""


def write_runs(results: Path, config: Mapping[str, Any], infos: Infos, out: Path) -> None:
    """Write `gather`'s table as CSV."""
    table = gather(results, config, infos)
    with atomic(out) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_pretraining(diagnoses: list[Path], out: Path) -> None:
    """Write how the clusters of each pre-training agree with the hidden labels (NMI), as CSV."""
    rows = []
    for path in diagnoses:
        found = read_object(path, "dataset", "epoch", "nmi", "nmi_previous")
        if len({len(found[name]) for name in ("epoch", "nmi", "nmi_previous")}) > 1:
            raise UserError(
                f"{path} has more of epoch, nmi or nmi_previous than of the others: {ANEW}"
            )
        for epoch, nmi, previous in zip(
            found["epoch"], found["nmi"], found["nmi_previous"], strict=True
        ):
            rows.append(
                {
                    "dataset": found["dataset"],
                    "pre": path.parent.name,
                    "epoch": epoch,
                    "nmi_with_labels": nmi,
                    "nmi_with_previous": previous,
                }
            )
    with atomic(out) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")
