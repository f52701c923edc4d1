"""Bad input: every case runs a real command on a folder in which one thing is wrong.

A tiny grid's files are made once, by the commands themselves. Each case copies them, spoils one,
and runs one command, which must fail with one paragraph that names file or key, value and remedy,
and must leave every file as it was. Two runs in one folder at once: test_locks.py, test_kills.py.
"""

import contextlib
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from wholepool import __main__ as cli
from wholepool.data.sources import SOURCES, Images, Source
from wholepool.grid import slices
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve

pytestmark = pytest.mark.usefixtures("clean_process")
ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
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
    "pretrain": {"epochs": 1, "batch_size": 30, "clusters_per_class": 2},
    "sup": {"epochs": 1, "batch_size": 10, "lr": 0.05, "cosine_epochs": 1.1},
    "semi": {"epochs": 1, "batch_size": 32, "labeled_size": 10, "lr": 0.05, "cosine_epochs": 1.1},
    "propagation": {"k": 5},
}
CONFIG["methods"]["semi"]["strategies"] = ["coreset"]
RESOLVED = resolve(CONFIG, SCHEMA)
PLAN = summary(RESOLVED)
SETTINGS = {**RESOLVED["datasets"]["digits"], **RESOLVED["experiments"]["tiny"]}
METRICS = "results/runs/tiny/semi/initial/seed0/cycle0/metrics.json"
PLACES = {
    "history.parquet": METRICS.replace("metrics.json", "history.parquet"),
    "pretrain.parquet": "results/datasets/digits/pretrain/deepcluster/history.parquet",
}
RATES = {
    "device": "toy",
    "kind": "cpu",
    "networks": [],
    "graphs": [],
    "kmeans": [],
    "strategies": [],
}
RATES |= {"start": dict.fromkeys(("light", "scipy", "tables", "torch"), 1.0)}


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
PRETRAIN = json.dumps(slices.pretrain(RESOLVED["datasets"]["digits"]))

# ---------------------------------------------------------------------------------------------
# The commands
# ---------------------------------------------------------------------------------------------

POOL = {"pool": "pool.npy", "info": "pool.json"}
ORACLE = {"oracle": "oracle.parquet"}
LABELED = {"labeled": "labeled.parquet"}
INFO = ["digits=pool.json"]
PAPER = {"paper": "paper.csv", "paper-grid": "grid.yaml", "schema": str(SCHEMA)}
#: by stage: its options; what begins with > is an output
COMMANDS: dict[str, dict[str, Any]] = {
    "data": {
        **{"name": "digits", "data-dir": "data", "settings": with_settings()},
        **{"pool": ">pool.npy", "info": ">pool.json", "oracle": ">oracle.parquet"},
        **{"test-images": ">test_images.npy", "test-labels": ">test_labels.npy"},
    },
    "initial": {**POOL, **ORACLE, "seed": 0, "size": 20, "out": ">labeled.parquet"},
    "label_all": {**POOL, **ORACLE, "out": ">all_labels.parquet"},
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
        **{**POOL, **LABELED, "cell": "semi/initial/0/0", "semi": "label_propagation"},
        **{"theta": "theta.safetensors", "settings": TRAIN, "device": "cpu"},
        **{"history": ">history.parquet", "out": ">model.safetensors"},
    },
    "embed": {
        **{**POOL, "cell": "semi/initial/0/0", "settings": with_settings(), "device": "cpu"},
        **{"model": "model.safetensors", "test-images": "test_images.npy"},
        **{"embeddings": ">embeddings.npy", "probabilities": ">probabilities.npy"},
        "test-probabilities": ">test_probabilities.npy",
    },
    "propagate": {
        **{**POOL, **LABELED, "cell": "semi/initial/0/0", "settings": with_settings()},
        **{"embeddings": "embeddings.npy", "graph": ">graph.npz", "out": ">pseudo.parquet"},
        "device": "cpu",
    },
    "acquire": {
        **{**POOL, **LABELED, "cell": "semi/coreset/0/0", "strategy": "coreset"},
        **{"embeddings": "embeddings.npy", "budget": BUDGET, "settings": with_settings()},
        **{"out": ">queries.parquet", "device": "cpu"},
    },
    "label": {
        **{**POOL, **LABELED, **ORACLE, "cell": "semi/coreset/0/1"},
        **{"queries": "queries.parquet", "out": ">next.parquet"},
    },
    "evaluate": {
        **{**POOL, **LABELED, **ORACLE, "cell": "semi/initial/0/0"},
        **{"history": "history.parquet", "test-probabilities": "test_probabilities.npy"},
        **{"test-labels": "test_labels.npy", "pseudo-labels": "pseudo.parquet"},
        "out": ">" + METRICS,
    },
    "runs": {
        **{"results": "results", "config": json.dumps(CONFIG), "schema": str(SCHEMA)},
        **{"info": INFO, "out": ">results/tables/runs.csv"},
        "settings-out": ">results/tables/settings.json",
    },
    "pretraining": {"diagnoses": ["diagnosis.json"], "out": ">pretraining.csv"},
    "tables": {
        **{"runs": "results/tables/runs.csv", "grid": json.dumps(PLAN), "info": INFO},
        "out": ">results/tables",
    },
    "figures": {
        **{"accuracy": "results/tables/accuracy.csv", "grid": json.dumps(PLAN), "info": INFO},
        "out": ">results/figures",
    },
    "show": {"results": "results"},
    "land": {"results": "results", "command": "snakemake", "out": ">landed", "commit": "abc"},
    "compare": {
        **{**PAPER, "evidence": ["results/tables"], "tables": ">compared"},
        "figures": ">compared",
    },
    "cost": {"config": "grid.yaml", "schema": str(SCHEMA), "out": ">cost.md"}
    | {"throughput": "rates.json"},
    "throughput": {"config": "grid.yaml", "schema": str(SCHEMA), "out": ">rates.json"},
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
    *("data", "initial", "label_all", "pretrain", "diagnose", "train", "embed", "propagate"),
    *("acquire", "label", "evaluate", "runs", "pretraining", "tables", "figures", "show", "land"),
)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A folder in which every command finds what it needs."""
    folder = tmp_path_factory.mktemp("healthy")
    (folder / "grid.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "rates.json").write_text(json.dumps(RATES))
    shutil.copy(ROOT / "evidence" / "paper.csv", folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in CHAIN:
            assert cli.main(command(stage)) == 0, stage
            for file, place in PLACES.items():  # where the stage runs looks for them
                if stage == "evaluate":
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(folder / file, folder / place)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def folder(healthy, tmp_path, monkeypatch):
    """A copy of it, to be spoiled; the working directory of the test."""
    here = tmp_path / "here"
    shutil.copytree(healthy, here)
    monkeypatch.chdir(here)
    return here


def contents(folder: Path) -> dict[str, Any]:
    """Every file: its bytes, and the inode and the time that tell if it was written anew."""
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


# ---------------------------------------------------------------------------------------------
# Ways to spoil a file
# ---------------------------------------------------------------------------------------------

Spoil = Callable[[Path], Any]


def nothing(folder: Path) -> None:
    """The command line alone is wrong."""


def gone(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def torn(name: str, share: float = 0.5) -> Spoil:
    """Half-written: the first part of the file."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return spoil


