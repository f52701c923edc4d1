"""A finished grid's metrics, and what made them, written without running anything."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from wholepool.grid import made, slices
from wholepool.grid.cells import cells
from wholepool.grid.config import resolve
from wholepool.job.provenance import digest

INFOS = {"digits": {"fingerprint": "d1"}, "mnist": {"fingerprint": "m1"}}
SMALL = {
    "baseline": {"strategies": ["random"]},
    "semi": {"semi": "label_propagation", "strategies": ["random", "jlp"]},
}
ONE = {"dataset": "digits", "budget": 10, "methods": SMALL}
BARE = {"strategies": ["coreset"]}
LARGE = {"pre": {"pre": "deepcluster", **BARE}}
OTHER = {"dataset": "mnist", "budget": 20, "methods": LARGE}


def given(**changes):
    """A config as a user writes it: 10 + 6 + 6 cells, a pre-training, jLP's queries."""
    config = {
        "cycles": 3,
        "seeds": 2,
        "datasets": {"digits": {}, "mnist": {}},
        "experiments": {
            "small": ONE,
            "large": OTHER,
        },
    }
    return config | changes


def plan(**changes):
    return resolve(given(**changes))


def metrics_of(cell, number, config):
    experiment = config["experiments"][cell.experiment]
    dataset = experiment["dataset"]
    words = experiment["methods"][cell.method]
    settings = slices.train(config["datasets"][dataset], experiment, words)
    return {
        "method": cell.method,
        "strategy": cell.strategy,
        "seed": cell.seed,
        "cycle": cell.cycle,
        "n_labels": 10 * (cell.cycle + 1),
        "accuracy": number + 0.125,
        "per_class": [50.0, None, 100 / 3],
        "missing": None,
        "fingerprint": INFOS[dataset]["fingerprint"],
        "commit": "c0ffee",
        "device": "cpu",
        "settings": settings,
        "settings_digest": digest(settings),
    }


def write_metadata(path, **metadata):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"loss": [1.0]}).replace_schema_metadata(metadata), path)


def write_json(path, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    there = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(there | more))


def add_metadata(path, **metadata):
    there = {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
    write_metadata(path, **there | metadata)


def write_results(folder, config):
    """What a finished grid holds of metrics, and of what made them."""
    for number, cell in enumerate(cells(config["experiments"])):
        path = folder / cell.path / "metrics.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(metrics_of(cell, number, config)))
    for path, dataset, told in made.of_results(config):
        if path.endswith(".json"):
            write_json(folder / path, **told)
            continue
        if "settings" in told:
            told = told | {"settings": json.dumps(told["settings"], sort_keys=True)}
            told["settings_digest"] = digest(json.loads(told["settings"]))
        told |= {"fingerprint": INFOS[dataset]["fingerprint"], "seconds": "12.5", "resumed": "1"}
        told |= {"started": "2026-11-25T10:00:00+00:00", "finished": "2026-11-25T10:00:12+00:00"}
        write_metadata(folder / path, **told)
