"""A lab's own package, installed beside ours: one plug-in of each kind, and a grid made of them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from running import ROOT, planned, snakemake

LAB, GRID = ROOT / "tests" / "workflow" / "toylab", ROOT / "tests" / "workflow" / "toylab.yaml"
RUNS = Path("results/runs")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The package, installed by pip into a folder on the path of all processes."""
    site = tmp_path_factory.mktemp("site")
    copy = tmp_path_factory.mktemp("toylab") / "toylab"
    subprocess.run(["cp", "-r", str(LAB), str(copy)], check=True)  # pip writes beside the source
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-index", "--target", str(site), str(copy)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site), prepend=":")
        yield site


@pytest.fixture(scope="module")
def grid(lab, tmp_path_factory):
    """The folder of the grid after `snakemake all`."""
    folder = tmp_path_factory.mktemp("grid")
    snakemake(folder, "--cores", "2", "all", config=GRID)
    return folder


def test_nothing_of_ours_knows_the_lab():
    words = ("toylab", "stripes", 'settings["blocks"]')
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "rules").glob("*.smk")]:
        assert not [word for word in words if word in path.read_text()], path


def test_the_grid_ends_and_nothing_is_left_to_do(grid):
    assert planned(grid, "all", config=GRID) == []


def test_a_strategy_with_a_section_asks_as_it_says(grid):
    cell = grid / RUNS / "features/pre/farthest/seed0/cycle0/queries.parquet"
    table = pq.read_table(cell)
    assert json.loads(table.schema.metadata[b"settings"]) == {"farthest": {"power": 3}}
    scores = table["score"].to_numpy()
    assert len(scores) == 10 and (np.diff(scores) <= 0).all()


def test_a_strategy_reads_the_lab_s_classifier(grid):
    """The head that is read off it predicts what the network predicted."""
    folder = grid / RUNS / "features/pre/initial/seed0/cycle0"
    head, embeddings = np.load(folder / "head.npy"), np.load(folder / "embeddings.npy")
    powers = np.exp(embeddings @ head[:, :-1].T + head[:, -1])
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, np.load(folder / "probabilities.npy"), atol=1e-6)
    asked = grid / RUNS / "features/pre/alfamix/seed0/cycle0/queries.parquet"
    assert len(pq.read_table(asked)) == 10


def test_features_stand_for_the_images(grid):
    folder = grid / "results/datasets/digits/pretrain/blocks"
    features, test = np.load(folder / "features.npy"), np.load(folder / "test_features.npy")
    images = np.load(grid / "results/datasets/digits/pool.npy")
    assert features.shape == (200, 16) and test.shape == (500, 16)
    block = images[7, 4:8, 8:12, 0].mean()
    assert features[7, 6] / features[7, 0] == pytest.approx(block / images[7, :4, :4, 0].mean())
    embeddings = np.load(grid / RUNS / "features/pre/initial/seed0/cycle0/embeddings.npy")
    assert embeddings.shape == (200, 8)  # the network's, of the features


def test_a_semi_trains_by_its_own_loss(grid):
    for cell in ("features/pre+semi", "person/semi"):
        path = grid / RUNS / cell / "initial/seed0/cycle0/history.parquet"
        history = pq.read_table(path).to_pandas()
        assert list(history["phase"]) == ["sup"] * 3 + ["semi"] * 2
        assert history["distance"][3:].notna().all()
    # it propagates nothing, so there are no pseudo-labels to judge
    metrics = json.loads((path.parent / "metrics.json").read_text())
    assert metrics["pseudo_labels"] is None


def test_an_oracle_that_knows_half_is_asked_again(grid):
    folder = grid / RUNS / "person"
    first = pq.read_table(folder / "initial/seed0/labeled.parquet").to_pandas()
    assert (first["index"] % 2 == 0).all()
    assert (first["label"] == first["index"] % 3).all()
    assert first["label"].value_counts().tolist() == [2, 2, 2]
    run = folder / "semi/random/seed0"
    asked = pq.read_table(run / "cycle0/queries.parquet")["index"].to_numpy()
    labeled = pq.read_table(run / "cycle1/labeled.parquet").to_pandas()
    new = labeled["index"][labeled["cycle"] == 1]
    assert list(new) == [index for index in asked if index % 2 == 0]


def test_without_truth_the_columns_that_need_it_are_empty(grid):
    assert pq.read_table(grid / "results/datasets/photos/oracle.parquet").num_rows == 0
    assert np.load(grid / "results/datasets/photos/test_images.npy").shape == (0, 16, 16, 1)
    runs = pd.read_csv(grid / "results/tables/runs.csv")
    person = runs[runs["experiment"] == "person"]
    assert len(person) == 2
    assert person[["accuracy", "nll", "ece", "per_class_accuracy"]].isna().all().all()
    assert person["n_labels"].min() == 6 and person["final_loss"].notna().all()
    assert runs[runs["experiment"] == "features"]["accuracy"].notna().all()


def test_its_page_stands_among_the_tables(grid):
    best = pd.read_csv(grid / "results/tables/best.csv")
    assert set(best["experiment"]) == {"features"}
    assert "Farthest" in (grid / "results/tables/table3.md").read_text()
