"""Every stage that needs no network, as a command, and what the others would have left."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from toys import PROPAGATION

N, CLASSES = 60, 10
CEAL = {"threshold": 0.5, "decay": 0.0}
JLP = {"graph": "union"}
POOL = {"size": N, "sampling": "stratified", "seed": 0, "mean": None, "std": None}
POOL |= {"grey_channels": 1, "copies": "merge"}
VIEWS = {"translate": 1, "flip": False}


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        **options,
    )


def data_command(folder, pool=None, source="digits"):
    return [
        "data",
        *("--name", "digits", "--data-dir", str(folder / "nowhere")),
        *("--settings", json.dumps({"source": source, "pool": POOL | (pool or {})})),
        *("--pool", str(folder / "pool.npy"), "--info", str(folder / "pool.json")),
        *("--made", str(folder / "source.json"), "--files", str(folder / "files.json")),
        *("--oracle", str(folder / "oracle.parquet")),
        *("--test-images", str(folder / "test_images.npy")),
        *("--test-labels", str(folder / "test_labels.npy")),
    ]


def chain(folder):
    """The commands of every stage that needs no network, in an order in which they can run."""
    pool = ["--pool", str(folder / "pool.npy"), "--info", str(folder / "pool.json")]
    oracle = ["--oracle", str(folder / "oracle.parquet")]
    labeled = ["--labeled", str(folder / "labeled.parquet")]
    arrays = {name: ["--" + name, str(folder / name) + ".npy"] for name in ("embeddings",)}
    arrays["probabilities"] = ["--probabilities", str(folder / "probabilities.npy")]
    options = ["--settings", json.dumps({"propagation": PROPAGATION, "ceal": CEAL, "jlp": JLP})]
    asking = [*oracle, "--settings", json.dumps({"oracle": "hidden"})]

    def cell(strategy, cycle=0):
        return ["--cell", f"toy/semi/{strategy}/3/{cycle}"]

    commands = [
        data_command(folder),
        ["label_all", *pool, *asking, "--out", str(folder / "all_labels.parquet")],
        ["initial", *pool, *asking, "--out", labeled[1], "--seed", "3", "--size", "20"],
        [
            *("propagate", *pool, *labeled, *arrays["embeddings"]),
            *("--out", str(folder / "pseudo.parquet"), *options, *cell("initial")),
            *("--device", "cpu"),
        ],
    ]
    needs = {
        "random": [],
        "uncertainty": arrays["probabilities"],
        "ceal": [
            *arrays["probabilities"],
            *("--pseudo-labels", str(folder / "ceal.parquet")),
        ],
        "coreset": arrays["embeddings"],
        "jlp": arrays["embeddings"],
    }
    for strategy, given in needs.items():
        queries = str(folder / f"queries-{strategy}.parquet")
        commands.append(
            [
                *("acquire", *pool, *labeled, "--strategy", strategy, "--out", queries),
                *("--budget", "7", *options, *cell(strategy), *given),
            ]
        )
    commands += [
        [
            *("label", *pool, *labeled, "--queries", str(folder / "queries-jlp.parquet"), *asking),
            *("--out", str(folder / "next.parquet"), *cell("jlp", cycle=1)),
        ],
        [
            *("evaluate", *pool, *labeled, *asking, *cell("initial")),
            *("--history", str(folder / "history.parquet")),
            *("--test-probabilities", str(folder / "test_probabilities.npy")),
            *("--test-labels", str(folder / "test_labels.npy")),
            *("--pseudo-labels", str(folder / "pseudo.parquet")),
            *("--out", str(folder / "metrics.json")),
        ],
    ]
    return commands


def write_embed_and_train_outputs(folder):
    """What the stages with a network would have left: random, but of the right kind."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(N, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.save(folder / "embeddings.npy", embeddings)
    for name, count in (("probabilities", N), ("test_probabilities", 500)):
        sharp = rng.dirichlet(np.full(CLASSES, 0.1), size=count).astype(np.float32)
        np.save(folder / f"{name}.npy", sharp)
    table = pa.table({"epoch": [0, 1], "loss": [2.0, 1.0]})
    metadata = {"device": "cpu", "threads": "1", "torch": "2", "wholepool": "0"}
    metadata["precision"] = "bfloat16"
    pq.write_table(table.replace_schema_metadata(metadata), folder / "history.parquet")
