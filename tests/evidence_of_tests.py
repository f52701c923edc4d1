"""Evidence to compare with the paper: the paper's grid, changed or not, and runs of it."""

from pathlib import Path

import pandas as pd
import yaml
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from wholepool.grid.config import resolve
from wholepool.grid.protocol import METHODS, known
from wholepool.paper import comparison, evidence
from wholepool.report.accuracy import RUN_COLUMNS

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "evidence" / "paper.csv"
GRID = ROOT / "workflow" / "grids" / "paper.yaml"
WORDS = {
    name: {"labels": labels, "pre": pre, "semi": semi}
    for (labels, pre, semi), name in METHODS.items()
}


def resolved(changes=()):
    """The paper's grid with some "section.key" changed for all.

    "own.METHOD.key" is a key of the SUP of one method.
    """
    config = yaml.safe_load(GRID.read_text())
    for key, value in dict(changes).items():
        section, _, name = key.partition(".")
        if section == "own":
            method, _, name = name.partition(".")
            config["methods"][method].setdefault("sup", {})[name] = value
        elif section == "pool":
            for data in config["datasets"].values():
                data["pool"][name] = value
        elif not name:
            config[section] = value
        else:
            config.setdefault(section, {})[name] = value
            for own in config["experiments"].values():
                own.get(section, {}).pop(name, None)
    return resolve(config)


def folder_of(path, runs, changes=(), infos=()):
    """Evidence: runs as (experiment, method, strategy, cycle, {seed: accuracy})."""
    settings = resolved(changes)
    found = {}
    for name, data in settings["datasets"].items():
        s = known(data["source"])
        sizes = {"n": data["pool"]["size"] or s["n"], "n_test": s["n_test"]}
        sizes |= {"classes": s["classes"], "channels": s["channels"]}
        found[name] = sizes | {"height": s["size"], "width": s["size"]} | dict(infos)
    evidence.write_settings(settings, found, path / "settings.json")
    rows = []
    for experiment, method, strategy, cycle, accuracies in runs:
        plan = settings["experiments"][experiment]
        n = plan["initial"] + cycle * plan["budget"]
        if method == "full":
            n = found[plan["dataset"]]["n"]
        first = (experiment, plan["dataset"], plan["budget"], method, strategy)
        rows += [(*first, seed, cycle, n, value, "cpu", "c1") for seed, value in accuracies.items()]
    table = pd.DataFrame(rows, columns=[*RUN_COLUMNS, "device", "commit"])
    table.to_csv(path / "runs.csv", index=False)
    return evidence.read_evidence(path)


def compared(paper, *folders):
    return comparison.compare(paper, folders, resolved())


def at(table, dataset, budget, method, strategy, cycle):
    same = (table["dataset"] == dataset) & (table["cycle"] == cycle)
    same &= (table["budget"] == budget).fillna(False) if budget else table["budget"].isna()
    return table[same & (table["method"] == method) & (table["strategy"] == strategy)]


ONE = ("cifar10-b100", "baseline", "random", 1, {0: 36.0, 1: 37.0, 2: 38.5})


def results_of(folder, runs):
    """A finished grid: tables, weights, metrics and benchmarks."""
    folder_of(folder / "tables", runs)
    cell = folder / "runs/cifar10-b100/baseline/random/seed0/cycle1"
    cell.mkdir(parents=True, exist_ok=True)
    (cell / "model.safetensors").write_bytes(b"weights")
    (cell / "metrics.json").write_text("{}")
    for name, seconds in (("train/a.tsv", 30.5), ("train/b.tsv", 9.5), ("tables.tsv", 2)):
        path = folder / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:30\n")
    return folder


def points_of(figure):
    """(axes, accuracy, "paper" or "ours") of every marker of a comparison's figure."""
    return [
        (number, float(y), "paper" if to_hex(edge) == "#9a9a9a" else "ours")
        for number, axes in enumerate(figure.axes)
        for points in axes.collections
        if isinstance(points, PathCollection)
        for (_, y), edge in zip(points.get_offsets(), points.get_edgecolors(), strict=True)
    ]