def text(name: str, content: str | bytes) -> Spoil:
    """The file holds something else."""
    content = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(content)


def is_folder(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)

    return spoil


def array(name: str, change: Callable[[np.ndarray], Any]) -> Spoil:
    """Change the array of a .npy file."""

    def spoil(folder: Path) -> None:
        found = np.load(folder / name)
        changed = change(found.copy())
        np.save(folder / name, found if changed is None else changed, allow_pickle=True)

    return spoil


def with_cell(row: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Put a value into a row of an array."""

    def change(found: np.ndarray) -> np.ndarray:
        found[row] = value
        return found

    return change


def columns(name: str, drop: tuple[str, ...] = (), **changes: Any) -> Spoil:
    """Change the columns of an index set as none of our writers does; its metadata stay."""

    def spoil(folder: Path) -> None:
        table = pq.read_table(folder / name)
        arrays = {key: table.column(key) for key in table.column_names if key not in drop}
        for key, change in changes.items():
            arrays[key] = change(table.column(key).to_numpy().copy())
        changed = pa.table(arrays).replace_schema_metadata(table.schema.metadata)
        pq.write_table(changed, folder / name)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        for each in spoils:
            each(folder)

    return spoil


def metadata(name: str, **changes: str) -> Spoil:
    new = {key.encode(): value.encode() for key, value in changes.items()}

    def spoil(folder: Path) -> None:
        table = pq.read_table(folder / name)
        pq.write_table(table.replace_schema_metadata(table.schema.metadata | new), folder / name)

    return spoil


def rewritten(name: str, kind: str, seed: int, at: int, /, **changes: Any) -> Spoil:
    """An index set that is right as such, of the columns as they are changed."""
    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.data.pool import read_pool

    def spoil(folder: Path) -> None:
        pool = read_pool(folder / "pool.npy", folder / "pool.json")
        found = read_index_set(folder / name, kind, pool)
        found |= {key: change(found[key].copy()) for key, change in changes.items()}
        write_index_set(folder / name, kind, found, pool, seed, at)

    return spoil


def of_other_pool(name: str) -> Spoil:
    """The file that the same stage makes for other images of the same shape and number."""

    def spoil(folder: Path) -> None:
        other = folder / "other"
        other.mkdir()
        settings = with_settings(pool={"seed": 1})
        assert cli.main(command("data", out="other/", settings=settings)) == 0
        shutil.copy(other / "oracle.parquet", folder / name)
        if name == "labeled.parquet":
            its = {key: f"other/{path}" for key, path in {**POOL, **ORACLE}.items()}
            assert cli.main(command("initial", **its)) == 0

    return spoil


def first_is(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    return with_cell(0, value)


def in_json(name: str, **changes: Any) -> Spoil:
    """Change keys of a JSON file; None drops one."""

    def spoil(folder: Path) -> None:
        found = json.loads((folder / name).read_text()) | changes
        kept = {key: value for key, value in found.items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return spoil


def in_text(name: str, before: str, after: str) -> Spoil:
    def spoil(folder: Path) -> None:
        content = (folder / name).read_text()
        assert before in content
        (folder / name).write_text(content.replace(before, after, 1))

    return spoil


def config(path: str, value: Any) -> Spoil:
    """The grid with one key, given with slashes, set to a value."""

    def spoil(folder: Path) -> None:
        grid = yaml.safe_load((folder / "grid.yaml").read_text())
        place = grid
        *above, last = path.split("/")
        for key in above:
            place = place.setdefault(key, {})
        place[last] = value
        (folder / "grid.yaml").write_text(yaml.safe_dump(grid))

    return spoil


def weights(name: str, **settings: Any) -> Spoil:
    """The weights of a network with other settings."""

    def spoil(folder: Path) -> None:
        from wholepool.learn.networks.conv13 import Network
        from wholepool.learn.weights import save_weights

        network = Network(1, 10, **SETTINGS["network"] | settings)
        save_weights(folder / name, network.state_dict())

    return spoil


def not_finite(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        from wholepool.learn.weights import load_weights, save_weights

        state = load_weights(folder / name)
        key = next(key for key in state if key.startswith("trunk."))
        state[key] = state[key] * float("nan")
        save_weights(folder / name, state)

    return spoil


def mnist(*spoils: tuple[str, bytes]) -> Spoil:
    """Files where torchvision looks for MNIST, none of them as published."""

    def spoil(folder: Path) -> None:
        raw = folder / "data" / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, content in spoils:
            (raw / name).write_bytes(content)

    return spoil


PICKLED = pickle.dumps({"weights": [1, 2, 3]})


# ---------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """What is wrong, the stage that is run, how its input is spoiled, and what must be said."""

    name: str
    stage: str
    spoil: Spoil
    says: tuple[str, str, str]
    options: dict[str, Any]


def case(name: str, stage: str, spoil: Spoil, *says: str, **options: Any) -> Case:
    file, value, remedy = says
    return Case(name, stage, spoil, (file, value, remedy), options)


def of_source(source: str, **wanted: Any) -> str:
    return json.dumps({"source": source, "pool": SETTINGS["pool"] | wanted})


LONE_EPOCH = {"epochs": 3, "cosine_epochs": 3.1}
GRID = [
    case(
        *("unknown key", "cost", config("color", "red")),
        *("unknown key color", "the configuration is wrong", "known: "),
    ),
    case(
        *("misspelt key", "cost", config("cycels", 3)),
        *("cycels", "unknown key", "did you mean cycles?"),
    ),
    case(
        *("misspelt key in a section", "cost", config("sup/epoch", 3)),
        *("sup.epoch", "unknown key", "did you mean epochs?"),
    ),
    case(
        *("budget larger than the pool", "cost"),
        both(config("experiments/tiny/budget", 61), config("cycles", 2)),
        *("experiments.tiny", "budget 61", "make budget or cycles smaller"),
    ),
    case(
        *("cycles that outrun the pool", "cost", config("cycles", 7)),
        *("experiments.tiny", "7 cycles need 62 labels", "make budget or cycles smaller"),
    ),
    case(
        *("negative budget", "cost", config("experiments/tiny/budget", -5)),
        *("experiments.tiny.budget", "-5", "minimum of 1"),
    ),
    case(*("zero seeds", "cost", config("seeds", 0)), *("seeds", "0", "minimum of 1")),
    case(*("no seeds", "cost", config("seeds", [])), *("seeds", "[]", "non-empty")),
    case(
        *("the same seed twice", "cost", config("seeds", [1, 1])),
        *("seeds", "[1, 1]", "How many repeats"),
    ),
    case(
        *("unknown strategy", "cost", config("methods/semi/strategies", ["coresett"])),
        *("experiments.tiny.methods.semi", "'coresett'", "did you mean coreset?"),
    ),
    case(
        *("CEAL with SEMI", "cost", config("methods/semi/strategies", ["ceal"])),
        *("experiments.tiny.methods.semi", "ceal", "remove it from this method's strategies"),
    ),
    case(
        *("unknown SEMI", "cost", config("methods/semi/semi", "label_propagate")),
        *("experiments.tiny.methods.semi", "'label_propagate'", "did you mean label_propagation?"),
    ),
    case(
        *("as many neighbors as images", "cost", config("propagation/k", 60)),
        *("propagation.k", "60", "below the pool's 60 images"),
    ),
    case(
        *("fewer initial labels than classes", "cost", config("experiments/tiny/initial", 9)),
        *("experiments.tiny", "initial is 9", "at least one label for each of 10 classes"),
    ),
    case(*("no methods", "cost", config("methods", {})), *("methods", "{}", "non-empty")),
    case(
        *("no strategies", "cost", config("methods/semi/strategies", [])),
        *("experiments.tiny.methods.semi", "strategies is empty", "name at least one"),
    ),
    case(
        *("unknown data set", "cost", config("experiments/tiny/dataset", "digit")),
        *("experiments.tiny", "'digit'", "did you mean digits?"),
    ),
    case(
        *("unknown source", "cost", config("datasets/cifar", {"source": "cifar11"})),
        *("datasets.cifar", "'cifar11'", "did you mean cifar10"),
    ),
    case(
        *("pool larger than its source", "cost", config("datasets/digits/pool/size", 1298)),
        *("datasets.digits", "1298", "make it smaller"),
    ),
    case(
        *("a boolean for a number", "cost", config("sup/epochs", True)),
        *("sup.epochs", "True", "not of type 'integer'"),
    ),
    case(
        *("a word for a number", "cost", config("sup/lr", "fast")),
        *("sup.lr", "'fast'", "not of type 'number'"),
    ),
    case(
        *("not a number", "cost", config("sup/lr", float("nan"))),
        *("sup.lr", "nan", "not of type 'number'"),
    ),
    case(
        *("infinite", "cost", config("propagation/gamma", float("inf"))),
        *("propagation.gamma", "inf", "not of type 'number'"),
    ),
    case(
        *("no threads", "cost", config("threads", 0)),
        *("threads", "0", "minimum of 1"),
    ),
    case(
        *("unknown device", "cost", config("device", "gpu")),
        *("device", "'gpu'", "must be one of auto, cpu, cuda"),
    ),
    case(
        *("a number for a section", "cost", config("sup", 3)),
        *("sup", "3", "not of type 'object'"),
    ),
    case(
        *("a section left empty", "cost", config("sup", None)),
        *("sup", "None", "give it a value, or remove the key"),
    ),
    case(
        *("a name that a shell would run", "cost", config("datasets/x; touch pwned", {})),
        *("datasets", "'x; touch pwned'", "Letters, digits and . _ + - only"),
    ),
    case(
        *("a folder that a shell would split", "cost", config("results_dir", "a b$(id)")),
        *("results_dir", "'a b$(id)'", "Where everything that is made goes"),
    ),
    case(
        *("more labels than a batch holds", "cost", config("semi/labeled_size", 32)),
        *("semi.labeled_size", "32", "below semi.batch_size"),
    ),
    case(
        *("shift beyond the image", "cost", config("augment/translate", 16)),
        *("augment.translate", "16", "below the 16 pixels"),
    ),
    case(
        *("full supervision with a strategy", "cost", config("methods/semi/labels", "all")),
        *("experiments.tiny.methods.semi", "labels is all", "remove its strategies"),
    ),
    case(
        *("rates too few for the cosine", "cost", config("sup/cosine_epochs", 0.5)),
        *("sup.cosine_epochs", "0.5", "1.05 times the epochs"),
    ),
    case(
        *("YAML with tabs", "cost", text("grid.yaml", "seeds: 1\nsup:\n\tepochs: 3\n")),
        *("grid.yaml", "line 3", "spaces"),
    ),
    case(
        *("YAML that breaks off", "cost", text("grid.yaml", "seeds: [1, 2\n")),
        *("grid.yaml", "line 2", "not YAML"),
    ),
    case(
        *("a key twice", "cost", text("grid.yaml", "seeds: 1\ncycles: 2\nseeds: 2\n")),
        *("grid.yaml", "line 3: key 'seeds'", "keep one"),
    ),
    case(
        *("a key twice in a section", "cost", text("grid.yaml", "sup: {lr: 1, epochs: 2, lr: 3}")),
        *("grid.yaml", "line 1: key 'lr'", "keep one"),
    ),
    case(
        *("YAML that would run code", "cost"),
        text("grid.yaml", "seeds: !!python/object/apply:os.system ['touch pwned']"),
        *("grid.yaml", "python/object/apply:os.system", "not YAML"),
    ),
    case(
        *("an empty grid", "cost", text("grid.yaml", "")),
        *("grid.yaml", "empty", "datasets and experiments"),
    ),
    case(
        *("a grid that is a list", "cost", text("grid.yaml", "- 1\n- 2\n")),
        *("grid.yaml", "list", "datasets and experiments"),
    ),
    case(
        *("a grid of bytes", "cost", text("grid.yaml", b"\xff\xfe\x00\x81")),
        *("grid.yaml", "UTF-8", "not YAML"),
    ),
    case(*("no grid", "cost", gone("grid.yaml")), *("grid.yaml", "is missing", "--config")),
    case(
        *("a folder for a grid", "throughput", is_folder("grid.yaml")),
        *("grid.yaml", "directory", "--config"),
    ),
    case(
        *("no schema", "cost", nothing),
        *("nowhere.yaml", "is missing", "--schema"),
        schema="nowhere.yaml",
    ),
    case(
        *("torn rates", "cost", torn("rates.json")),
        *("rates.json", "no file of measured rates", "make one"),
    ),
    case(
        *("rates without networks", "cost", nothing),
        *("width 0.0625", "no network", "measure with"),
    ),
    case(*("no jobs at a time", "cost", nothing), *("--jobs", "0", "at least 1"), jobs=0),
]

DATA = [
    case(
        *("source that is not known", "data", nothing),
        *("source", "'digit'", "did you mean digits?"),
        settings=of_source("digit"),
    ),
    case(
        *("more images than there are", "data", nothing),
        *("pool.size", "5000", "only 1297 training images"),
        settings=of_source("digits", size=5000),
    ),
    case(
        *("two means for one channel", "data", nothing),
        *("pool.mean", "2 values", "give one per channel"),
        settings=of_source("digits", mean=[0.1, 0.2]),
    ),
    case(
        *("settings that break off", "data", nothing),
        *("--settings", "{", "JSON"),
        settings="{",
    ),
    case(
        *("settings without a section", "data", nothing),
        *("--settings", "pool", "give"),
        settings='{"source": "digits"}',
    ),
    case(
        *("data_dir that is a file", "data", text("data", "")),
        *("data", "is a file", "data_dir"),
        settings=of_source("mnist"),
    ),
    case(
        *("data that are not there", "data", nothing),
        *("MNIST", "no network in tests", "set data_dir to where it is"),
        settings=of_source("mnist"),
    ),
    case(
        *("wrong checksum", "data", mnist(("t10k-labels-idx1-ubyte", b"\0\0\x08\x01" * 9))),
        *("data/MNIST/raw/t10k-labels-idx1-ubyte", "MD5", "Delete it"),
        settings=of_source("mnist"),
    ),
    case(
        *("truncated download", "data"),
        mnist(("train-images-idx3-ubyte.gz", b"\x1f\x8b\x08\0\0\0\0\0")),
        *("MNIST", "no complete copy", "run the same command again"),
        settings=of_source("mnist"),
    ),
    case(
        *("truncated archive", "data"),
        lambda folder: (
            (folder / "data").mkdir(),
            (folder / "data" / "cifar-10-python.tar.gz").write_bytes(b"\x1f\x8b\x08\0half"),
        ),
        *("CIFAR10", "no complete copy", "run the same command again"),
        settings=of_source("cifar10"),
    ),
    case(
        *("images of mixed sizes", "data", nothing),
        *("'mixed'", "sizes", "one size"),
        settings=of_source("mixed"),
    ),
    case(
        *("test images of another size", "data", nothing),
        *("'other_test'", "(5, 8, 8, 1)", "one size"),
        settings=of_source("other_test"),
    ),
    case(
        *("images that are no bytes", "data", nothing),
        *("'floats'", "float64", "uint8"),
        settings=of_source("floats"),
    ),
    case(
        *("a label for nothing", "data", nothing),
        *("'short'", "19 labels", "one label each"),
        settings=of_source("short"),
    ),
    case(
        *("a label that is no class", "data", nothing),
        *("'eleventh'", "label 10", "10 classes"),
        settings=of_source("eleventh"),
    ),
]

POOLS = [
    case(*("no pool", "initial", gone("pool.npy")), *("pool.npy", "missing", "anew")),
    case(*("half a pool", "initial", torn("pool.npy")), *("pool.npy", "not complete", "anew")),
    case(
        *("pool of pickles", "initial"),
        array("pool.npy", lambda found: np.array([found, PICKLED], dtype=object)),
        *("pool.npy", "pickle", "anew"),
    ),
    case(
        *("pool of another shape", "initial", array("pool.npy", lambda found: found[:50])),
        *("pool.npy", "(50, 16, 16, 1)", "anew"),
    ),
    case(
        *("pool of another type", "initial", array("pool.npy", lambda found: found / 255)),
        *("pool.npy", "float64", "anew"),
    ),
    case(*("torn description", "train", torn("pool.json")), *("pool.json", "complete", "anew")),
    case(
        *("description without a key", "initial", in_json("pool.json", std=None)),
        *("pool.json", "std", "anew"),
    ),
    case(
        *("description that is a list", "initial", text("pool.json", "[1, 2]")),
        *("pool.json", "list", "anew"),
    ),
    case(
        *("description of no classes", "label_all", in_json("pool.json", class_names=[])),
        *("pool.json", "class_names", "anew"),
    ),
    case(
        *("empty description", "label_all", text("pool.json", "")),
        *("pool.json", "not a complete JSON file", "anew"),
    ),
    case(
        *("more initial labels than a class has", "initial", nothing),
        *("initial", "61 labels need 7 images of class", "make initial smaller"),
        size=61,
    ),
    case(
        *("negative initial labels", "initial", nothing),
        *("--size", "-5", "at least 1"),
        size=-5,
    ),
    case(
        *("hidden labels of other images", "initial", of_other_pool("oracle.parquet")),
        *("oracle.parquet", "fingerprint", "made for this pool"),
    ),
    case(
        *("hidden labels of half the pool", "label_all"),
        rewritten("oracle.parquet", "oracle", -1, -1, index=lambda i: i[::-1].copy()),
        *("oracle.parquet", "60 images", "makes it anew"),
    ),
]

SETS = [
    case(
        *("no labeled set", "train", gone("labeled.parquet")),
        *("labeled.parquet", "is missing", "makes it"),
    ),
    case(
        *("half-written Parquet", "train", torn("labeled.parquet")),
        *("labeled.parquet", "not a complete Parquet file", "anew"),
    ),
    case(
        *("empty file", "propagate", text("labeled.parquet", "")),
        *("labeled.parquet", "not a complete Parquet file", "anew"),
    ),
    case(
        *("folder for a labeled set", "evaluate", is_folder("labeled.parquet")),
        *("labeled.parquet", "directory", "anew"),
    ),
    case(
        *(
            "index twice",
            "train",
            columns("labeled.parquet", index=lambda i: i[[0, 0, *range(2, 20)]]),
        ),
        *("labeled.parquet", "occurs more than once", "anew"),
    ),
    case(
        *("index out of range", "train", columns("labeled.parquet", index=first_is(60))),
        *("labeled.parquet", "index 60", "anew"),
    ),
    case(
        *("negative index", "acquire", columns("labeled.parquet", index=first_is(-1))),
        *("labeled.parquet", "index -1", "anew"),
    ),
    case(
        *("label that is no class", "propagate", columns("labeled.parquet", label=first_is(10))),
        *("labeled.parquet", "label 10", "anew"),
    ),
    case(
        *("cycle that is none", "train", columns("labeled.parquet", cycle=first_is(-3))),
        *("labeled.parquet", "cycle -3", "anew"),
    ),
    case(
        *("labeled set of another data set", "train", of_other_pool("labeled.parquet")),
        *("labeled.parquet", "fingerprint", "made for this pool"),
    ),
    case(
        *("queries for a labeled set", "train", nothing),
        *("queries.parquet", "'queries'", "not 'labeled'"),
        labeled="queries.parquet",
    ),
    case(
        *("wrong type", "train", columns("labeled.parquet", label=lambda v: v.astype(np.float64))),
        *("labeled.parquet", "label is double", "anew"),
    ),
    case(
        *("missing column", "label", columns("labeled.parquet", drop=("cycle",))),
        *("labeled.parquet", "['index', 'label']", "anew"),
    ),
    case(
        *("empty values", "train"),
        columns("labeled.parquet", label=lambda v: pa.array([None, *v[1:].tolist()], pa.int32())),
        *("labeled.parquet", "1 empty values", "anew"),
    ),
    case(
        *("nothing is labeled", "train"),
        rewritten(
            *("labeled.parquet", "labeled", 0, 0),
            **dict.fromkeys(("index", "label", "cycle"), lambda column: column[:0]),
        ),
        *("labeled.parquet", "no label", "anew"),
    ),
    case(
        *("relabeled before it grows", "label"),
        rewritten("labeled.parquet", "labeled", 0, 0, label=lambda v: np.roll(v, 3)),
        *("labeled.parquet", "the oracle", "anew"),
    ),
    case(
        *("relabeled before it is judged", "evaluate"),
        rewritten("labeled.parquet", "labeled", 0, 0, label=lambda v: (v + 1) % 10),
        *("labeled.parquet", "the oracle", "anew"),
    ),
    case(
        *("labeled set of another seed", "train", rewritten("labeled.parquet", "labeled", 4, 0)),
        *("labeled.parquet", "seed 4", "of seed 0"),
    ),
    case(
        *(
            "labeled set of another cycle",
            "evaluate",
            rewritten("labeled.parquet", "labeled", 0, 2),
        ),
        *("labeled.parquet", "cycle 2", "of cycle 0"),
    ),
    case(
        *("queries of another cycle", "label", rewritten("queries.parquet", "queries", 0, 1)),
        *("queries.parquet", "cycle 1", "of cycle 0"),
    ),
    case(
        *("queries that are labeled", "label"),
        lambda folder: rewritten(
            *("queries.parquet", "queries", 0, 0),
            index=first_is(pq.read_table(folder / "labeled.parquet")["index"][0].as_py()),
        )(folder),
        *("queries.parquet", "labeled already", "anew"),
    ),
    case(
        *(
            "queries out of order",
            "label",
            columns("queries.parquet", rank=lambda r: r[::-1].copy()),
        ),
        *("queries.parquet", "ranks", "anew"),
    ),
    case(
        *("no queries", "label", gone("queries.parquet")),
        *("queries.parquet", "is missing", "makes it"),
    ),
    case(
        *("heavy pseudo-label", "evaluate", columns("pseudo.parquet", weight=first_is(1.5))),
        *("pseudo.parquet", "1.5", "in [0, 1]"),
    ),
    case(
        *("pseudo-labels of nothing", "evaluate", metadata("pseudo.parquet", fingerprint="f00")),
        *("pseudo.parquet", "f00", "made for this pool"),
    ),
]

WEIGHTS = [
    case(
        *("no weights", "embed", gone("model.safetensors")),
        *("model.safetensors", "is missing", "makes it"),
    ),
    case(
        *("truncated weights", "embed", torn("model.safetensors")),
        *("model.safetensors", "not a complete safetensors file", "delete it"),
    ),
    case(
        *("pickle for weights", "train", text("theta.safetensors", PICKLED)),
        *("theta.safetensors", "not a complete safetensors file", "delete it"),
    ),
    case(
        *("wider network", "embed", weights("model.safetensors", width=0.125)),
        *("model.safetensors", "width", "delete it"),
    ),
    case(
        *("network without weight norm", "train", weights("theta.safetensors", weight_norm=False)),
        *("theta.safetensors", "weight_norm", "delete it"),
    ),
    case(
        *("weights that are no numbers", "embed", not_finite("model.safetensors")),
        *("model.safetensors", "not finite", "delete it"),
    ),
    case(
        *("pre-training that is no numbers", "train", not_finite("theta.safetensors")),
        *("theta.safetensors", "not finite", "delete it"),
    ),
    case(
        *("folder for weights", "embed", is_folder("model.safetensors")),
        *("model.safetensors", "Is a directory", "move it away"),
    ),
]

TRAINING = [
    case(
        *("SUP diverges", "train", nothing),
        *("sup epoch 0", "learning rate 9.3", "smaller sup.lr"),
        settings=with_settings(sup=LONE_EPOCH | {"lr": 1e30}, semi={"sup_epochs": None}),
    ),
    case(
        *("SEMI diverges", "train", nothing),
        *("semi epoch 0", "learning rate 1e+30", "make semi.lr smaller"),
        settings=with_settings(semi=LONE_EPOCH | {"lr": 1e30}),
    ),
    case(
        *("PRE diverges", "pretrain", nothing),
        *("pretrain epoch 0", "learning rate 9.3", "smaller pretrain.lr"),
        settings=with_settings(pretrain={"epochs": 3, "lr": 1e30}),
    ),
    case(
        *("no GPU", "train", nothing),
        *("device", "cuda", "set device: auto"),
        device="cuda",
    ),
    case(*("zero threads", "train", nothing), *("--threads", "0", "at least 1"), threads=0),
    case(
        *("unknown PRE", "pretrain", nothing),
        *("--pre", "'deepclustre'", "did you mean deepcluster?"),
        pre="deepclustre",
    ),
    case(
        *("SEMI that is not there", "train", nothing),
        *("--semi", "'propagation'", "label_propagation"),
        semi="propagation",
    ),
    case(
        *("cell that is none", "train", nothing),
        *("--cell", "semi/0", "method/strategy/seed/cycle"),
        cell="semi/0",
    ),
    case(
        *("memory that is none", "train", nothing),
        *("--pool-memory-mb", "'lots'", "auto"),
        pool_memory_mb="lots",
    ),
    case(
        *("section that is missing", "train", nothing),
        *("--settings", "sup", "give"),
        settings=json.dumps({key: SETTINGS[key] for key in ("network", "augment", "optimizer")}),
    ),
]

ARRAYS = [
    case(
        *("no test images", "embed", gone("test_images.npy")),
        *("test_images.npy", "is missing", "anew"),
    ),
    case(
        *("larger test images", "embed"),
        array("test_images.npy", lambda found: np.repeat(np.repeat(found, 2, 1), 2, 2)),
        *("test_images.npy", "(500, 32, 32, 1)", "anew"),
    ),
    case(
        *("test images of floats", "embed", array("test_images.npy", lambda found: found / 255)),
        *("test_images.npy", "float64", "anew"),
    ),
    case(
        *("no embeddings", "propagate", gone("embeddings.npy")),
        *("embeddings.npy", "is missing", "anew"),
    ),
    case(
        *("NaN in the embeddings", "propagate", array("embeddings.npy", with_cell(3, np.nan))),
        *("embeddings.npy", "image 3", "smaller learning rate"),
    ),
    case(
        *("NaN for CoreSet", "acquire", array("embeddings.npy", with_cell(3, np.nan))),
        *("embeddings.npy", "image 3", "smaller learning rate"),
    ),
    case(
        *("infinite embedding", "acquire", array("embeddings.npy", with_cell(4, np.inf))),
        *("embeddings.npy", "image 4", "smaller learning rate"),
    ),
    case(
        *("all-zero embeddings", "propagate", array("embeddings.npy", lambda found: found * 0)),
        *("embeddings.npy", "image 0 (and 59 more)", "smaller learning rate"),
    ),
    case(
        *(
            "embeddings of too few images",
            "acquire",
            array("embeddings.npy", lambda found: found[:50]),
        ),
        *("embeddings.npy", "(50, 8)", "anew"),
    ),
    case(
        *("flat embeddings", "propagate", array("embeddings.npy", lambda found: found.ravel())),
        *("embeddings.npy", "(480,)", "anew"),
    ),
    case(
        *("embeddings of another type", "propagate"),
        array("embeddings.npy", lambda found: found.astype(np.float64)),
        *("embeddings.npy", "float64", "anew"),
    ),
    case(
        *("half the embeddings", "acquire", torn("embeddings.npy")),
        *("embeddings.npy", "not a complete", "anew"),
    ),
    case(
        *("embeddings of pickles", "acquire"),
        array("embeddings.npy", lambda found: np.array([None, PICKLED], dtype=object)),
        *("embeddings.npy", "pickle", "anew"),
    ),
    case(
        *("k of all images", "propagate", nothing),
        *("propagation.k", "60", "below"),
        settings=with_settings(propagation={"k": 60}),
    ),
    case(
        *("probabilities of other classes", "acquire"),
        array("probabilities.npy", lambda found: found[:, :9]),
        *("probabilities.npy", "(60, 9)", "anew"),
        **{"strategy": "uncertainty", "probabilities": "probabilities.npy"},
    ),
    case(
        *(
            "probabilities that are no numbers",
            "acquire",
            array("probabilities.npy", with_cell(2, np.nan)),
        ),
        *("probabilities.npy", "row 2", "anew"),
        **{"strategy": "uncertainty", "probabilities": "probabilities.npy"},
    ),
    case(
        *("probabilities that are logits", "evaluate"),
        array("test_probabilities.npy", lambda found: np.log(found)),
        *("test_probabilities.npy", "row 0", "anew"),
    ),
    case(
        *("predictions of too few images", "evaluate"),
        array("test_probabilities.npy", lambda found: found[:499]),
        *("test_probabilities.npy", "(499, 10)", "anew"),
    ),
    case(
        *("test label that is no class", "evaluate", array("test_labels.npy", with_cell(0, 10))),
        *("test_labels.npy", "label 10", "anew"),
    ),
    case(
        *("no test labels", "evaluate", gone("test_labels.npy")),
        *("test_labels.npy", "is missing", "anew"),
    ),
    case(
        *("torn graph", "acquire", torn("graph.npz")),
        *("graph.npz", "not a complete", "anew"),
        **{"strategy": "jlp", "graph": "graph.npz"},
    ),
    case(
        *("graph of another pool", "acquire"),
        lambda folder: __import__("scipy.sparse").sparse.save_npz(
            folder / "graph.npz", __import__("scipy.sparse").sparse.eye_array(50, format="csr")
        ),
        *("graph.npz", "50", "anew"),
        **{"strategy": "jlp", "graph": "graph.npz"},
    ),
    case(
        *("graph that is no graph", "acquire"),
        lambda folder: np.savez(folder / "graph.npz", anything=np.zeros(3)),
        *("graph.npz", "not a complete", "anew"),
        **{"strategy": "jlp", "graph": "graph.npz"},
    ),
    case(
        *(
            "clusters of too few images",
            "diagnose",
            array("clusters.npy", lambda found: found[:, :50]),
        ),
        *("clusters.npy", "(1, 50)", "anew"),
    ),
    case(
        *("torn list of epochs", "diagnose", text("cluster_epochs.json", "[0,")),
        *("cluster_epochs.json", "complete", "anew"),
    ),
    case(
        *("epochs of other clusters", "diagnose", text("cluster_epochs.json", "[0, 1]")),
        *("cluster_epochs.json", "[0, 1]", "anew"),
    ),
    case(
        *("torn history", "evaluate", torn("history.parquet")),
        *("history.parquet", "not a complete Parquet file", "anew"),
    ),
    case(
        *("history of another table", "evaluate"),
        lambda folder: shutil.copy(folder / "queries.parquet", folder / "history.parquet"),
        *("history.parquet", "device", "anew"),
    ),
]

ASKING = [
    case(
        *("more queries than images", "acquire", nothing),
        *("--budget", "41", "ask for fewer"),
        budget=41,
    ),
    case(*("no queries asked", "acquire", nothing), *("--budget", "0", "at least 1"), budget=0),
    case(
        *("misspelt strategy", "acquire", nothing),
        *("--strategy", "'core-set'", "did you mean coreset?"),
        strategy="core-set",
    ),
    case(
        *("strategy without its array", "acquire", nothing),
        *("--embeddings", "coreset", "give"),
        embeddings=None,
    ),
    case(
        *("strategy without its settings", "acquire", nothing),
        *("--settings", "propagation", "give"),
        **{"strategy": "jlp", "graph": "graph.npz", "settings": "{}"},
    ),
]

RESULTS = [
    case(
        *("cell that was not run", "runs", gone(METRICS)),
        *(METRICS, "is missing", "has not been run"),
    ),
    case(*("torn metrics", "runs", torn(METRICS)), *(METRICS, "not a complete JSON file", "anew")),
    case(
        *("metrics of another cell", "runs", in_json(METRICS, seed=3)),
        *(METRICS, "seed is 3", "anew"),
    ),
    case(*("metrics that are a list", "runs", text(METRICS, "[]")), *(METRICS, "list", "anew")),
    case(
        *("metrics without accuracy", "runs", in_json(METRICS, accuracy=None)),
        *(METRICS, "accuracy", "anew"),
    ),
    case(
        *("torn description of the pool", "runs", torn("pool.json")),
        *("pool.json", "complete", "anew"),
    ),
    case(
        *("description without a name", "runs", nothing),
        *("--info", "pool.json", "NAME=FILE"),
        info=["pool.json"],
    ),
    case(
        *("torn grid on the command line", "runs", nothing), *("--config", "{", "JSON"), config="{"
    ),
    case(
        *("torn diagnosis", "pretraining", torn("diagnosis.json")),
        *("diagnosis.json", "complete", "anew"),
    ),
    case(
        *("diagnosis without NMI", "pretraining", in_json("diagnosis.json", nmi=None)),
        *("diagnosis.json", "nmi", "anew"),
    ),
    case(
        *("no runs", "tables", gone("results/tables/runs.csv")),
        *("results/tables/runs.csv", "is missing", "runs"),
    ),
    case(
        *("empty runs", "tables", text("results/tables/runs.csv", "")),
        *("results/tables/runs.csv", "CSV", "anew"),
    ),
    case(
        *("binary runs", "tables", text("results/tables/runs.csv", b"\xff\x00\xfe,\n\x81")),
        *("results/tables/runs.csv", "CSV", "anew"),
    ),
    case(
        *(
            "runs without a column",
            "tables",
            in_text("results/tables/runs.csv", "n_labels", "labels"),
        ),
        *("results/tables/runs.csv", "n_labels", "anew"),
    ),
    case(
        *(
            "runs with a word for a number",
            "tables",
            in_text("results/tables/runs.csv", "initial,0,0,20", "initial,x,0,20"),
        ),
        *("results/tables/runs.csv", "'x'", "anew"),
    ),
    case(
        *(
            "runs of another grid",
            "tables",
            in_text("results/tables/runs.csv", "tiny,digits", "huge,digits"),
        ),
        *("results/tables/runs.csv", "huge", "a results folder of its own"),
    ),
    case(
        *("impossible accuracy", "tables"),
        lambda folder: text(
            "results/tables/runs.csv",
            re.sub(
                r"(initial,0,0,20),[^,]*",
                r"\1,250.0",
                (folder / "results/tables/runs.csv").read_text(),
            ),
        )(folder),
        *("results/tables/runs.csv", "250.0", "between 0 and 100"),
    ),
    case(
        *("no accuracy", "figures", gone("results/tables/accuracy.csv")),
        *("results/tables/accuracy.csv", "is missing", "tables"),
    ),
    case(
        *("torn accuracy", "figures", torn("results/tables/accuracy.csv", 0.3)),
        *("results/tables/accuracy.csv", "column", "anew"),
    ),
    case(
        *("grid without experiments", "figures", nothing),
        *("--grid", "experiments", "give"),
        grid="{}",
    ),
    case(
        *("results that are not there", "show", nothing),
        *("nowhere/tables/accuracy.csv", "is missing", "all_tables"),
        results="nowhere",
    ),
    case(
        *("accuracy that is no table", "show", text("results/tables/accuracy.csv", "hello\n")),
        *("results/tables/accuracy.csv", "column", "anew"),
    ),
    case(
        *("results that are a file", "land", nothing),
        *("grid.yaml/tables/runs.csv", "Not a directory", "move it away"),
        results="grid.yaml",
    ),
    case(
        *("unfinished grid", "land", gone("results/tables/runs.csv")),
        *("results/tables/runs.csv", "is missing", "give"),
    ),
    case(
        *(
            "settings of another grid",
            "land",
            in_text("results/tables/settings.json", '"tiny"', '"huge"'),
        ),
        *("runs.csv", "tiny", "anew"),
    ),
    case(
        *("torn settings", "compare", torn("results/tables/settings.json")),
        *("results/tables/settings.json", "complete", "anew"),
    ),
    case(
        *("settings that are a list", "compare", text("results/tables/settings.json", "[]")),
        *("results/tables/settings.json", "holds a list", "anew"),
    ),
    case(
        *("no evidence", "compare", nothing),
        *("nowhere/runs.csv", "is missing", "give"),
        evidence=["nowhere"],
    ),
    case(*("no paper", "compare", gone("paper.csv")), *("paper.csv", "is missing", "give")),
    case(
        *(
            "paper with a cell twice",
            "compare",
            lambda folder: text(
                "paper.csv",
                (folder / "paper.csv").read_text()
                + (folder / "paper.csv").read_text().splitlines()[5]
                + "\n",
            )(folder),
        ),
        *("paper.csv", "twice", "keep one row"),
    ),
    case(
        *("no grid of the paper", "compare", gone("grid.yaml")),
        *("grid.yaml", "is missing", "--paper-grid"),
    ),
]

CASES = GRID + DATA + POOLS + SETS + WEIGHTS + TRAINING + ARRAYS + ASKING + RESULTS


def image_sources() -> dict[str, Callable[[Path], Images]]:
    """Sources that hand over what no pool can be made of."""
    good = Images(
        train=np.zeros((20, 16, 16, 1), dtype=np.uint8),
        train_labels=np.arange(20) % 10,
        test=np.zeros((5, 16, 16, 1), dtype=np.uint8),
        test_labels=np.arange(5),
        class_names=[str(digit) for digit in range(10)],
    )
    mixed = np.empty(20, dtype=object)
    mixed[:] = [np.zeros((8 + number, 16, 1), dtype=np.uint8) for number in range(20)]
    changes: dict[str, dict[str, Any]] = {
        "mixed": {"train": mixed},
        "other_test": {"test": good.test[:, :8, :8]},
        "floats": {"train": good.train / 255},
        "short": {"train_labels": good.train_labels[:19]},
        "eleventh": {"train_labels": np.arange(20) % 11},
    }
    return {
        name: lambda data_dir, new=new: Images(**{**vars(good), **new})
        for name, new in changes.items()
    }


@pytest.fixture
def sources(monkeypatch):
    """Those, and no network for the others."""
    for name, load in image_sources().items():
        monkeypatch.setitem(SOURCES, name, Source(load, 20, 5, 16, 1, 10))

    def refuse(*arguments, **options):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("stage", CHAIN)
def test_unspoiled_input_is_taken(folder, stage):
    """So that a case fails for what it spoils, and for nothing else."""
    assert run(command(stage, out="out/")) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_bad_input(folder, case, sources, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    case.spoil(folder)
    words = command(case.stage, out="out/", **case.options)
    for earlier in (False, True):  # nothing there, then the outputs of an earlier run
        for name in outputs(case.stage) if earlier else []:
            path = folder / "out" / name
            if path.suffix == "":  # a folder of outputs
                path = path / "earlier"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("earlier")
        before = contents(folder)
        capsys.readouterr()
        status = run(words)
        said = capsys.readouterr()
        message = paragraph(said.err)
        assert status == 2, message
        assert said.out == ""
        for part in case.says:
            assert part in message, f"{part!r} is not said in: {message}"
        assert contents(folder) == before


# ---------------------------------------------------------------------------------------------
# What the system refuses
# ---------------------------------------------------------------------------------------------


class Refusal(NamedTuple):
    """What the system refuses a stage, how that comes about, and what must be said."""

    name: str
    stage: str
    refusing: Callable[[Path], contextlib.AbstractContextManager[None]]
    says: tuple[str, str, str]
    options: dict[str, Any]
    as_nobody: bool = False
    whole: tuple[str, ...] = ()  # outputs that are written, whole, before


@contextlib.contextmanager
def mounted(folder: Path, free: int, read_only: bool = False) -> Iterator[None]:
    """`out` on a file system of its own, a small one, where so many bytes are free."""
    out = folder / "out"
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(out)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system of its own needs root, and more than a container gives")
    try:
        for name, content in kept.items():
            (out / name).write_bytes(content)
        there = os.statvfs(out)
        (out / "filler").write_bytes(b"0" * (there.f_bavail * there.f_bsize - free))
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(out)], check=True)


def full(free: int) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    return lambda folder: mounted(folder, free)


def read_only(folder: Path) -> contextlib.AbstractContextManager[None]:
    return mounted(folder, 0, read_only=True)


@contextlib.contextmanager
def quota(folder: Path) -> Iterator[None]:
    """No file may grow beyond a kilobyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def forbidden(name: str, mode: int) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    """A file or folder has these permissions."""

    @contextlib.contextmanager
    def refusing(folder: Path) -> Iterator[None]:
        before = (folder / name).stat().st_mode
        (folder / name).chmod(mode)
        yield
        (folder / name).chmod(before)

    return refusing


@contextlib.contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Not root, whom permissions do not bind."""
    if os.geteuid() != 0:
        yield
        return
    folder.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def blocked(name: str) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    """A folder stands where a file is to be written."""

    @contextlib.contextmanager
    def refusing(folder: Path) -> Iterator[None]:
        (folder / name).unlink(missing_ok=True)
        (folder / name / "inside").mkdir(parents=True)
        yield

    return refusing


@contextlib.contextmanager
def no_folder(folder: Path) -> Iterator[None]:
    """A file stands where the folder of the outputs should."""
    shutil.rmtree(folder / "out")
    (folder / "out").write_text("a file")
    yield
    (folder / "out").unlink()
    (folder / "out").mkdir()


@contextlib.contextmanager
def nothing_refused(folder: Path) -> Iterator[None]:
    yield


def refusal(
    name: str,
    stage: str,
    refusing: Callable[[Path], Any],
    *says: str,
    as_nobody: bool = False,
    whole: tuple[str, ...] = (),
    **options: Any,
) -> Refusal:
    file, value, remedy = says
    return Refusal(name, stage, refusing, (file, value, remedy), options, as_nobody, whole)


SPACE, PERMISSION = "Free some space", "change that, or choose another folder"
PAGE = 4096
REFUSALS = [
    refusal("full before data", "data", full(0), "out/", "No space left", SPACE),
    refusal("full amid data", "data", full(2 * PAGE), "out/pool.npy", "written", SPACE),
    refusal(
        *("full amid weights", "train", full(4 * PAGE)),
        *("out/model.safetensors", "No space left", SPACE),
        whole=("out/history.parquet",),
    ),
    refusal("full amid Parquet", "label", full(PAGE), "out/next.parquet", "No space left", SPACE),
    refusal("full amid JSON", "diagnose", full(PAGE), "out/diagnosis.json", "No space left", SPACE),
    refusal("file too large", "label", quota, "out/next.parquet", "File too large", SPACE),
    refusal("read-only disk", "train", read_only, "out/", "Read-only file system", PERMISSION),
    refusal(
        *("read-only folder", "label", forbidden("out", 0o555)),
        *("out/", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("unreadable labels", "label", forbidden("oracle.parquet", 0)),
        *("oracle.parquet", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("unreadable weights", "embed", forbidden("model.safetensors", 0)),
        *("model.safetensors", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("folder for an output", "train", blocked("out/model.safetensors")),
        *("out/model.safetensors", "Is a directory", "move it away"),
    ),
    refusal(
        *("folder for another output", "pretrain", blocked("out/pretrain.parquet")),
        *("out/pretrain.parquet", "Is a directory", "move it away"),
    ),
    refusal(
        *("file for the folder of outputs", "label", no_folder),
        *("out", "File exists", "move it away"),
    ),
    refusal(
        *("folder for a log", "label", nothing_refused),
        *("here", "Is a directory", "move it away"),
        log=".",
    ),
    refusal(
        *("log below a file", "label", nothing_refused),
        *("grid.yaml", "Not a directory", "move it away"),
        log="grid.yaml/logs/label.log",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name.replace(" ", "-"))
def test_what_the_system_refuses(folder, case, capsys):
    (folder / "out").mkdir()
    (folder / "out").chmod(0o777)
    for name in outputs(case.stage):
        (folder / "out" / name).write_text("earlier")
    words = command(case.stage, out="out/", **case.options)
    capsys.readouterr()
    with case.refusing(folder):
        before = contents(folder)
        with nobody(folder) if case.as_nobody else contextlib.nullcontext():
            status = run(words)
        after = contents(folder)
    said = capsys.readouterr()
    message = paragraph(said.err)
    assert status == 2, message
    for part in case.says:
        assert part in message, f"{part!r} is not said in: {message}"
    for name in case.whole:
        del before[name], after[name]
    assert after == before


# ---------------------------------------------------------------------------------------------
# The grid as a whole
# ---------------------------------------------------------------------------------------------

GRIDS = [
    case(
        *("misspelt key", "snakemake", config("cycels", 3)),
        *("cycels", "the configuration is wrong", "did you mean cycles?"),
    ),
    case(
        *("a key twice", "snakemake"),
        lambda folder: (folder / "grid.yaml").open("a").write("seeds: 3\n"),
        *("grid.yaml", "key 'seeds'", "keep one"),
    ),
    case(
        *("zero seeds on the command line", "snakemake", nothing),
        *("seeds", "0", "minimum of 1"),
        config="seeds=0",
    ),
    case(
        *("a name that a shell would run", "snakemake"),
        config("experiments/x; touch pwned", {"dataset": "digits", "budget": 10}),
        *("experiments", "'x; touch pwned'", "Letters, digits and . _ + - only"),
    ),
    case(
        *("results_dir that is a file", "snakemake", config("results_dir", "paper.csv")),
        *("paper.csv", "a file stands where this folder should", "move it away"),
    ),
]


@pytest.mark.parametrize("case", GRIDS, ids=lambda case: case.name.replace(" ", "-"))
def test_bad_grid(folder, case):
    case.spoil(folder)
    before = contents(folder)
    words = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "grid.yaml", "--cores", "1"]
    for name, value in case.options.items():
        words += [f"--{name}", value]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], env=environment, text=True, capture_output=True
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said
    for part in case.says:
        assert part in said, f"{part!r} is not said in: {said}"
    shutil.rmtree(folder / ".snakemake")  # Snakemake's own
    assert contents(folder) == before
