"""A grid on frozen features, from images to metrics; and a second one, which embeds nothing."""

import json

import numpy as np
import pytest
from running import planned, snakemake

MADE = "results/datasets/digits/pretrain/pretrained"
FEATURES = f"{MADE}/features.npy"
WORDS = {
    "datasets": {"digits": {"pool": {"size": 100}, "network": {"name": "head"}}},
    "network": {"name": "head"},
    "pretrained": {"size": 32},
    "methods": {
        "baseline": {"pre": "pretrained", "strategies": ["typiclust"]},
        "semi": {"pre": "pretrained", "semi": "label_propagation", "strategies": ["badge"]},
    },
    "propagation": {"k": 10, "balance": "auto"},  # else one class takes over so small a pool
    "tables": {},
    "seeds": 1,
}


@pytest.fixture
def grid(varied, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return varied(**WORDS)


def test_a_grid_on_frozen_features(grid, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    snakemake(first, "--cores", "2", "all_tables", config=grid)
    assert planned(first, "all_tables", config=grid) == []
    rows, test = np.load(first / FEATURES), np.load(first / MADE / "test_features.npy")
    assert rows.shape == (100, 320) and test.shape == (500, 320)
    for found in (rows, test):
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for cell in ("baseline/typiclust", "semi/badge"):
        metrics = first / f"results/runs/tiny/{cell}/seed0/cycle1/metrics.json"
        assert json.loads(metrics.read_text())["accuracy"] > 30  # by chance it is 10

    snakemake(second, "--cores", "1", FEATURES, config=grid)
    (log,) = (second / "results/logs/pretrain").rglob("*.log")
    assert "features of 100 of 100 images are in" in log.read_text()
    for name in (FEATURES, f"{MADE}/test_features.npy"):
        assert (second / name).read_bytes() == (first / name).read_bytes()
