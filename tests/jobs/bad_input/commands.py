"""The tiny grid's commands, and how one is run and judged."""

import json
import os
import re
from pathlib import Path
from typing import Any

from wholepool import __main__ as cli
from wholepool.grid import slices
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve

ROOT = Path(__file__).parents[3]
N, BUDGET = 60, 7
CONFIG = {
    "device": "cpu",
    "datasets": {"digits": {"pool": {"size": N}}},
    "experiments": {"tiny": {"dataset": "digits", "budget": BUDGET, "initial": 20}},
    "methods": {"semi": {"pre": "deepcluster", "semi": "label_propagation"}},
    "cycles": 1,
    "seeds": 1,
    "network": {"width": 0.0625, "logit_scale": 10},
    "augment": {"translate": 1, "flip": False},
    "deepcluster": {"epochs": 1, "batch_size": 30, "clusters_per_class": 2},
    "sup": {"epochs": 1, "batch_size": 10, "lr": 0.05},
    "semi": {"epochs": 1, "batch_size": 32, "labeled_size": 10, "lr": 0.05},
    "propagation": {"k": 5},
}
CONFIG["methods"]["semi"]["strategies"] = ["coreset"]
RESOLVED = resolve(CONFIG)
PLAN = summary(RESOLVED)
SETTINGS = {**RESOLVED["datasets"]["digits"], **RESOLVED["experiments"]["tiny"]}
METRICS = "results/runs/tiny/semi/initial/seed0/cycle0/metrics.json"
PLACES = {
    "history.parquet": METRICS.replace("metrics.json", "history.parquet"),
    "source.json": "results/datasets/digits/source.json",
    "labeled.parquet": "results/runs/tiny/initial/seed0/labeled.parquet",
    "pseudo.parquet": METRICS.replace("metrics.json", "pseudo_labels.parquet"),
    "diagnosis.json": "results/datasets/digits/pretrain/deepcluster/diagnosis.json",
    "pretrain.parquet": "results/datasets/digits/pretrain/deepcluster/history.parquet",
}
RATES = {
    "format": 4,
    "device": "toy",
    "kind": "cpu",
    "networks": [],
    "graphs": [],
    "kmeans": [],
    "strategies": [],
}
RATES |= {"start": dict.fromkeys(("light", "scipy", "fitted", "features", "tables", "torch"), 1.0)}


def with_settings(**changes: Any) -> str:
    """The settings as JSON, some keys of sections replaced: sup={"lr": 1}."""
    return json.dumps(SETTINGS | {name: SETTINGS[name] | new for name, new in changes.items()})


#: as the workflow gives them: exactly what decides the result
TRAIN = json.dumps(
    slices.train(
        RESOLVED["datasets"]["digits"],
        RESOLVED["experiments"]["tiny"],
        RESOLVED["experiments"]["tiny"]["methods"]["semi"],
    )
)
DATA = json.dumps(slices.data(RESOLVED["datasets"]["digits"]))
PROPAGATE = json.dumps(slices.propagate(RESOLVED["experiments"]["tiny"]))
PRETRAIN = json.dumps(slices.pretrain(RESOLVED["datasets"]["digits"], "deepcluster"))

