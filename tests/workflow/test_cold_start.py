"""From zero labels: a strategy asks first, classes are missing, and every stage copes."""

import json

import pandas as pd
from running import planned, snakemake

PRE = {"pre": "deepcluster"}
SEMI = {**PRE, "semi": "label_propagation"}
WORDS = {
    "experiments": {
        "one": {"dataset": "digits", "budget": 3, "initial": {"strategy": "random", "size": 1}},
        # a first batch that a strategy has asked for; one label is harder for those that follow
        "three": {
            **{"dataset": "digits", "budget": 3, "initial": {"strategy": "typiclust"}},
            "methods": {"semi": {**SEMI, "strategies": ["typiclust", "jlp"]}},
        },
    },
    "methods": {
        "semi": {**SEMI, "strategies": ["typiclust", "margin", "badge", "jlp"]},
        "baseline": {**PRE, "strategies": ["ceal", "bald", "cluster_margin"]},
    },
    "network": {"width": 0.0625, "logit_scale": 10},
    "seeds": 1,
    "tables": {},
}


def test_a_grid_from_zero_labels(varied, tmp_path):
    config = varied(**WORDS)
    snakemake(tmp_path, "--cores", "2", "all_tables", config=config)
    assert planned(tmp_path, "all_tables", config=config) == []
    for name, size in (("three", 3), ("one", 1)):
        start = tmp_path / f"results/runs/{name}/initial/seed0"
        asked, labeled = (pd.read_parquet(start / f"{it}.parquet") for it in ("queries", "labeled"))
        assert list(asked["index"]) == list(labeled["index"])
        assert len(labeled) == size and (labeled["cycle"] == 0).all()
        for metrics in (tmp_path / f"results/runs/{name}").rglob("metrics.json"):
            found = json.loads(metrics.read_text())
            assert found["labels_per_class"].count(0) >= 10 - found["n_labels"] > 0
    runs = pd.read_csv(tmp_path / "results/tables/runs.csv")
    assert set(runs["n_labels"]) == {1, 4, 3, 6}
