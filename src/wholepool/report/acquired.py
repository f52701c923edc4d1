"""The images that each trajectory of a grid acquired, and the space they lie in, from its files.

Only files that stay are read: the labeled set of a trajectory's last cycle, which holds all earlier
ones, the pool, and the features of a PRE that gives them. Of a labeled set the labels are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid import plan
from wholepool.grid.cells import ALL, INITIAL, Cell, cold, is_full

if TYPE_CHECKING:  # planning asks for `files`, where there is no NumPy
    import numpy as np
    import pandas as pd

    from wholepool.statistics.selection import Acquired
    from wholepool.statistics.trajectories import Curve

Config = Mapping[str, Any]
PIXELS = "pixels"


def files(config: Config) -> list[tuple[str, str]]:
    """What is read of a finished grid: (name in the plan, path below its results), each once."""
    found: dict[tuple[str, str], None] = {}
    for cell in _last_cells(config):
        found |= dict.fromkeys(plan.described(config, cell).items())
        found["labeled", plan.labeled_set(config, cell, cell.cycle)] = None
        for path in _features(config, plan.dataset_of(config, cell)):
            found["features", path] = None
    return list(found)


def _last_cells(config: Config) -> Iterator[Cell]:
    """The last cell of every trajectory that acquires."""
    for name, experiment in config["experiments"].items():
        for method, words in experiment["methods"].items():
            if experiment["cycles"] > 1 and not is_full(words):
                for strategy in words["strategies"]:
                    for seed in experiment["seeds"]:
                        yield Cell(name, method, strategy, seed, experiment["cycles"] - 1)


def read_acquired(
    results: Path, config: Config, runs: pd.DataFrame, dropped: list[int]
) -> dict[Curve, dict[int, Acquired]]:
    """The labeled set of the last cycle that each trajectory has in `runs`, by curve and seed.

    Raises UserError where a file is missing or damaged.
    """
    from wholepool.data.indexsets import read_index_set
    from wholepool.data.pool import read_pool
    from wholepool.statistics.selection import Acquired
    from wholepool.statistics.trajectories import Curve

    done = runs[~runs["strategy"].isin((ALL, INITIAL)) & ~runs["seed"].isin(dropped)]
    keys = ["experiment", "method", "strategy", "seed"]
    found: dict[Curve, dict[int, Acquired]] = {}
    for (experiment, method, strategy, seed), cycle in done.groupby(keys)["cycle"].max().items():
        cell = Cell(experiment, method, strategy, int(seed), int(cycle))
        made = plan.described(config, cell)
        pool = read_pool(results / made["pool"], results / made["info"])
        path = results / plan.labeled_set(config, cell, cell.cycle)
        labeled = read_index_set(path, "labeled", pool, cell.seed)
        own = Acquired(labeled["index"], labeled["cycle"].astype("int64"), pool.n)
        found.setdefault(Curve(*cell[:3]), {})[cell.seed] = own
    return found


def space(results: Path, config: Config, dataset: str) -> tuple[str, np.ndarray]:
    """Rows float32 (n, d) of a data set's pool, and what they are: a PRE's features, or pixels.

    The features are those of the first PRE in the plan that gives any; pixels are centered. Raises
    UserError where a file is missing or damaged.
    """
    from wholepool.data.arrays import read_features
    from wholepool.job.files import load_array

    for path in _features(config, dataset):
        rows = read_features(results / path)
        return Path(path).parent.name, rows.astype("float32", copy=False)
    images = load_array(results / plan.of_dataset(dataset, "pool")["pool"], mapped=True)
    rows = images.reshape(len(images), -1).astype("float32")
    rows -= rows.mean(axis=0)
    return PIXELS, rows


def _features(config: Config, dataset: str) -> list[str]:
    """The file of the first PRE of a data set that gives features, in a list; or none."""
    for experiment in config["experiments"].values():
        if experiment["dataset"] == dataset:
            start = cold(experiment)
            for words in (*experiment["methods"].values(), *([start] if start else [])):
                if plan.gives_features(words):
                    here = plan.pre_folder(dataset, words["pre"])
                    return [plan.placed(here, "features")["out"]]
    return []