POOL = {"pool": "pool.npy", "info": "pool.json"}
ORACLE = {"oracle": "oracle.parquet"}
ASKED = {**ORACLE, "settings": json.dumps({"oracle": "hidden"})}
LABELED = {"labeled": "labeled.parquet"}
INFO = ["digits=pool.json"]
PAPER = {"paper": "paper.csv", "paper-grid": "grid.yaml"}
#: by stage: its options; what begins with > is an output
COMMANDS: dict[str, dict[str, Any]] = {
    "data": {
        **{"name": "digits", "data-dir": "data", "settings": DATA},
        **{"pool": ">pool.npy", "info": ">pool.json", "made": ">source.json"},
        "files": ">files.json",
        "oracle": ">oracle.parquet",
        **{"test-images": ">test_images.npy", "test-labels": ">test_labels.npy"},
    },
    "initial": {**POOL, **ASKED, "seed": 0, "size": 20, "out": ">labeled.parquet"},
    "label_all": {**POOL, **ASKED, "out": ">all_labels.parquet"},
    "pretrain": {
        **{**POOL, "pre": "deepcluster", "settings": PRETRAIN, "device": "cpu"},
        **{"history": ">pretrain.parquet", "clusters": ">clusters.npy"},
        **{"cluster-epochs": ">cluster_epochs.json", "out": ">theta.safetensors"},
    },
    "diagnose": {
        **{**POOL, **ORACLE, "clusters": "clusters.npy", "cluster-epochs": "cluster_epochs.json"},
        "out": ">diagnosis.json",
    },
    "train": {
        **{**POOL, **LABELED, "cell": "tiny/semi/initial/0/0", "semi": "label_propagation"},
        "pre": "deepcluster",
        **{"theta": "theta.safetensors", "settings": TRAIN, "device": "cpu"},
        **{"history": ">history.parquet", "out": ">model.safetensors"},
    },
    "embed": {
        **{**POOL, "cell": "tiny/semi/initial/0/0", "settings": with_settings(), "device": "cpu"},
        **{"model": "model.safetensors", "test-images": "test_images.npy"},
        **{"embeddings": ">embeddings.npy", "probabilities": ">probabilities.npy"},
        "test-probabilities": ">test_probabilities.npy",
    },
    "read_head": {
        **{**POOL, "cell": "tiny/semi/initial/0/0", "settings": with_settings()},
        **{"model": "model.safetensors", "head": ">head.npy"},
    },
    "propagate": {
        **{**POOL, **LABELED, "cell": "tiny/semi/initial/0/0", "settings": PROPAGATE},
        **{"embeddings": "embeddings.npy", "out": ">pseudo.parquet"},
        "device": "cpu",
    },
    "acquire": {
        **{**POOL, **LABELED, "cell": "tiny/semi/coreset/0/0", "strategy": "coreset"},
        **{"embeddings": "embeddings.npy", "budget": BUDGET, "settings": with_settings()},
        **{"out": ">queries.parquet", "device": "cpu"},
    },
    "label": {
        **{**POOL, **LABELED, **ASKED, "cell": "tiny/semi/coreset/0/1"},
        **{"queries": "queries.parquet", "out": ">next.parquet"},
    },
    "evaluate": {
        **{**POOL, **LABELED, **ASKED, "cell": "tiny/semi/initial/0/0"},
        **{"history": "history.parquet", "test-probabilities": "test_probabilities.npy"},
        **{"test-labels": "test_labels.npy", "pseudo-labels": "pseudo.parquet"},
        "out": ">" + METRICS,
    },
    "runs": {
        **{"results": "results", "config": json.dumps(CONFIG)},
        **{"info": INFO, "out": ">results/tables/runs.csv"},
        "settings-out": ">results/tables/settings.json",
    },
    "pretraining": {"diagnoses": [PLACES["diagnosis.json"]], "out": ">pretraining.csv"},
    "tables": {
        **{"runs": "results/tables/runs.csv", "grid": json.dumps(PLAN), "info": INFO},
        "out": ">results/tables",
    },
    "figures": {
        **{"runs": "results/tables/runs.csv", "accuracy": "results/tables/accuracy.csv"},
        **{"grid": json.dumps(PLAN), "info": INFO, "out": ">results/figures"},
    },
    "show": {"results": "results"},
    "land": {"results": "results", "command": "snakemake", "out": ">landed", "commit": "abc"},
    "compare": {
        **{**PAPER, "evidence": ["results/tables"], "tables": ">compared"},
        "figures": ">compared",
    },
    "cost": {"config": "grid.yaml", "out": ">cost.md"} | {"throughput": "rates.json"},
    "throughput": {"config": "grid.yaml", "out": ">rates.json"},
}


def command(stage: str, out: str = "", **changes: Any) -> list[str]:
    """A stage's command line, its outputs in the folder `out`; a change to None drops an option."""
    options = COMMANDS[stage] | {name.replace("_", "-"): new for name, new in changes.items()}
    words = [stage]
    for name, value in options.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        places = [re.sub("^>", out, str(value)) for value in values]
        words += [f"--{name}", *places] if isinstance(value, list) else [f"--{name}={places[0]}"]
    return words


def outputs(stage: str) -> list[str]:
    return [value[1:] for value in COMMANDS[stage].values() if str(value).startswith(">")]


#: the stages that are run in this order to make the files
CHAIN = (
    *("data", "initial", "label_all", "pretrain", "diagnose", "train", "embed", "read_head"),
    *("propagate", "acquire", "label", "evaluate", "runs", "pretraining", "tables", "figures"),
    *("show", "land"),
)


def contents(folder: Path) -> dict[str, Any]:
    """Every file: its bytes, and the inode and the time that tell if it was written again."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes() if os.access(path, os.R_OK) else None
            found[str(path.relative_to(folder))] = content, path.stat().st_ino, path.stat().st_mtime
    return found


def run(words: list[str]) -> int:
    """Run a command in this process; its exit status."""
    try:
        return cli.main(words)
    except SystemExit as stop:  # a wrong command line
        return stop.code


def paragraph(said: str) -> str:
    """The last message of a log on the terminal, which must be one paragraph."""
    assert "Traceback" not in said, said
    lines = said.rstrip("\n").split("\n")
    start = max(number for number, line in enumerate(lines) if line.startswith("["))
    for line in lines[start + 1 :]:  # the faults of a configuration stand one a line
        assert line.startswith("  - "), said
    return "\n".join(lines[start:])
